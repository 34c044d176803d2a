"""`manage.py evaluate`: from a registered adapter to the gate's verdict, through the real process."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chatbot.accounts.models import AuditEntry
from finetune import adapters, datasets, evaluations
from finetune.models import Adapter, Dataset, Evaluation, Example

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _settings(settings: Any, tmp_path: Path) -> None:
    settings.EVALUATION_DIR = tmp_path / "evaluations"
    settings.GENERATOR_CONTEXT_TOKENS = 900
    settings.GENERATOR_MAX_NEW_TOKENS = 12
    settings.GENERATOR_DEVICE = "cpu"


@pytest.fixture
def dataset() -> Dataset:
    for number in range(30):
        words = "boots tents bags lamps mats".split()[number % 5]
        Example.objects.create(
            digest=f"{number:064}", state="approved", answer=f"The {words} weigh {number + 3} kg [1].", origin="reply",
            group=f"customer {number // 2}", happened_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
            request={"question": f"How heavy are the {words} of case {number * 7}?",
                     "passages": [{"number": 1, "title": words, "heading": "", "updated": "",
                                   "text": f"The {words} weigh {number + 3} kg."}]},
        )  # fmt: skip
    return datasets.freeze(name="First", by="t")


@pytest.fixture
def adapter(adapter_a: Path, model_folder: Path, dataset: Dataset) -> Adapter:
    made = adapters.register(adapter_a, base_model=str(model_folder))
    Adapter.objects.update(card={"dataset": dataset.digest, "method": "sft"})
    made.refresh_from_db()
    return made


def test_a_candidate_is_examined_and_its_verdict_printed_and_kept(
    adapter: Adapter, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        call_command("evaluate", "--json")
        status = 0
    except SystemExit as ended:
        status = int(str(ended.code))
    said = json.loads(capsys.readouterr().out)
    made = Evaluation.objects.get()
    assert (said["state"], said["verdict"], said["adapter"]) == ("done", made.verdict, adapter.digest)
    assert status == (1 if made.verdict == "blocked" else 0)
    assert made.figures["loss"]["n"] == 6
    assert {row["kind"] for row in evaluations.answers(made)} == {
        "held_out", "withheld", "safety", "contradiction", "closed_book", "canary",
    }  # fmt: skip
    adapter.refresh_from_db()
    assert adapter.card == {**adapter.card, "method": "sft", "evaluation": {
        "id": made.pk, "verdict": made.verdict, "dataset": made.dataset.digest}}  # fmt: skip
    assert AuditEntry.objects.filter(action="training.evaluation.order").count() == 1


def test_what_is_missing_is_said(adapter: Adapter) -> None:
    with pytest.raises(CommandError, match="no such adapter"):
        call_command("evaluate", "--adapter", "ffff")
    with pytest.raises(CommandError, match="no such dataset"):
        call_command("evaluate", "--dataset", "ffff")


def test_a_failure_is_said(adapter: Adapter) -> None:
    Adapter.objects.update(path="/nowhere")
    with pytest.raises(CommandError, match="no adapter folder"):
        call_command("evaluate")
