"""The circle tries one training at several strengths, the strongest first, and stops where the gate lets it through."""

from types import SimpleNamespace
from typing import Any

import pytest

from chatbot.accounts.models import AuditEntry
from chatbot.training import looping
from finetune.training_config import TrainingConfig, TrainingRefused

pytestmark = pytest.mark.django_db


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every step but the deciding is another module's: `passes` says from which strength down the gate is content."""
    known: dict[str, Any] = {"trained": [], "passes": 0.7, "promoted": []}

    def train(_dataset: Any, _base: str, config: TrainingConfig) -> tuple[Any, Any]:
        known["trained"].append(config.strength)
        adapter = SimpleNamespace(digest=f"adapter-{config.strength}", card={"figures": {"steps": 4}})
        return SimpleNamespace(pk=len(known["trained"])), adapter

    def evaluate(adapter: Any, _dataset: Any) -> Any:
        passed = float(adapter.digest.partition("-")[2]) <= known["passes"]
        figure = {"candidate": 1.0, "current": 2.0, "difference": -1.0, "low": -1.5, "high": -0.5, "n": 9}
        reasons = [{"text": "Exam: worse.", "passed": passed}, {"text": "Loss: better.", "passed": True}]
        verdict = "passed" if passed else "blocked"
        return SimpleNamespace(adapter=adapter, verdict=verdict, reasons=reasons, figures={"loss": figure})

    def promote(evaluation: Any, _dataset: Any, _share: float) -> dict[str, Any]:
        known["promoted"].append(evaluation.adapter.digest)
        return {"canary": {"canary": 3}, "promoted": True}

    frozen = SimpleNamespace(digest="d", manifest={"counts": {"train": 9}, "leak_report": {}})
    monkeypatch.setattr(looping.harvesting, "harvest", lambda by: SimpleNamespace(as_json=dict))
    monkeypatch.setattr(looping.datasets, "freeze", lambda **_: frozen)
    for name, step in {"approve": lambda: 9, "train": train, "evaluate": evaluate, "promote": promote}.items():
        monkeypatch.setattr(looping, name, step)
    return known


def test_the_strongest_that_passes_is_promoted(steps: dict[str, Any]) -> None:
    report = looping.run(looping.Wishes("m", strengths=(1.0, 0.7, 0.4)))
    assert steps["trained"] == [1.0, 0.7] and steps["promoted"] == ["adapter-0.7"]
    assert [(one["strength"], one["verdict"]) for one in report["tried"]] == [(1.0, "blocked"), (0.7, "passed")]
    assert report["tried"][0]["failed"] == ["Exam: worse."]
    assert (report["gate"]["verdict"], report["training"]["adapter"], report["promoted"]) == (
        "passed",
        "adapter-0.7",
        True,
    )
    assert set(report["steps"]) == {"harvest", "approve", "freeze", "train", "evaluate", "promote"}
    assert AuditEntry.objects.get(action="training.loop").target == "adapter adapter-0.7"


def test_where_none_passes_nothing_goes_live(steps: dict[str, Any]) -> None:
    steps["passes"] = 0.1
    report = looping.run(looping.Wishes("m", strengths=(1.0, 0.4)))
    assert (steps["trained"], steps["promoted"], report["promoted"]) == ([1.0, 0.4], [], False)
    assert report["gate"] == {"verdict": "blocked", "failed": ["Exam: worse."], "checks": 2}


@pytest.mark.parametrize("strengths", [(), (1.0, 0.0)])
def test_strengths_that_make_no_sense_are_refused_before_anything_is_done(
    steps: dict[str, Any], strengths: tuple[float, ...]
) -> None:
    with pytest.raises((looping.LoopRefused, TrainingRefused), match="strength"):
        looping.run(looping.Wishes("m", strengths=strengths))
    assert steps["trained"] == []
