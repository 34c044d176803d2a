"""Refuses a request body that is larger than any upload may be, before it fills the disk.

Twisted spools a whole body to a temporary file before the application sees the request, whoever sent it. So the length
is looked at when the headers have been read, and counted while chunks come.
"""

from typing import Any, Final

from daphne import http_protocol
from django.conf import settings

SLACK: Final = 1024 * 1024
"""For the other fields of a form and the boundaries."""
_REFUSAL: Final = (
    b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 63\r\n\r\nThis request is larger than the upload limit. Nothing was kept."
)


class LimitedRequest(http_protocol.WebRequest):  # type: ignore[misc] # Daphne has no types
    """Daphne's request with a limit on its body."""

    _received = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        too_long = length is not None and length > limit()
        super().gotLength(0 if too_long else length)
        if too_long:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._received += len(data)
        if self._received > limit():
            self._refuse()
        if not self._refused:
            super().handleContentChunk(data)

    def process(self) -> Any:
        return None if self._refused else super().process()

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self.channel.transport.write(_REFUSAL)
            self.channel.loseConnection()


def limit() -> int:
    return int(settings.UPLOAD_MAX_BYTES) + SLACK


def install() -> None:
    """Make Daphne use it. Its factory takes the class from this name and offers no other way."""
    http_protocol.WebRequest = LimitedRequest
