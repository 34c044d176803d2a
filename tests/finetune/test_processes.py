"""What engines do to their process: it ends, it stays light, and no fork carries a model."""

import subprocess
import sys
from pathlib import Path

import pytest

from finetune.engines.forking import pool_problem

SERVE = """
import sys
from finetune.engines.batching import BatchingEngine
from finetune.records import EngineConfig, GenerationRequest
config = EngineConfig(kind="transformers", model=sys.argv[1], device="cpu", context_tokens=600, max_new_tokens=300)
engine = BatchingEngine(config)
request = GenerationRequest(turns=(), question="Hello", passages=(), max_new_tokens=300)
generation = engine.generate(request)
next(iter(generation))
{ending}
print("last line", flush=True)
"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("generation.result; engine.close()", 0),
        ("engine.close()", 0),
        ("pass", 0),
        ("raise SystemExit(3)", 3),
    ],
)
def test_the_process_ends_with_or_without_close_while_an_answer_runs(
    model_folder: Path, ending: str, code: int
) -> None:
    """Trap: the library's thread is no daemon and keeps the process alive for ever."""
    run = subprocess.run(
        [sys.executable, "-c", SERVE.format(ending=ending), str(model_folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == code, run.stderr[-2000:]
    assert ("last line" in run.stdout) == (code == 0)


LIGHT = """
import sys
import django; django.setup()
import finetune.engine_pool, finetune.adapters, finetune.prompt, finetune.engines
import finetune.engines.openai, finetune.engines.mock, finetune.engines.extractive, finetune.engines.forking
finetune.engine_pool.get_engine().wait_until_settled(30)
print(",".join(sorted({"torch", "transformers", "peft"} & set(sys.modules))))
"""


def test_only_the_batching_engine_brings_torch() -> None:
    run = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ""


def test_a_forking_pool_must_not_serve_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    from celery.concurrency.prefork import TaskPool as Prefork
    from celery.concurrency.thread import TaskPool as Threads

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for pool in ("prefork", "celery.concurrency.prefork:TaskPool", Prefork):
        assert "threads" in pool_problem(pool=pool, queues=["index", "replies"])
        assert pool_problem(pool=pool, queues=["index"]) == ""
    for pool in ("threads", "solo", Threads):
        assert pool_problem(pool=pool, queues=["replies"]) == ""


def test_torch_before_a_fork_is_refused_for_every_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    assert "hang" in pool_problem(pool="prefork", queues=["training"])
    assert pool_problem(pool="threads", queues=["training"]) == ""


@pytest.mark.parametrize(("pool", "ends"), [("prefork", True), ("threads", False)])
def test_a_celery_worker_with_the_wrong_pool_does_not_start(pool: str, ends: bool) -> None:
    start = (
        "from chatbot.celery import app\n"
        f"app.WorkController(pool={pool!r}, queues=['replies'], concurrency=1)\n"
        "print('made')"
    )
    run = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode != 0) == ends, run.stderr
    assert ("threads pool" in run.stderr) == ends
    assert ("made" in run.stdout) != ends
