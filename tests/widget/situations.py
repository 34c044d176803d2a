"""What the scripted server shows of a conversation around people: in line, nobody there, over."""

from typing import Any

from tests.widget.fake_server import FakeServer


def queue(position: int, minutes: int | None) -> dict[str, Any]:
    return {"type": "queue", "position": position, "wait_minutes": minutes}


def wait_in_line(server: FakeServer, place: dict[str, Any] | None = None) -> None:
    server.message("customer", "I want a person")
    server.welcome = {"state": "waiting", "queue": place}


AWAY = "Our team is back on Monday. Please leave your e-mail address."


def away(server: FakeServer, **more: Any) -> None:
    server.message("customer", "I want a person")
    server.message("notice", AWAY, kind="away")
    server.welcome = {"state": "waiting", **more}


def accept_address(server: FakeServer) -> None:
    server.welcome["email"] = "a***@example.com"
    server.on["email.set"] = lambda event: server.greet({"last_seq": len(server.messages)})


def over(server: FakeServer, value: int = 0) -> None:
    server.message("customer", "Hello")
    server.message("agent", "Done.", author="Ann")
    server.welcome = {"state": "resolved", "rate": {"type": "rate.ask", "value": value}}


def accept_rating(server: FakeServer) -> None:
    def keep(event: dict[str, Any]) -> None:
        server.welcome["rate"] = {"type": "rate.ask", "value": event["value"]}
        server.send(**server.welcome["rate"])

    server.on["conversation.rate"] = keep
