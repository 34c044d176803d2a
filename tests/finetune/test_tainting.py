"""Tainted data loses its words and its files, and nothing else does; a freezing that was overtaken leaves no folder."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from finetune import datasets, tainting
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
