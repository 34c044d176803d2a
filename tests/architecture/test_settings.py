"""Every setting is documented, and every mistake in the environment names its variable."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatbot import env

ROOT = Path(__file__).resolve().parents[2]


def run_check(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, "manage.py", "check", *arguments],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_setting_that_is_read_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE))
    assert env.SETTINGS_READ - documented == set(), "add these to docs/configuration.md"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "whole number"),
        ("PORT", "70000", "between 1 and 65535"),
        ("DEBUG", "perhaps", "write 1 or 0"),
        ("DATABASE_URL", "mysql://x", "sqlite://"),
        ("GENERATOR", "magic", "one of"),
        ("EMBEDDED", "0", "REDIS_URL"),
        ("SECRET_KEY", "short", "50 random characters"),
    ],
)
def test_a_wrong_value_is_refused_with_the_variables_name(tmp_path: Path, name: str, value: str, says: str) -> None:
    run = run_check(tmp_path, **{name: value})
    assert run.returncode != 0
    message = run.stderr.strip().splitlines()[-1]
    assert name in message
    assert says in message


def test_the_documented_production_settings_pass_the_deployment_check(tmp_path: Path) -> None:
    run = run_check(
        tmp_path,
        "--deploy",
        "--fail-level",
        "INFO",
        SECRET_KEY="k" * 30 + "abcdefghijklmnopqrstuvwxyz0123456789",
        PUBLIC_URL="https://chat.example.com",
        REDIS_URL="redis://127.0.0.1:6379/0",
        DATABASE_URL="postgres://parley@127.0.0.1/parley",
        TRUSTED_PROXIES="1",
    )
    assert run.returncode == 0, run.stderr


def test_the_embedded_secret_is_made_once_and_private(tmp_path: Path) -> None:
    for _ in range(2):
        assert run_check(tmp_path).returncode == 0
    file = tmp_path / "secret_key"
    assert len(file.read_text()) > 50
    assert file.stat().st_mode & 0o077 == 0
