"""A real local HTTP server that speaks /v1/chat/completions, and every way of speaking it badly."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Speaker"], None]


@dataclass
class Seen:
    """What the server received."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when a client closed its connection in the middle of a stream."""


class Speaker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour
    seen: Seen

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.body: dict[str, Any] = json.loads(body or b"{}")
        self.seen.bodies.append(self.body)
        self.seen.headers.append(dict(self.headers))
        self.seen.paths.append(self.path)
        try:
            type(self).behaviour(self)
        except (BrokenPipeError, ConnectionResetError):
            self.seen.gone.set()
        self.close_connection = True

    do_GET = do_POST

    def begin(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def raw(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def say(self, text: str, reason: str | None = None) -> None:
        record = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}
        self.raw(f"data: {json.dumps(record)}\n\n".encode())

    def log_message(self, *_arguments: object) -> None:
        pass


def well(speaker: Speaker) -> None:
    speaker.begin()
    speaker.raw(b": hello\n\n")
    for word in ("Worn shoes ", "within 三", "十天 ", "[1]."):
        speaker.say(word)
    speaker.say("", "stop")
    speaker.raw(b'data: {"choices": [], "usage": {"prompt_tokens": 77}}\n\n')
    speaker.raw(b"data: [DONE]\n\n")


def endless(speaker: Speaker) -> None:
    speaker.begin()
    for _ in range(2000):
        speaker.say("word ")
        time.sleep(0.01)


def stalling(speaker: Speaker) -> None:
    speaker.begin()
    speaker.say("Half an ans")
    speaker.seen.gone.wait(20)


def silent(speaker: Speaker) -> None:
    speaker.seen.gone.wait(20)


def breaking_off(speaker: Speaker) -> None:
    speaker.begin()
    speaker.say("Half an ans")


def refusing(status: int, body: str = "", **headers: str) -> Behaviour:
    def behave(speaker: Speaker) -> None:
        speaker.begin(status, "application/json", **headers)
        speaker.raw(body.encode())

    return behave


def saying(data: bytes, kind: str = "text/event-stream") -> Behaviour:
    def behave(speaker: Speaker) -> None:
        speaker.begin(kind=kind)
        speaker.raw(data)

    return behave


def one_after_the_other(*behaviours: Behaviour) -> Behaviour:
    left = list(behaviours)

    def behave(speaker: Speaker) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(speaker)

    return behave


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[tuple[str, Seen]]:
    """Base URL (ending in /v1) and what was seen."""
    seen = Seen()
    handler = type("ThisSpeaker", (Speaker,), {"behaviour": staticmethod(behaviour), "seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", seen
    finally:
        seen.gone.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
