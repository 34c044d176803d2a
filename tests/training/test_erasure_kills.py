"""A process that erases a customer dies, anywhere: the next one goes on, and the receipt is the same."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest
from django.db import connection, connections, transaction

from chatbot.accounts import audit
from chatbot.conversations import erasing
from chatbot.conversations.models import Contact
from chatbot.training import erasure, resting
from chatbot.training.models import Erasure
from finetune import tainting
from tests.training import erased
from tests.training.erased import EMAIL, MARK

OURS: Final = frozenset(str(Path(one.__file__ or "")) for one in (erasure, resting, tainting, erasing, audit))
KILLS: Final = 40
SIGNALS: Final = 30


class Killed(BaseException):
    """As a kill: nothing of ours catches it, and the open transaction is lost."""


class Death:
    """Raises Killed at the n-th line of the erasure's own modules; never for 0. Counts the lines."""

    def __init__(self, at: int) -> None:
        self.at, self.lines = at, 0

    def __enter__(self) -> "Death":
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.settrace(self._before)

    def _called(self, frame: FrameType, _event: str, _arg: Any) -> Callable[..., Any] | None:
        return self._line if frame.f_code.co_filename in OURS else None

    def _line(self, _frame: FrameType, event: str, _arg: Any) -> Callable[..., Any]:
        self.lines += event == "line"
        if self.at and self.lines >= self.at:
            raise Killed
        return self._line


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Path:
    erased.place(settings, tmp_path)
    return tmp_path


def _told(done: Erasure) -> dict[str, Any]:
    """Without what bears another number or digest each time."""
    lists = ("datasets", "runs", "evaluations")
    return {name: len(value) if name in lists else value for name, value in done.receipt.items()}


def _nothing_is_left(data: Path) -> None:
    assert erased.left_in_rows(MARK, EMAIL, "Ana Whitaker") == []
    assert erased.left_in_files(data, MARK, EMAIL) == []
    assert {label: number for label, number in erased.rows_that_go().items() if number} == {}


@pytest.fixture
def again() -> Iterator[Callable[[], Any]]:
    """A fresh customer, as often as one is asked for: what was made before is taken back."""
    outer: list[Any] = []

    def fresh() -> Any:
        back()
        outer.append(transaction.atomic())
        outer[-1].__enter__()
        return erased.learnt(erased.customer())

    def back() -> None:
        if outer:
            transaction.set_rollback(True)
            outer.pop().__exit__(None, None, None)

    yield fresh
    back()


@pytest.mark.django_db
def test_whatever_line_was_the_last_one_the_rest_is_done(
    settings: Any, tmp_path: Path, again: Callable[[], Any]
) -> None:
    erased.place(settings, tmp_path / "whole")
    ana = again()
    with Death(0) as life:
        whole = _told(erasure.erase(contact=ana.contact, by="boss"))
    assert life.lines > 200
    for number, at in enumerate(range(1, life.lines, max(1, life.lines // KILLS))):
        data = tmp_path / str(number)
        erased.place(settings, data)
        ana = again()
        with pytest.raises(Killed), Death(at):
            erasure.erase(contact=ana.contact, by="boss")
        begun = Erasure.objects.first()
        if begun is None:
            assert erased.left_in_rows(MARK)  # it has not begun, and nothing is missing
            erasure.erase(contact=ana.contact, by="boss")
        erasure.finish_all()
        done = Erasure.objects.get()
        assert done.finished_at is not None, at
        assert _told(done) == whole, at
        _nothing_is_left(data)


@pytest.mark.django_db
def test_a_folder_that_was_removed_by_half_is_removed_whole(data: Path) -> None:
    ana = erased.learnt(erased.customer())
    (Path(ana.dataset.folder) / "manifest.json").unlink()
    erasure.erase(contact=ana.contact, by="boss")
    _nothing_is_left(data)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the pool of PostgreSQL does not survive a fork")
def test_a_process_that_is_killed_while_it_erases_leaves_no_half(settings: Any, tmp_path: Path) -> None:
    """SIGKILL after a random time, thirty times: either nothing is gone yet, or everything will be."""
    chance, ended, longest = random.Random(7), 0, 0.1
    for number in range(SIGNALS):
        data = tmp_path / str(number)
        erased.place(settings, data)
        ana = erased.learnt(erased.customer())
        connections.close_all()
        began = time.monotonic()
        ended += (whole := _killed(ana.contact, after=chance.uniform(0, 1.5) * longest if number else 30.0))
        longest = time.monotonic() - began if whole and not number else longest
        begun = Erasure.objects.filter(finished_at=None).first()
        assert begun is None or erased.rows_that_go()["conversations.Message"] in (0, 3)
        erasure.finish_all()
        if Contact.objects.filter(pk=ana.contact.pk).exists():  # it had not begun
            erasure.erase(contact=ana.contact, by="boss")
        _nothing_is_left(data)
        assert not Erasure.objects.filter(finished_at=None).exists()
        _clear()
    assert ended < SIGNALS / 2, "most times should fall into the work"


def _killed(contact: Contact, *, after: float) -> bool:
    """Whether it had ended by itself before the kill."""
    child = os.fork()
    if child == 0:
        try:
            erasure.erase(contact=contact, by="boss")
        finally:
            os._exit(0)
    until = time.monotonic() + after
    while time.monotonic() < until:
        pid, _status = os.waitpid(child, os.WNOHANG)
        if pid:
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _clear() -> None:
    from finetune.models import Adapter, Dataset, Evaluation, Example, TrainingRun

    for model in (Evaluation, TrainingRun, Adapter, Dataset, Example, Erasure):
        model._default_manager.all().delete()
