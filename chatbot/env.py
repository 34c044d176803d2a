"""Reads settings from the environment. Every error names the variable and says what it may hold.

Holds no setting itself: `settings.py` lists them, `docs/configuration.md` explains them.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}

SETTINGS_READ: set[str] = set()
"""Names asked for so far; a test holds docs/configuration.md complete against it."""


def text(name: str, default: str = "", *, choices: Sequence[str] = ()) -> str:
    """The variable's text, or the content of the file that NAME_FILE points to (for mounted secrets)."""
    SETTINGS_READ.add(name)
    value = os.environ.get(name, "").strip()
    file = os.environ.get(f"{name}_FILE", "").strip()
    if not value and file:
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE points to {file!r}, which cannot be read: {error}") from error
    value = value or default
    if choices and value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")
    return value


def flag(name: str, default: bool = False) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write 1 or 0.")


def integer(name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a whole number.") from None
    if not minimum <= number <= maximum:
        raise ImproperlyConfigured(f"{name} is {number}; it must lie between {minimum} and {maximum}.")
    return number


def number(name: str, default: float, *, minimum: float = 0.0, maximum: float = float("inf")) -> float:
    value = text(name)
    if not value:
        return default
    try:
        result = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a number.") from None
    if not minimum <= result <= maximum:
        raise ImproperlyConfigured(f"{name} is {result}; it must lie between {minimum} and {maximum}.")
    return result


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def numbers(name: str) -> dict[str, float]:
    """A comma-separated list of dials: name=number."""
    dials = {}
    for word in words(name):
        key, _, value = word.partition("=")
        try:
            dials[key.strip()] = float(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} holds {word!r}; write dials as name=number, split by commas.") from None
    return dials


def url(name: str, default: str = "", *, schemes: Sequence[str]) -> str:
    value = text(name, default)
    if value and urlsplit(value).scheme not in schemes:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must be a URL that starts with one of: "
            + ", ".join(f"{scheme}://" for scheme in schemes)
        )
    return value


def folder(name: str, default: Path) -> Path:
    """A folder of ours; made when missing."""
    path = Path(text(name) or default).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is {str(path)!r}, which cannot be made: {error}") from error
    return path


def secret_key(name: str, *, keep_in: Path, generate: bool) -> str:
    """The secret, or (for the one-process demo) one made at the first start and kept readable to its owner only."""
    value = text(name)
    if value:
        if len(value) < 50:
            raise ImproperlyConfigured(f"{name} is too short: use at least 50 random characters.")
        return value
    if not generate:
        raise ImproperlyConfigured(
            f"{name} is not set. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(64))'"
        )
    file = keep_in / "secret_key"
    if not file.exists():
        made = secrets.token_urlsafe(64)
        try:
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
                handle.write(made)
        except FileExistsError:  # another process was first
            pass
    return file.read_text().strip()
