"""What a trial costs: time and memory of the second engine over shared weights, and how often the clock errs.

    python -m benchmarks.canary [--trials 200] [--out FILE]

Memory is that of the process after an answer, with the second engine over the first one's weights and with a whole
engine of its own. The looks are simulated: two equal sides, watched every 20 conversations of the canary.
"""

import argparse
import gc
import os
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import figures
from finetune import threads

RESULT = figures.RESULTS / "canary.json"
HIDDEN, LAYERS = 768, 12
RATES = {"cut": 0.15, "abstained": 0.1, "handed_over": 0.12}


def resident_mib() -> float:
    import psutil

    gc.collect()
    return float(psutil.Process(os.getpid()).memory_info().rss) / 2**20


def engines() -> dict[str, Any]:
    from finetune.engines import load_beside, load_engine
    from finetune.records import EngineConfig
    from tests.finetune import tiny_model
    from tests.finetune.requests import ask

    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        model = tiny_model.build_model(root / "model", hidden=HIDDEN, layers=LAYERS, vocabulary=8192)
        adapters = [str(tiny_model.build_adapter(root / name, model, seed=seed)) for seed, name in enumerate("ab", 1)]
        config = EngineConfig(kind="transformers", model=str(model), adapter=adapters[0], dtype="float32",
                              context_tokens=1024, max_new_tokens=64, batch=16)  # fmt: skip
        second = replace(config, adapter=adapters[1], batch=4)
        first = load_engine(config)
        assert not first.generate(ask()).result.error  # random weights may have nothing to say
        report: dict[str, Any] = {"weights_mib": round((root / "model/model.safetensors").stat().st_size / 2**20, 1)}
        for name, load in (("shared", lambda: load_beside(first, second)), ("own", lambda: load_engine(second))):
            before, began = resident_mib(), time.perf_counter()
            engine = load()
            report[f"{name}_seconds"] = round(time.perf_counter() - began, 2)
            assert not engine.generate(ask()).result.error
            report[f"{name}_mib"] = round(resident_mib() - before, 1)
            engine.close()
            del engine
        first.close()
        return report


def looks(trials: int, z: float, *, worse: float = 0.0, conversations: int = 1500) -> dict[str, Any]:
    """How many trials go back, and after how many conversations of the canary; `worse` is added to handed_over."""
    ends = [_trial(random.Random(f"{z} {worse} {seed}"), z, worse, conversations) for seed in range(trials)]
    found = sorted(end for end in ends if end)
    return {
        "z": z,
        "worse": worse,
        "went_back": round(len(found) / trials, 4),
        "median_conversations": found[len(found) // 2] if found else None,
    }


def _trial(dice: random.Random, z: float, worse: float, conversations: int) -> int:
    from chatbot.training.live_deciding import Limits, decide

    counts = {side: dict.fromkeys(RATES, 0) for side in ("canary", "stable")}
    seen = {"canary": 0, "stable": 0}
    for number in range(1, conversations + 1):
        for side, more in (("canary", 1), ("stable", 4)):
            for _ in range(more):
                seen[side] += 1
                for name, rate in RATES.items():
                    extra = worse if side == "canary" and name == "handed_over" else 0.0
                    counts[side][name] += dice.random() < rate + extra
        if number % 20 == 0:
            shares = {
                name: {side: {"count": counts[side][name], "of": seen[side], "value": counts[side][name] / seen[side]}
                       for side in counts}
                for name in RATES
            }  # fmt: skip
            sides = {side: {"conversations": count} for side, count in seen.items()}
            if decide({**sides, "shares": shares, "means": {}}, Limits(z=z)).action == "roll_back":
                return number
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--out", type=Path, default=RESULT)
    wishes = parser.parse_args()
    threads.prepare_environment()
    report = {
        "engines": engines(),
        "looks": [looks(wishes.trials, z) for z in (1.96, 3.7)]
        + [looks(wishes.trials, 3.7, worse=worse) for worse in (0.06, 0.12)],
    }
    figures.write(wishes.out, {**figures.machine(), **report})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    main()
