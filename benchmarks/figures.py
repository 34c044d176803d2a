"""What all benchmarks share: percentiles, where results go, and the machine in general terms."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"


def spread(values: Sequence[float], *, digits: int = 1) -> dict[str, float]:
    """p50 and p95 by nearest rank."""
    ordered = sorted(values)
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], digits)
        for name, share in (("p50", 0.50), ("p95", 0.95))
    }


def machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "machine": platform.machine()}


def write(path: Path, report: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report), flush=True)


def command(what: str | None, measure: Callable[..., dict[str, Any]], out: Path, **sizes: int) -> None:
    """The main of a benchmark whose options are whole numbers: one option for each of `sizes`, and --out."""
    parser = argparse.ArgumentParser(description=(what or "").splitlines()[0])
    for name, usual in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--out", type=Path, default=out)
    chosen = vars(parser.parse_args())
    write(chosen.pop("out"), measure(**chosen))
