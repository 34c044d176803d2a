"""Runs an evaluation as a process of its own and tells what it says. Light: the models are only over there.

The child is killed when nobody listens any more. How it ended is a sentence for people; what it wrote to standard error
goes to the log.
"""

import json
import logging
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings

from finetune import evaluation_job
from finetune.evaluation_job import EvaluationRefused, Job

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 3.0
MOST_SECONDS: Final = 4 * 3600
REFUSED: Final = 3

Told = dict[str, Any]


class EvaluationDied(RuntimeError):
    """The process ended without an outcome; the message is a sentence."""


def examine(job: Job, out: Path) -> Iterator[Told]:
    """What the process tells, and an empty dict at every tick of silence; at the end `out` is there.

    Raises EvaluationRefused and EvaluationDied. Closing the iterator ends the process.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".job-") as made:
        folder = Path(made)
        evaluation_job.write_job(job, folder)
        with (folder / "stderr.txt").open("w+b") as errors:
            child = _start(folder, out, errors)
            try:
                yield from _listen(child)
                _judge(child.wait(), errors, out)
            finally:
                _end(child)


def _start(folder: Path, out: Path, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "finetune.evaluating", str(folder), str(out)]
    return subprocess.Popen(  # noqa: S603 - our own module with two paths of ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, cwd=settings.BASE_DIR
    )


def _listen(child: "subprocess.Popen[bytes]") -> Iterator[Told]:
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read() -> None:
        for line in child.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, name="evaluation-output", daemon=True).start()
    until = time.monotonic() + MOST_SECONDS
    while True:
        try:
            line = lines.get(timeout=TICK_SECONDS)
        except queue.Empty:
            line = b"{}"
        if line is None:
            return
        if time.monotonic() > until:
            raise EvaluationDied(f"The evaluation took more than {MOST_SECONDS // 3600} hours: ask fewer questions.")
        told = _parsed(line)
        if "refused" in told:
            raise EvaluationRefused(str(told["refused"]))
        yield told


def _parsed(line: bytes) -> Told:
    """A line of progress; anything else that a library prints is nothing."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _judge(code: int, errors: IO[bytes], out: Path) -> None:
    if code == 0 and (out / evaluation_job.FIGURES).is_file():
        return
    errors.seek(0)
    logger.error("An evaluation ended with code %d:\n%s", code, errors.read()[-4000:].decode("utf-8", "replace"))
    if code == -9:
        raise EvaluationDied("The evaluation's process was killed, probably for want of memory: stop other work.")
    raise EvaluationDied("The evaluation failed in a way that nobody foresaw. The worker's log says why.")


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
