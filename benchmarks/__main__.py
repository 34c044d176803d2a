"""What `make bench` runs: every benchmark as a process of its own, then one table of figures and aims.

    python -m benchmarks [--quick] [--only NAME …]

Results go to benchmarks/results/*.json; `--quick` (about four minutes) writes to a throw-away folder instead, because
its figures are too rough to keep. Let nothing else run on the machine meanwhile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import RESULTS

Report = dict[str, Any]
Lines = Iterator[tuple[str, str, str]]
"""(what, figure, aim)"""
LIMIT_SECONDS: Final = 900


@dataclass(frozen=True)
class Benchmark:
    """One module of this package."""

    name: str
    lines: Callable[[Report], Lines]
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = field(default=())


def _end_to_end(report: Report) -> Lines:
    for run in report["runs"]:
        where = f"{run['shape']}, {report['chats']} chats, {run['engine']}"
        added = run["first_words_added_ms"]
        alone = run["first_words_added_ms_one_chat"]
        yield (
            f"answers per second against the engine alone ({where})",
            f"{run['answers_per_second']} / {run['engine_alone_answers_per_second']} = {run['ratio']}",
            ">= 0.95",
        )
        yield f"first words added, p50 / p95 ({where})", f"{added['p50']} / {added['p95']} ms", ""
        yield f"the same with one chat ({run['shape']})", f"{alone['p50']} / {alone['p95']} ms", ""


def _idle_sockets(report: Report) -> Lines:
    yield "idle sockets held", f"{report['held']} of {report['sockets']}", "all"
    yield "memory per idle socket", f"{report['kib_per_socket']} KiB", ""


def _desk_fanout(report: Report) -> Lines:
    what = (
        f"{report['desks']} desks, {report['conversations']} conversations, {report['messages_per_second']} messages/s"
    )
    yield f"customer's message to every desk, p95 ({what})", f"{report['ms']['p95']} ms", "< 300 ms"
    yield "rows lost on the way to a desk", f"{report['lost']} of {report['expected']}", "0"


def _search_latency(report: Report) -> Lines:
    for size in (size for size in ("10000", "100000") if size in report):
        found = report[size]
        yield (
            f"search p95 at {int(size):,} passages (without encoding the question)",
            f"{found['question']['total_ms']['p95']} ms ({found['question']['without_encoding_ms']['p95']} ms)",
            "",
        )


def _indexing_rate(report: Report) -> Lines:
    rates = f"{report['pipeline_documents_per_second']} / {report['bare_documents_per_second']}"
    yield "documents per second against bare encode", f"{rates} = {report['ratio']}", ">= 0.9"


def _engine_batching(report: Report) -> Lines:
    rates = f"{report['engine_tokens_per_second']} / {report['one_at_a_time_tokens_per_second']}"
    what = f"tokens per second at {report['concurrent']} concurrent against one at a time ({report['dtype']})"
    yield what, f"{rates} = {report['ratio']}", ">= 4"


def _training_rate(report: Report) -> Lines:
    rates = f"{report['parley_tokens_per_second']} / {report['trl_tokens_per_second']}"
    yield "training tokens per second against bare TRL", f"{rates} = {report['ratio']}", ">= 0.97"


def _adapter_swap(report: Report) -> Lines:
    swap, what = report["swap_seconds"], f"{report['customers']} customers"
    yield f"adapter swap under load, p50 / p95 ({what})", f"{swap['p50']} / {swap['p95']} s", "< 1 s"
    yield "turns dropped by swaps", f"{report['dropped']} of {report['answers']}", "0"
    yield "adapter's share of an answer's time", f"{report['adapters_share_of_latency']}", ""


def _canary(report: Report) -> Lines:
    engines, looks = report["engines"], report["looks"]
    yield (
        f"memory of a second engine, weights shared / its own (weights {engines['weights_mib']} MiB)",
        f"{engines['shared_mib']} / {engines['own_mib']} MiB",
        "",
    )
    yield "time to load it, weights shared / its own", f"{engines['shared_seconds']} / {engines['own_seconds']} s", ""
    harmless = next(one for one in looks if one["z"] > 3 and not one["worse"])
    yield "harmless canaries that go back by themselves", f"{harmless['went_back']:.1%}", "< 5 %"


BENCHMARKS: Final = (
    Benchmark("end_to_end", _end_to_end, quick=("--turns", "2", "--dials", "500/40/100")),
    Benchmark("idle_sockets", _idle_sockets, quick=("--sockets", "300")),
    Benchmark("desk_fanout", _desk_fanout, quick=("--seconds", "10", "--conversations", "100")),
    Benchmark("search_latency", _search_latency, quick=("--sizes", "10000")),
    Benchmark("indexing_rate", _indexing_rate, quick=("--rounds", "1", "--documents", "40")),
    Benchmark("engine_batching", _engine_batching, quick=("--repeats", "1", "--tokens", "32")),
    Benchmark("training_rate", _training_rate, quick=("--rounds", "1", "--steps", "8")),
    Benchmark("adapter_swap", _adapter_swap, quick=("--swaps", "3")),
    Benchmark("canary", _canary, quick=("--trials", "20")),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="rough figures in a few minutes, nothing is kept")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in BENCHMARKS], metavar="NAME")
    arguments = parser.parse_args()
    chosen = [one for one in BENCHMARKS if not arguments.only or one.name in arguments.only]
    rows: list[tuple[str, str, str]] = []
    failed = []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as throw_away:
        for one in chosen:
            out = (Path(throw_away) if arguments.quick else RESULTS) / f"{one.name}.json"
            if _run(one, out, quick=arguments.quick):
                rows += one.lines(json.loads(out.read_text(encoding="utf-8")))
            else:
                failed.append(one.name)
    _print(rows)
    for name in failed:
        print(f"FAILED: {name} (see its output above)")
    return 1 if failed else 0


def _run(one: Benchmark, out: Path, *, quick: bool) -> bool:
    print(f"== {one.name}", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{one.name}", *(one.quick if quick else one.full), "--out", str(out)]
    try:
        status = subprocess.run(command, timeout=LIMIT_SECONDS, check=False).returncode
    except subprocess.TimeoutExpired:
        status = -1
    print(f"   {time.monotonic() - began:.0f} s", flush=True)
    return status == 0


def _print(rows: list[tuple[str, str, str]]) -> None:
    width = max((len(what) for what, _figure, _aim in rows), default=0)
    print()
    for what, figure, aim in rows:
        print(f"{what:{width}}  {figure}{f'   (aim {aim})' if aim else ''}")


if __name__ == "__main__":
    sys.exit(main())
