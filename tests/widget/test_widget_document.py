"""What docs/widget.md tells others to copy works as it stands."""

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chatbot.widget import identity

PAGE = (Path(__file__).resolve().parents[2] / "docs/widget.md").read_text(encoding="utf-8")
KEY, SECRET = "pk_shop", "s" * 48


def example(language: str, containing: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return next(block for block in blocks if containing in block)


def accepted(token: str) -> tuple[str, str, str]:
    claims = identity.verify(token, key=KEY, secret=SECRET)
    return claims.subject, claims.name, claims.email


def test_the_python_example_signs_a_token_that_is_accepted() -> None:
    room: dict[str, Any] = {"KEY": KEY, "SECRET": SECRET}
    exec(example("python", "def chat_token"), room)
    token = room["chat_token"](SimpleNamespace(id=17, name="Ada", email="ada@example.com"))
    assert accepted(token) == ("17", "Ada", "ada@example.com")


def test_the_node_example_signs_a_token_that_is_accepted() -> None:
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    constants = f"const KEY = '{KEY}', SECRET = '{SECRET}';"
    call = "process.stdout.write(chatToken({ id: 17, name: 'Ädä', email: 'ada@example.com' }));"
    script = f"{constants}\n{example('js', 'function chatToken')}\n{call}"
    run = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True, timeout=60)
    assert accepted(run.stdout) == ("17", "Ädä", "ada@example.com")


def test_every_call_of_the_api_is_documented() -> None:
    loader = (Path(__file__).resolve().parents[2] / "chatbot/widget/static/widget/loader.js").read_text()
    calls = re.findall(r"^  const api = \{(.*?)^  \};", loader, re.S | re.M)
    assert calls, "the loader names its calls in `const api = {…}`"
    names = re.findall(r"^    (?:async )?(\w+)[(:,]", calls[0], re.M)
    assert len(names) >= 6
    assert [name for name in names if f"{name}(" not in PAGE] == []
