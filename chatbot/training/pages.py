"""What the training pages share: a part of a page for htmx, and one call of a service with what to say afterwards."""

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

from chatbot.accounts import audit
from chatbot.conversations.refusals import Refusal

logger = logging.getLogger(__name__)

REFUSALS: Final = (ValueError, RuntimeError, Refusal)
"""What services refuse with; every message is a sentence for people that says what to do."""
T = TypeVar("T")


def show(
    request: HttpRequest, page: str, context: dict[str, Any], *, part: str = "", status: int = 200
) -> HttpResponse:
    """The whole page, or for htmx the part of it that changes. Never kept by a browser: people's words are in it."""
    asked = bool(part) and request.headers.get("HX-Request") == "true"
    response = render(request, part if asked else page, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "no-store"
    return response


def acted(request: HttpRequest, work: Callable[[], T], said: str | Callable[[T], str]) -> T | None:
    """Do it and say so; what is refused is said instead, and None returned."""
    try:
        done = work()
    except REFUSALS as error:
        logger.info("A training page was refused: %s", error)
        messages.error(request, gettext(str(error)) if str(error) else gettext("This was refused."))
        return None
    messages.success(request, said(done) if callable(said) else said)
    return done


def note(request: HttpRequest, action: str, target: str, **detail: Any) -> None:
    """A line in the audit log."""
    audit.record(actor=request.user, action=f"training.{action}", target=target, detail=detail, request=request)


def by(request: HttpRequest) -> str:
    return str(request.user.get_username())
