"""A customer's browser for tests: says hello, sends events, reads what comes, over the real consumer."""

import itertools
from types import TracebackType
from typing import Any, Self

from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from chatbot.widget.urls import websocket_urlpatterns

HOST = "localhost"
_numbers = itertools.count(1)


class Communicator(WebsocketCommunicator):
    """Lets the application give connections back as it does when it serves.

    Channels' own communicator keeps them open for tests inside a transaction. Ours run outside of one, each with
    threads of its own: their connections would be lost to PostgreSQL's pool, which sixteen tests empty.
    """

    async def send_input(self, message: dict[str, Any]) -> None:
        await ApplicationCommunicator.send_input(self, message)

    async def receive_output(self, timeout: float = 1) -> Any:
        return await ApplicationCommunicator.receive_output(self, timeout)


class Browser:
    """One socket. `async with Browser(inbox) as browser:` connects; `hello` enters."""

    def __init__(self, inbox: str, *, origin: str | None = f"http://{HOST}", address: str = "10.1.1.1") -> None:
        headers = [(b"host", HOST.encode())]
        headers += [(b"origin", origin.encode())] if origin is not None else []
        self.inbox = inbox
        self.socket = Communicator(URLRouter(websocket_urlpatterns), f"/ws/widget/{inbox}/", headers)
        self.socket.scope["client"] = [address, 50000]
        self.token: str | None = None
        self.conversation: str | None = None
        self.last_seq = 0

    async def __aenter__(self) -> Self:
        accepted, _code = await self.socket.connect(timeout=10)
        assert accepted
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.disconnect(timeout=10)

    async def refused(self) -> bool:
        accepted, _code = await self.socket.connect(timeout=10)
        return not accepted

    async def send(self, **event: Any) -> None:
        await self.socket.send_json_to(event)

    async def receive(self) -> dict[str, Any]:
        event: dict[str, Any] = await self.socket.receive_json_from(timeout=10)
        if event["type"] == "message":
            self.last_seq = event["seq"]
        return event

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of this type; others before it are dropped."""
        while True:
            event = await self.receive()
            if event["type"] == kind:
                return event

    async def closed_with(self) -> int:
        """The code of the close that comes next, whatever is sent before it."""
        while True:
            output = await self.socket.receive_output(timeout=10)
            if output["type"] == "websocket.close":
                code: int = output["code"]
                return code

    async def hello(self, **more: Any) -> dict[str, Any]:
        """Enter; returns the welcome and remembers token and conversation as a browser does."""
        known = {"token": self.token, "conversation": self.conversation, "last_seq": self.last_seq}
        await self.send(type="hello", inbox=self.inbox, **{**known, **more})
        return self.keep(await self.until("welcome"))

    def keep(self, welcome: dict[str, Any]) -> dict[str, Any]:
        self.token, self.conversation, self.last_seq = (welcome[k] for k in ("token", "conversation", "last_seq"))
        return welcome

    async def write(self, text: str = "How long do refunds take?", client_id: str = "") -> dict[str, Any]:
        """Send one message; returns the ack or the error."""
        await self.send(type="message.send", client_id=client_id or f"client-{next(_numbers):06d}", text=text)
        while True:
            event = await self.receive()
            if event["type"] == "welcome":
                self.keep(event)
            elif event["type"] in ("ack", "error"):
                return event

    async def silence(self) -> bool:
        return bool(await self.socket.receive_nothing(timeout=0.3))

    def again(self) -> "Browser":
        """The same browser on a new socket."""
        other = Browser(self.inbox)
        other.token, other.conversation, other.last_seq = self.token, self.conversation, self.last_seq
        return other
