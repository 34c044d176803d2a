"""A body larger than any upload is refused while it comes, by the real server."""

import socket
from collections.abc import Iterator

import pytest

from tests.faults.stack import Stack, wait_for_port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    stack = Stack(tmp_path_factory.mktemp("web"), UPLOAD_MAX_BYTES="2048")
    stack.manage("migrate", "-v", "0")
    stack.add_web().start()
    wait_for_port(stack.ports[0], seconds=200)
    yield stack.ports[0]
    stack.close()


def status(port: int, head: str, pieces: Iterator[bytes] | tuple[bytes, ...] = ()) -> str:
    """The status line of the answer to a raw request."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"POST /login/ HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
        try:
            for piece in pieces:
                connection.sendall(piece)
        except OSError:
            pass  # refused while sending
        return connection.recv(200).split(b"\r\n")[0].decode()


def test_a_length_over_the_limit_is_refused_before_the_body(port: int) -> None:
    assert "413" in status(port, f"Content-Length: {10**12}")


def test_chunks_over_the_limit_are_refused_while_they_come(port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert "413" in status(port, "Transfer-Encoding: chunked", tuple(chunk for _ in range(40)))


def test_an_ordinary_form_is_not(port: int) -> None:
    assert "403" in status(port, "Content-Length: 3", (b"a=b",)), "no CSRF token"
