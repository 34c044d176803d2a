"""One process that is web server, workers and clock: the embedded default of the demo and the small shop.

Work that was queued in memory when the process died is found again in the database at the next start. Production
runs the same tasks in separate processes (docs/operations.md); nothing here is used there but `Web`.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connections

if TYPE_CHECKING:
    from chatbot.conversations.mail.receiver import Receiver

logger = logging.getLogger(__name__)

STOP_SECONDS: Final = 4.0
BACKGROUND_THREADS: Final = 4
SOCKET_MAX_BYTES: Final = 64 * 1024
SWITCH_SECONDS: Final = 0.0005
"""How soon a thread that computes makes room for the sockets' loop. Python's 5 ms, met several times within one query
of a loaded process, is what customers would wait for."""


class AddressInUse(Exception):
    """The port is taken; the message says what to do."""


def check_address(*, host: str, port: int) -> None:
    """Raise AddressInUse before anything is started when nobody could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressInUse(
                f"Cannot listen on {host}:{port} ({error.strerror}). Stop what runs there, or choose another port, "
                f"for example: make demo PORT={port + 1 if port < 65535 else 8000}"
            ) from error


class Workers:
    """One Celery worker for all queues, as threads of this process.

    One and not one per queue: selecting queues changes the Celery app, so a second worker would empty the first one's.
    Index tasks cannot crowd out replies: one builds at a time, the others leave at once.
    """

    def __init__(self) -> None:
        self._controller: Any = None

    def start(self) -> None:
        from chatbot.celery import app

        self._controller = app.WorkController(
            hostname="embedded@localhost",
            pool="threads",
            concurrency=settings.REPLY_CONCURRENCY + BACKGROUND_THREADS,
            queues=["replies", "index", "training"],
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        threading.Thread(target=self._controller.start, name="worker", daemon=True).start()

    def stop(self) -> None:
        try:
            self._controller.terminate(in_sighandler=False)
        except Exception as error:  # noqa: BLE001 - the process ends anyway, and the rows know what is left
            logger.debug("The worker did not stop cleanly: %s", error)


class Clock:
    """Runs the periodic tasks of CELERY_BEAT_SCHEDULE on a thread of this process."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="clock", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        from chatbot.celery import app

        entries = [(str(e["task"]), float(str(e["schedule"]))) for e in settings.CELERY_BEAT_SCHEDULE.values()]
        due = dict.fromkeys((task for task, _seconds in entries), 0.0)
        while not self._stopped.wait(0.5):
            for task, seconds in entries:
                if time.monotonic() < due[task]:
                    continue
                due[task] = time.monotonic() + seconds
                try:
                    app.send_task(task)
                except Exception as error:  # noqa: BLE001 - the next tick tries again
                    logger.warning("The periodic task %s could not be sent: %s", task, error)


def warm_up() -> None:
    """Load index and engine before the first customer asks. Failures are logged; the first job tries again."""
    from chatbot.conversations import replying

    try:
        replying.warm_up()
    except Exception:
        logger.exception("Loading the index and the engine failed; the first question will try again.")
    finally:
        connections.close_all()


class Web:
    """Daphne on one address. `run` blocks until SIGINT or SIGTERM."""

    def __init__(self, *, host: str, port: int, on_ready: Callable[[], None]) -> None:
        from daphne.server import Server

        from chatbot import bodies
        from chatbot.asgi import application

        bodies.install()
        address = host.replace(":", r"\:")
        self._server = Server(
            application=application,
            endpoints=[f"tcp:port={port}:interface={address}"],
            signal_handlers=False,
            http_timeout=120,
            websocket_timeout=-1,
            ping_interval=30,
            ping_timeout=60,
            websocket_max_message_size=SOCKET_MAX_BYTES,
            websocket_max_frame_size=SOCKET_MAX_BYTES,
            application_close_timeout=5,
            proxy_forwarded_address_header="X-Forwarded-For" if settings.TRUSTED_PROXIES else None,
            ready_callable=on_ready,
            verbosity=0,
        )

    def run(self) -> None:
        self._server.run()

    def stop_soon(self) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(self._server.stop)


def serve(*, host: str, port: int, on_ready: Callable[[], None], web_only: bool = False) -> None:
    """Run until told to stop; then give unfinished work back to the database and end within a few seconds."""
    check_address(host=host, port=port)
    sys.setswitchinterval(SWITCH_SECONDS)
    workers, clock = Workers(), Clock()
    web = Web(host=host, port=port, on_ready=on_ready)
    post = None if web_only else _post()

    def stop(signum: int, _frame: FrameType | None) -> None:
        threading.Thread(target=_last_resort, name="last-resort", daemon=True).start()
        web.stop_soon()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if not web_only:
        from chatbot.conversations import leases

        leases.give_back_of_dead_workers()
        workers.start()
        clock.start()
        if post is not None:
            post.start()
        threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    web.run()
    if not web_only:
        clock.stop()
        if post is not None:
            post.stop()
        _give_back()
        workers.stop()
    _end(0)


def _post() -> "Receiver | None":
    """Takes customers' answers by e-mail in this process too, where a port is set for them."""
    if not (settings.INBOUND_EMAIL_PORT and settings.INBOUND_EMAIL_DOMAIN):
        return None
    from chatbot.conversations.mail.receiver import Receiver

    check_address(host=settings.INBOUND_EMAIL_HOST, port=settings.INBOUND_EMAIL_PORT)
    return Receiver(host=settings.INBOUND_EMAIL_HOST, port=settings.INBOUND_EMAIL_PORT)


def _give_back() -> None:
    from chatbot.conversations import leases

    released = leases.give_back_all()
    if released:
        logger.info("%d unfinished answers go on at the next start.", released)
    connections.close_all()


def _last_resort() -> None:
    """A library's thread must not keep a stopped process alive; the database already knows what is unfinished."""
    time.sleep(STOP_SECONDS)
    _end(0)


def _end(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)
