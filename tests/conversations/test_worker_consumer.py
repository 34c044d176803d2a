"""A worker outlives a broker that was killed while it acknowledged a message."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker import consumer as celery_consumer
from kombu.utils.imports import symbol_by_name

from chatbot.celery import app
from chatbot.worker_consumer import Consumer


class Left:
    """A lost connection that cannot be closed any more, as kombu's to a Redis that was killed."""

    transport = SimpleNamespace()
    recoverable_connection_errors = connection_errors = recoverable_channel_errors = channel_errors = (OSError,)

    def collect(self, socket_timeout: float) -> None:
        raise OSError("gone")

    def close(self) -> None:
        raise AttributeError("'NoneType' object has no attribute 'hostname'")


def lost(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(celery_consumer.consumer, "bound_open_broker_sockets", lambda *_more: None)
    made: Any = Consumer.__new__(Consumer)
    made.connection, made.app = Left(), app
    return made


def test_the_worker_that_is_started_is_this_one() -> None:
    assert symbol_by_name(app.conf.worker_consumer) is Consumer


def test_it_goes_on_where_celery_would_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AttributeError):
        celery_consumer.Consumer.on_connection_error_after_connected(lost(monkeypatch), OSError("gone"))
    worker = lost(monkeypatch)
    worker.on_connection_error_after_connected(OSError("gone"))
    assert worker.connection is None


def test_an_error_of_its_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, exc: Exception) -> None:
        raise AttributeError("a slip")

    monkeypatch.setattr(celery_consumer.Consumer, "on_connection_error_after_connected", broken)
    with pytest.raises(AttributeError, match="a slip"):
        lost(monkeypatch).on_connection_error_after_connected(OSError("gone"))
