"""Changing the adapter under load: how long it takes, whether a turn is lost, and what an adapter costs per answer.

    python -m benchmarks.adapter_swap [--swaps 10] [--customers 8] [--tokens 32] [--out FILE]

Customers ask without a pause while two adapters are activated in turn. A swap lets running answers finish on the
weights they began with, so its time is that of the longest answer left plus the change itself.
"""

import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.engine_batching import build, requests
from finetune import threads

RESULT = figures.RESULTS / "adapter_swap.json"


def measure(*, swaps: int, customers: int, tokens: int) -> dict[str, Any]:
    from finetune.engines.batching import BatchingEngine
    from finetune.records import EngineConfig
    from tests.finetune import tiny_model

    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        model = build(root / "model")
        adapters = [str(tiny_model.build_adapter(root / name, model, seed=seed)) for seed, name in enumerate("ab", 1)]
        config = EngineConfig(
            kind="transformers", model=str(model), context_tokens=1024, max_new_tokens=tokens, batch=customers
        )
        engine = BatchingEngine(config)
        object.__setattr__(engine._served.loaded, "end_tokens", frozenset())  # every answer takes its full length
        alone = {name: _alone(engine, folder, tokens) for name, folder in (("base", ""), ("adapter", adapters[0]))}
        seconds, results = _under_load(engine, adapters, swaps, customers, tokens)
        engine.close()
    lost = [one for one in results if one.finish_reason == "error" or not one.new_tokens]
    return {
        "swaps": swaps,
        "customers": customers,
        "swap_seconds": figures.spread(seconds, digits=3),
        "answers": len(results),
        "dropped": len(lost),
        "answer_seconds": alone,
        "adapters_share_of_latency": round(1 - alone["base"] / alone["adapter"], 3),
        **figures.machine(),
    }


def _alone(engine: Any, adapter: str, tokens: int) -> float:
    """Median seconds of one answer at a time."""
    engine.activate(adapter)
    asked = requests(8, tokens)
    engine.generate(asked[0]).result  # noqa: B018 - warms up
    return round(statistics.median(engine.generate(one).result.seconds for one in asked), 4)


def _under_load(
    engine: Any, adapters: list[str], swaps: int, customers: int, tokens: int
) -> tuple[list[float], list[Any]]:
    stop, results = threading.Event(), []

    def customer(number: int) -> None:
        asked = requests(customers, tokens)[number]
        while not stop.is_set():
            results.append(engine.generate(asked).result)

    working = [threading.Thread(target=customer, args=(number,)) for number in range(customers)]
    for one in working:
        one.start()
    seconds = []
    for number in range(swaps):
        time.sleep(0.3)
        began = time.perf_counter()
        engine.activate(adapters[number % 2])
        seconds.append(time.perf_counter() - began)
    stop.set()
    for one in working:
        one.join()
    return seconds, results


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    threads.prepare_environment()
    figures.command(__doc__, measure, RESULT, swaps=10, customers=8, tokens=32)
