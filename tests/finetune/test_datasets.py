"""Datasets are frozen whole, named by what is in them, and nothing leaks from one side to the other."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st

from finetune import datasets, splitting
from finetune.models import Dataset, DatasetExample, Example

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TOPICS = ["refunds by bank", "boots for snow", "tents that leak", "vouchers at the till", "letters from abroad"]


@pytest.fixture(autouse=True)
def _place(settings: Any, tmp_path: Path) -> Path:
    settings.DATASET_DIR = tmp_path / "datasets"
    return tmp_path / "datasets"


def _examples(count: int = 20, **more: Any) -> list[Example]:
    return [
        Example.objects.create(
            digest=f"{number:064}",
            state=more.get("state", "approved"),
            stale=more.get("stale", False),
            request={"question": f"What about {TOPICS[number % 5]} case {number * 7}?"},
            answer=f"Case {number * 7} is about {TOPICS[number % 5]} \u2028 and takes {number + 3} days.",
            origin="reply",
            group=f"customer {number // 2}",
            happened_at=BEGIN + timedelta(days=number),
        )
        for number in range(more.get("first", 0), more.get("first", 0) + count)
    ]


@pytest.mark.django_db
def test_a_frozen_dataset_comes_back_as_it_was() -> None:
    _examples()
    dataset = datasets.freeze(name="First", by="t")
    train, held_out = datasets.rows(dataset, "train"), datasets.rows(dataset, "held_out")
    assert (len(train), len(held_out)) == (16, 4)
    assert {row.id for row in train} | {row.id for row in held_out} == {f"{number:064}" for number in range(20)}
    assert "\u2028" in train[0].answer
    assert dataset.manifest["leak_report"] == {"groups_across_splits": 0, "near_duplicates_across_splits": 0}
    assert DatasetExample.objects.filter(dataset=dataset, split="held_out").count() == 4


@pytest.mark.django_db
def test_the_same_examples_are_the_same_dataset(_place: Path) -> None:
    _examples()
    assert datasets.freeze(name="First", by="t") == datasets.freeze(name="Again", by="u")
    assert len(list(_place.iterdir())) == 1
    _examples(4, first=20)
    assert datasets.freeze(name="More", by="t").name == "More"


@pytest.mark.django_db
def test_only_what_is_approved_and_true_today_is_frozen() -> None:
    _examples(12)
    odds: list[dict[str, Any]] = [{"state": "pending"}, {"state": "tainted"}, {"state": "rejected"}, {"stale": True}]
    for number, odd in enumerate(odds):
        _examples(3, first=20 + 3 * number, **odd)
    assert sum(datasets.freeze(name="First", by="t").manifest["counts"].values()) == 12


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wish", [{"name": ""}, {"name": "a\x00"}, {"name": "x" * 121}, {"kind": "other"}, {"held_out": 0.9}]
)
def test_what_makes_no_sense_is_refused_with_a_sentence(wish: dict[str, Any]) -> None:
    _examples()
    with pytest.raises(datasets.DatasetRefused, match=r"\.$"):
        datasets.freeze(**{"name": "First", "by": "t", **wish})
    assert not Dataset.objects.exists()


@pytest.mark.django_db
def test_too_few_examples_and_a_single_customer_are_refused() -> None:
    _examples(3)
    with pytest.raises(datasets.DatasetRefused, match="too few"):
        datasets.freeze(name="First", by="t")
    _examples(20, first=10)
    Example.objects.update(group="one and only")
    with pytest.raises(datasets.DatasetRefused, match="more customers"):
        datasets.freeze(name="First", by="t")


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["train.jsonl", "held_out.jsonl", "manifest.json"])
def test_a_freeze_that_dies_leaves_nothing_to_see(step: str, _place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _examples()
    store = datasets._store

    def dies(path: Path, content: bytes) -> None:
        store(path, content[: len(content) // 2])
        if path.name == step:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets, "_store", dies)
    with pytest.raises(OSError, match="space"):
        datasets.freeze(name="First", by="t")
    assert (list(_place.iterdir()), Dataset.objects.count()) == ([], 0)
    monkeypatch.undo()


@pytest.mark.django_db
def test_changed_or_lost_files_are_found() -> None:
    _examples()
    dataset = datasets.freeze(name="First", by="t")
    file = Path(dataset.folder) / "train.jsonl"
    file.write_text(file.read_text().replace("takes 3 days", "takes 9 days"))
    with pytest.raises(datasets.DatasetRefused, match="changed"):
        datasets.rows(dataset, "train")
    assert datasets.freeze(name="First", by="t") == dataset
    assert len(datasets.rows(dataset, "train")) == 16
    for name in ("train.jsonl", "manifest.json"):
        (Path(dataset.folder) / name).unlink()
        with pytest.raises(datasets.DatasetRefused, match="gone"):
            datasets.rows(dataset, "train")
        datasets.freeze(name="First", by="t")
    with pytest.raises(CommandError, match="changed"):
        (Path(dataset.folder) / "train.jsonl").write_text("{}")
        call_command("dataset", "check")


@pytest.mark.django_db
def test_the_command_freezes_lists_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="too few"):
        call_command("dataset", "freeze")
    _examples()
    call_command("dataset", "freeze", "--name", "First", "--json")
    made = json.loads(capsys.readouterr().out)["datasets"][0]
    assert (made["name"], made["counts"]) == ("First", {"train": 16, "held_out": 4})
    call_command("dataset", "check", "--json")
    assert json.loads(capsys.readouterr().out)["sound"] is True
    call_command("dataset", "list")
    assert "16 to train on, 4 held out" in capsys.readouterr().out


WORDS = st.lists(st.sampled_from("tent boot rain snow card bank till shop".split()), min_size=1, max_size=8)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 400), WORDS), min_size=1, max_size=30),
    st.floats(0.05, 0.5),
)
def test_no_customer_and_no_near_duplicate_is_on_both_sides(
    drawn: list[tuple[int, int, list[str]]], share: float
) -> None:
    rows = [
        splitting.Row(str(number), str(group), BEGIN + timedelta(hours=hour), " ".join(words))
        for number, (group, hour, words) in enumerate(drawn)
    ]
    out = splitting.held_out(rows, share)
    sides = {row.key: row.key in out for row in rows}
    assert len(out) <= round(share * len(rows))
    for left, right in splitting.near_pairs([row.text for row in rows]):
        assert sides[rows[left].key] == sides[rows[right].key]
    for one in rows:
        assert all(sides[other.key] == sides[one.key] for other in rows if other.group == one.group)


def test_near_duplicates_are_seen_in_both_languages() -> None:
    texts = ["How long do refunds take by bank transfer", "how long do refunds take by bank transfer?", "Boots for snow",
             "退款需要多少天才能到账呢", "退款需要多少天才能到账"]  # fmt: skip
    assert splitting.near_pairs(texts) == [(0, 1), (3, 4)]
