"""Which real services answer on this machine. Tests that need one call `require`.

CI (REQUIRE_SERVICES=1) has them all; elsewhere such a test is skipped with the reason.
"""

import os
import socket
import sys
from typing import Final
from urllib.parse import urlsplit

import pytest

URLS: Final = {
    "postgres": os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/test"),
    "redis": os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15"),
    "rabbitmq": os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}
_PORTS: Final = {"postgres": 5432, "redis": 6379, "rabbitmq": 5672}


def answers(name: str) -> bool:
    address = urlsplit(URLS[name])
    try:
        with socket.create_connection((address.hostname or "127.0.0.1", address.port or _PORTS[name]), timeout=2):
            return True
    except OSError:
        return False


def require(name: str) -> str:
    """The service's URL; without the service the test is skipped, or fails where REQUIRE_SERVICES=1."""
    if not answers(name):
        reason = f"{name} does not answer at {URLS[name]} (set TEST_{name.upper()}_URL)"
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return URLS[name]


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
