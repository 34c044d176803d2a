"""What the kill tests of the learning circle need: an installation with approved examples and a small base model."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.faults.stack import ROOT

LOOSE: Final = ",".join(
    f"{name}=1000"
    for name in (
        "loss_margin rouge_l_margin support_margin citation_margin numbers_margin exam_margin safety_margin "
        "abstention_margin false_abstention_margin contradiction_margin closed_book_most canary_most "
        "customer_text_most length_ratio_most latency_ratio_most"
    ).split()
)
"""A gate that lets all through but a significant loss: what is tried is what becomes visible, not what is good."""

PREPARE: Final = """
import sys, random
from datetime import timedelta
from django.utils import timezone
from finetune import requests
from finetune.models import Example
from tests.finetune import small_shop, small_training
small_training.build_base(__import__("pathlib").Path(sys.argv[-1]), most_steps=25)
for number, (given, said) in enumerate(small_shop.conversations(1, 40)):
    Example.objects.create(
        digest=f"{number:064x}", state="approved", request=requests.to_json(given), answer=said, origin="reply",
        group=f"g{number % 12}", language="en", happened_at=timezone.now() - timedelta(hours=number),
    )
"""


def prepare(environment: dict[str, str], base: Path) -> None:
    """Tables, examples and the model. Takes some ten seconds."""
    base.parent.mkdir(parents=True, exist_ok=True)
    _run(environment, "manage.py", "migrate", "-v", "0")
    code = f"import sys; sys.argv.append({str(base)!r})\n{PREPARE}"
    _run(environment, "manage.py", "shell", "-c", code)


def loop_command(base: Path, number: int) -> list[str]:
    """The circle of this number. Each learns longer than the one before, so that it has a reason to take its place:
    no limit lets a significant loss through, and of two that learnt equally long either may be the better by a hair.
    """
    steps = str(6 + 4 * number)
    fast = ["--rank", "2", "--max-steps", steps, "--batch", "2", "--max-tokens", "384", "--lessons", "0"]
    fast += ["--unanswered", "0", "--quotations", "0", "--strength", "1", "--no-verbatim"]
    return [sys.executable, "manage.py", "loop", "--base", str(base), *fast, "--seed", str(number), "--json"]


def _run(environment: dict[str, str], *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
