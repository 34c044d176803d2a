"""What the training pages share: a part of a page for htmx, and one call of a service with what to say afterwards."""

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

from chatbot.accounts import audit
from chatbot.conversations.models import Message
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


def number(text: str) -> int:
    """A number from an address; 0, which nothing has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def message_at(conversation: str, seq: str) -> Message:
    """The bot's message that the desk means: it knows conversations by their public id. Raises Http404."""
    try:
        public = UUID(conversation)
    except ValueError as error:
        raise Http404 from error
    place = {"conversation__public_id": public, "seq": number(seq)}
    return get_object_or_404(Message.objects.select_related("conversation"), role=Message.Role.BOT, **place)
