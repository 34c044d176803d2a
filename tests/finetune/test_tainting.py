"""Tainted data loses its words and its files, and nothing else does; a freezing that was overtaken leaves no folder."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from finetune import datasets, quoted, tainting
from finetune.models import Adapter, Dataset, Evaluation, Example, TrainingRun
from tests.training import erased

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Path:
    erased.place(settings, tmp_path)
    return tmp_path


def _dataset(**more: Any) -> Dataset:
    return Dataset.objects.create(**{"digest": "d" * 64, "name": "x", "folder": "", "tainted": "because", **more})


@pytest.mark.parametrize(
    "place", ["", ".", "/", "..", "dataset", "training", "elsewhere", "dataset/../elsewhere", "adapter/a", "/etc"]
)
def test_a_row_that_names_another_place_removes_nothing(place: str, data: Path) -> None:
    for name in ("dataset", "training", "elsewhere", "adapter/a"):
        (data / name).mkdir(parents=True)
        (data / name / "file").write_text("stays")
    _dataset(folder=str(data / place) if place and not place.startswith("/") else place)
    assert tainting.remove_files() == 0
    assert len(list(data.rglob("file"))) == 4


def test_a_link_is_not_followed(data: Path) -> None:
    (data / "elsewhere").mkdir()
    (data / "elsewhere" / "file").write_text("stays")
    (data / "dataset").mkdir()
    (data / "dataset" / ("d" * 64)).symlink_to(data / "elsewhere")
    _dataset(folder=str(data / "dataset" / ("d" * 64)))
    assert tainting.remove_files() == 0
    assert (data / "elsewhere" / "file").exists()


def test_what_a_killed_evaluation_left_goes_when_none_runs(data: Path) -> None:
    adapter = Adapter.objects.create(digest="a" * 64, base_model="m", path="")
    one = Evaluation.objects.create(adapter=adapter, dataset=_dataset(), state="failed")
    other = Evaluation.objects.create(adapter=adapter, dataset=_dataset(digest="c" * 64, tainted=""), state="running")
    for name in (f"evaluation-{one.pk}-1", f".new-evaluation-{one.pk}-1-77", f"evaluation-{other.pk}-1", ".job-x"):
        (data / "evaluation" / name).mkdir(parents=True)
    tainting.remove_files()
    assert sorted(path.name for path in (data / "evaluation").iterdir()) == [".job-x", f"evaluation-{other.pk}-1"]
    Evaluation.objects.filter(pk=other.pk).update(state="done")
    tainting.remove_files()
    assert [path.name for path in (data / "evaluation").iterdir()] == [f"evaluation-{other.pk}-1"]


def test_a_run_that_goes_on_keeps_its_files_until_it_has_ended(data: Path) -> None:
    folder = data / "training" / "1-x"
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("words")
    run = TrainingRun.objects.create(dataset=_dataset(), base_model="m", state="running", folder=str(folder))
    tainting.remove_files()
    assert (folder / "log.txt").exists()
    TrainingRun.objects.filter(pk=run.pk).update(state="cancelled")
    tainting.remove_files()
    assert not (folder / "log.txt").exists()


def _quoting(state: str = "done", **more: Any) -> Evaluation:
    """An evaluation on another dataset, whose probes are made of an example."""
    adapter, _made = Adapter.objects.get_or_create(digest="a" * 64, defaults={"base_model": "m", "path": ""})
    dataset, _made = Dataset.objects.get_or_create(digest="c" * 64, defaults={"name": "x", "folder": ""})
    probes = {"probes": [{"id": f"changed-{quoted.name(f'{5:064}')}", "text": "words"}, {"id": "safety-1"}]}
    return Evaluation.objects.create(adapter=adapter, dataset=dataset, state=state, probes=probes, **more)


def _answers(evaluation: Evaluation, data: Path) -> Path:
    folder = data / "evaluation" / f"evaluation-{evaluation.pk}-1"
    folder.mkdir(parents=True)
    Evaluation.objects.filter(pk=evaluation.pk).update(folder=str(folder))
    return folder


def test_an_evaluation_that_quotes_an_example_loses_probe_and_answers(data: Path) -> None:
    made = erased.example(contact=None, number=5)
    quotes, waits = _quoting(), _quoting("queued")
    folder = _answers(quotes, data)
    found = tainting.taint(example_ids=[made.pk], because="erased")
    assert found.evaluations == (quotes.pk, waits.pk)
    tainting.remove_files(evaluations=found.evaluations)
    for one in (quotes, waits):
        one.refresh_from_db()
        assert one.probes == {"probes": [{"id": "safety-1"}]}
    assert (quotes.state, waits.state, folder.exists()) == ("done", "failed", False)
    assert not Dataset.objects.exclude(tainted="").exists()


def test_an_evaluation_that_was_ordered_too_late_is_caught_up_with(data: Path) -> None:
    made = erased.example(contact=None, number=5)
    tainting.taint(example_ids=[made.pk], because="erased")
    late = _quoting()
    folder = _answers(late, data)
    tainting.catch_up()
    late.refresh_from_db()
    assert (late.probes, folder.exists()) == ({"probes": [{"id": "safety-1"}]}, False)


def test_an_evaluation_that_quotes_living_examples_is_left_alone(data: Path) -> None:
    erased.example(contact=None, number=5)
    kept = _quoting()
    folder = _answers(kept, data)
    before = kept.probes
    tainting.catch_up()
    kept.refresh_from_db()
    assert (kept.probes, folder.exists()) == (before, True)


@pytest.mark.parametrize("probes", [{}, {"probes": None}, {"probes": ["x", 3, {"id": 3}]}, [], "x", None])
def test_probes_of_another_shape_are_nobodys(probes: Any) -> None:
    row = _quoting()
    if probes is not None:
        Evaluation.objects.filter(pk=row.pk).update(probes=probes)
    assert quoted.quoting(["0" * 64]) in ([], [row.pk])
    tainting.catch_up()


def test_lineage_follows_an_example_into_every_dataset_that_holds_it() -> None:
    for number in range(16):
        erased.example(contact=None, number=number)
    first = datasets.freeze(name="First", by="t")
    erased.example(contact=None, number=90)
    second = datasets.freeze(name="Second", by="t")
    found = tainting.lineage([Example.objects.get(digest=f"{3:064}").pk])
    assert found.datasets == (first.digest, second.digest)
    assert tainting.lineage([Example.objects.get(digest=f"{90:064}").pk]).datasets == (second.digest,)
    assert tainting.lineage([]) == tainting.Lineage()


def test_the_first_reason_stays() -> None:
    made = erased.example(contact=None, number=1)
    dataset = _dataset(tainted="An attack was found.")
    dataset.examples.add(made, through_defaults={"split": "train"})
    adapter = Adapter.objects.create(digest="a" * 64, base_model="m", path="", tainted="Known before.")
    TrainingRun.objects.create(dataset=dataset, base_model="m", state="done", adapter=adapter)
    tainting.taint(example_ids=[made.pk], because="erased")
    dataset.refresh_from_db()
    adapter.refresh_from_db()
    assert (dataset.tainted, adapter.tainted) == ("An attack was found.", "Known before.")


def test_a_freezing_that_was_overtaken_leaves_no_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [erased.example(contact=None, number=number) for number in range(16)]
    before = datasets._kept

    def overtaken(*args: Any) -> Path:
        folder = before(*args)
        Example.objects.filter(pk=rows[0].pk).update(state="tainted")
        return folder

    monkeypatch.setattr(datasets, "_kept", overtaken)
    with pytest.raises(datasets.DatasetRefused):
        datasets.freeze(name="Late", by="t")
    assert list((data / "dataset").iterdir()) == []


def test_a_tainted_dataset_is_not_mended(data: Path) -> None:
    for number in range(16):
        erased.example(contact=None, number=number)
    dataset = datasets.freeze(name="First", by="t")
    Dataset.objects.update(tainted="because")
    with pytest.raises(datasets.DatasetRefused):
        datasets.freeze(name="Again", by="t")
    assert not Path(dataset.folder).exists()


def test_folders_without_a_row_are_swept_away_after_an_hour(data: Path) -> None:
    for number in range(16):
        erased.example(contact=None, number=number)
    kept = datasets.freeze(name="First", by="t")
    for name in ("e" * 64, ".new-x"):
        (data / "dataset" / name).mkdir()
    assert datasets.sweep() == 0
    for path in (data / "dataset").iterdir():
        os.utime(path, (0, time.time() - 2 * datasets.ORPHAN_SECONDS))
    assert datasets.sweep() == 2
    assert [path.name for path in (data / "dataset").iterdir()] == [kept.digest]
