"""Continuous batching (the engine of Parley) against one-at-a-time `generate`, same model, prompts and lengths.

    python -m benchmarks.engine_batching [--concurrent 16] [--tokens 64] [--out FILE]

The model has 12.8 million random weights, so figures are ratios of one run on one machine. The alternative is what a
server without batching does: concurrent requests take turns at model.generate(). The engine's figure includes rendering
the prompt, queueing, streaming and detokenising; the alternative's does not.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from finetune import threads

RESULT = Path(__file__).parent / "results" / "engine_batching.json"
SENTENCE = "Worn shoes can be returned within 30 days when they are clean and the box is there. "


def build(folder: Path) -> Path:
    """Qwen3, hidden 320, 8 layers, vocabulary 8192."""
    from tests.finetune import tiny_model

    return tiny_model.build_model(folder, hidden=320, layers=8, vocabulary=8192)


def requests(count: int, tokens: int) -> list[Any]:
    from finetune.records import ContextPassage, GenerationRequest, Turn

    made = []
    for number in range(count):
        question = f"Question {number}: how long do I have to return my shoes?"
        passage = ContextPassage(1, "Returns", "Worn shoes", SENTENCE * 3)
        made.append(GenerationRequest((Turn("customer", question),), question, (passage,), max_new_tokens=tokens))
    return made


def one_at_a_time(engine: Any, prompts: list[list[int]], tokens: int) -> tuple[float, list[float], int]:
    """(seconds, times to the end of each answer, tokens) of `generate` for one request after the other."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = engine._served.loaded
    model: Any = AutoModelForCausalLM.from_pretrained(loaded.folder, dtype=loaded.dtype, attn_implementation="sdpa")
    model = model.eval().to(loaded.device)
    began, ends, count = time.perf_counter(), [], 0
    for ids in prompts:
        with torch.no_grad():
            out = model.generate(
                torch.tensor([ids], device=model.device),
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                do_sample=False,
                pad_token_id=0,
            )
        count += int(out.shape[1]) - len(ids)
        ends.append(time.perf_counter() - began)
    return time.perf_counter() - began, ends, count


def together(engine: Any, asked: list[Any]) -> tuple[float, list[Any]]:
    """(seconds, results) of the engine with one thread per request."""
    with ThreadPoolExecutor(len(asked)) as pool:
        began = time.perf_counter()
        results = list(pool.map(lambda request: engine.generate(request).result, asked))
        return time.perf_counter() - began, results


def measure(*, concurrent: int, tokens: int, dtype: str, repeats: int) -> dict[str, Any]:
    from finetune.engines.batching import BatchingEngine
    from finetune.prompt import render
    from finetune.records import EngineConfig

    with tempfile.TemporaryDirectory() as folder:
        config = EngineConfig(
            kind="transformers",
            model=str(build(Path(folder) / "model")),
            dtype=dtype,  # type: ignore[arg-type]
            context_tokens=1024,
            max_new_tokens=tokens,
            batch=concurrent,
        )
        engine = BatchingEngine(config)
        # Every answer takes its full length in both ways.
        object.__setattr__(engine._served.loaded, "end_tokens", frozenset())
        prompts = [
            list(render(request, engine._served.loaded.tokenizer, budget=1024).token_ids)
            for request in requests(concurrent, tokens)
        ]
        number = engine._served.loaded.dtype
        together(engine, requests(concurrent, 8))
        single, batched, first = [], [], []
        for turn in range(repeats):
            seconds, _ends, count = one_at_a_time(engine, prompts, tokens)
            single.append(count / seconds)
            fresh = [
                request.__class__(**{**request.__dict__, "company": f"Shop {turn}"})
                for request in requests(concurrent, tokens)
            ]
            seconds, results = together(engine, fresh)
            batched.append(sum(result.new_tokens for result in results) / seconds)
            first += [result.first_token_seconds for result in results]
        _seconds, alone = together(engine, requests(1, tokens))
        engine.close()
    return {
        "concurrent": concurrent,
        "prompt_tokens": statistics.mean(len(ids) for ids in prompts),
        "new_tokens": tokens,
        "dtype": str(number).removeprefix("torch."),
        "one_at_a_time_tokens_per_second": round(statistics.median(single), 1),
        "engine_tokens_per_second": round(statistics.median(batched), 1),
        "ratio": round(statistics.median(batched) / statistics.median(single), 2),
        "first_token_ms_median": round(1000 * statistics.median(first), 1),
        "first_token_ms_alone": round(1000 * alone[0].first_token_seconds, 1),
        "threads": threads.model_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--concurrent", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--dtype", choices=["", "float32", "bfloat16"], default="", help="default: by hardware")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    threads.prepare_environment()
    figures = measure(
        concurrent=arguments.concurrent, tokens=arguments.tokens, dtype=arguments.dtype, repeats=arguments.repeats
    )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    main()
