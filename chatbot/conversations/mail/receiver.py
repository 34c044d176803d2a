"""An SMTP (or LMTP) server for answers. Stands behind the company's mail server; takes only addresses that exist.

One recipient per e-mail: a mail server sends the others in further transactions, and each gets an honest answer.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import close_old_connections

from chatbot.conversations.mail import receiving
from chatbot.conversations.mail.receiving import Outcome, Result

logger = logging.getLogger(__name__)

IDLE_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 600.0
CONNECTIONS_MOST: Final = 100
THREADS: Final = 4
STOP_SECONDS: Final = 3.0
_LINE_BYTES: Final = 64 * 1024
_REPLIES: Final = {
    Result.KEPT: "250 2.0.0 Kept",
    Result.KNOWN: "250 2.0.0 Known",
    Result.IGNORED: "250 2.0.0 Taken; automatic e-mails become no message",
    Result.UNKNOWN: "550 5.1.1 No such address",
    Result.REFUSED: "554 5.6.0",
    Result.LATER: "451 4.3.0",
}


def reply(outcome: Outcome) -> str:
    """The line that the sending server reads."""
    line = _REPLIES[outcome.result]
    return f"{line} {outcome.reason}".strip() if outcome.result in (Result.REFUSED, Result.LATER) else line


class Handler:
    """aiosmtpd's hooks. The database is asked on threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="receive-mail")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time, please"
        outcome = await self._on_a_thread(receiving.knows, address)
        if outcome.result is not Result.KEPT:
            return reply(outcome)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Known"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        content = envelope.original_content or b""
        recipient, mail_from = envelope.rcpt_tos[0], envelope.mail_from

        def take() -> Outcome:
            return receiving.receive(content, recipient=recipient, mail_from=mail_from)

        outcome = await self._on_a_thread(take)
        if not outcome.accepted:
            logger.info("An e-mail was not taken: %s %s", outcome.result, outcome.reason)
        return reply(outcome)

    async def _on_a_thread(self, function: Callable[..., Outcome], *args: Any) -> Outcome:
        def call() -> Outcome:
            close_old_connections()
            try:
                return function(*args)
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Bounded:
    """Limits that aiosmtpd lacks: connections at once, their length, and bytes without an end of line."""

    line_length_limit = _LINE_BYTES
    open_connections = 0
    _seen = 0

    def connection_made(self, transport: Any) -> None:
        _Bounded.open_connections += 1
        self._counted = True
        if _Bounded.open_connections > CONNECTIONS_MOST:
            transport.write(b"421 4.7.0 Too many connections; try again later\r\n")
            transport.close()
            return
        self._end = asyncio.get_running_loop().call_later(LONGEST_SECONDS, transport.close)
        self._wire = transport
        super().connection_made(transport)  # type: ignore[misc] # mixed into a protocol

    def data_received(self, data: bytes) -> None:
        self._seen += len(data)
        if self._seen > 2 * settings.INBOUND_EMAIL_MAX_BYTES + 1_000_000:
            self._wire.write(b"552 5.3.4 Too much data\r\n")
            self._wire.close()
            return
        super().data_received(data)  # type: ignore[misc] # as above

    def connection_lost(self, error: Exception | None) -> None:
        if getattr(self, "_counted", False):
            _Bounded.open_connections -= 1
            self._counted = False
        if hasattr(self, "_end"):
            self._end.cancel()
            super().connection_lost(error)  # type: ignore[misc] # as above


class _Smtp(_Bounded, SMTP):
    pass


class _Lmtp(_Bounded, LMTP):
    pass


class Receiver:
    """Listens on a thread of its own until stopped."""

    def __init__(self, *, host: str, port: int, lmtp: bool = False) -> None:
        self._address = (host, port)
        self._kind: type[SMTP] = _Lmtp if lmtp else _Smtp
        self._handler = Handler()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="receive-mail", daemon=True)
        self.port = port
        """The real one, when 0 was asked for."""

    def start(self) -> None:
        """Raises OSError when nobody can listen there."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.create_server(self._address, family=family)
        self.port = int(self._socket.getsockname()[1])
        self._thread.start()

    def stop(self) -> None:
        """What is being taken is finished or will be sent again: nothing was promised for it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)
        self._handler.close()

    def wait(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(self._connection, sock=self._socket))
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _connection(self) -> SMTP:
        return self._kind(
            self._handler,
            data_size_limit=settings.INBOUND_EMAIL_MAX_BYTES,
            enable_SMTPUTF8=True,
            hostname=settings.INBOUND_EMAIL_DOMAIN or "localhost",
            ident="Parley",
            timeout=IDLE_SECONDS,
            command_call_limit={"*": 200},
            loop=self._loop,
        )
