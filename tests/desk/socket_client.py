"""A colleague's desk for tests: signs in, says hello, asks and is told, over the real consumer."""

import itertools
from types import TracebackType
from typing import Any, Self

from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.conf import settings
from django.test import Client

from chatbot.accounts.models import User
from chatbot.desk.urls import websocket_urlpatterns
from tests.widget.socket_client import HOST, Communicator

_numbers = itertools.count(1)


class Desk:
    """One socket. `async with Desk(user) as desk:` connects and says hello; `user` None has no session."""

    def __init__(self, user: User | None, *, origin: str | None = f"http://{HOST}", hello: bool = True) -> None:
        self.user, self._origin, self._hello = user, origin, hello
        self.client = Client()
        self.welcome: dict[str, Any] = {}
        self._refs = itertools.count(1)
        self.waiting: list[dict[str, Any]] = []
        """Events that came while an answer was awaited."""

    async def connect(self) -> bool:
        if self.user is not None:
            await sync_to_async(self.client.force_login)(self.user)
        cookie = self.client.cookies.get(settings.SESSION_COOKIE_NAME)
        headers = [(b"host", HOST.encode())]
        headers += [(b"origin", self._origin.encode())] if self._origin is not None else []
        headers += [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode())] if cookie else []
        self.socket = Communicator(URLRouter(websocket_urlpatterns), "/ws/desk/", headers)
        self.socket.scope["client"] = ["10.2.2.2", 50000]
        accepted, _code = await self.socket.connect(timeout=10)
        return bool(accepted)

    async def __aenter__(self) -> Self:
        assert await self.connect()
        if self._hello:
            await self.send(type="hello")
            self.welcome = await self.until("welcome")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.disconnect(timeout=10)

    async def send(self, **event: Any) -> None:
        await self.socket.send_json_to(event)

    async def receive(self) -> dict[str, Any]:
        event: dict[str, Any] = await self.socket.receive_json_from(timeout=10)
        return event

    async def until(self, *kinds: str, **having: Any) -> dict[str, Any]:
        """The next event of these types with these fields; what came before it is dropped."""
        while True:
            event = self.waiting.pop(0) if self.waiting else await self.receive()
            if event["type"] in kinds and all(event.get(name) == value for name, value in having.items()):
                return event

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a request; its answer, of whatever type. What comes unasked meanwhile is kept for `until`."""
        ref = next(self._refs)
        await self.send(type=kind, ref=ref, **fields)
        while True:
            event = await self.receive()
            if event.get("ref") == ref:
                return event
            self.waiting.append(event)

    async def reply(self, conversation: Any, text: str, *, seen_seq: int = 0, **more: Any) -> dict[str, Any]:
        client_id = more.pop("client_id", f"desk-{next(_numbers):06d}")
        return await self.ask(
            "reply", conversation=str(conversation), client_id=client_id, text=text, seen_seq=seen_seq, **more
        )

    async def silence(self) -> bool:
        return not self.waiting and bool(await self.socket.receive_nothing(timeout=0.3))

    async def closed_with(self) -> int:
        while True:
            output = await self.socket.receive_output(timeout=10)
            if output["type"] == "websocket.close":
                code: int = output["code"]
                return code
