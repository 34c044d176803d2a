"""The widget over HTTP: the loader script, the launcher's look, the frame page. Each checks key and origin itself."""

import hashlib
from pathlib import Path
from typing import Final

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from chatbot.conversations import selectors
from chatbot.conversations.models import Inbox
from chatbot.widget import appearance, colors, doors, languages, origins

LOADER_SECONDS: Final = 300
LAUNCHER_SECONDS: Final = 60


class Denied(Exception):
    """Why this page may not show the chat, as a sentence for whoever builds the page."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@require_safe
def loader(request: HttpRequest) -> HttpResponse:
    """The script that pages embed, at an address that never changes."""
    found = finders.find("widget/loader.js") or staticfiles_storage.path("widget/loader.js")
    script = Path(str(found)).read_bytes()
    response = HttpResponse(script, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={LOADER_SECONDS}"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["ETag"] = quote_etag(_digest(script))
    return get_conditional_response(request, etag=response["ETag"], response=response) or response


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:20]


@require_safe
def launcher(request: HttpRequest, key: str) -> HttpResponse:
    """Colour, position and words of the launcher, for pages of allowed origins only.

    A refusal may be read by any page, so that the console of a page that is not allowed says what to do.
    """
    origin = request.headers.get("Origin") or origins.of_url(request.headers.get("Referer", ""))
    try:
        inbox = _inbox(key)
        _check_origin(request, inbox, origin)
    except Denied as denied:
        response: HttpResponse = JsonResponse({"error": str(denied)}, status=denied.status)
        response["Access-Control-Allow-Origin"] = "*"
        return response
    language = _language(request, inbox)
    with translation.override(languages.for_texts(language)):
        response = JsonResponse(appearance.launcher(inbox, language=language))
    response["Access-Control-Allow-Origin"] = origins.normalise(origin or "") or "null"
    response["Cache-Control"] = f"private, max-age={LAUNCHER_SECONDS}"
    patch_vary_headers(response, ["Origin", "Accept-Language"])
    return response


@require_safe
@xframe_options_exempt
def frame(request: HttpRequest, key: str) -> HttpResponse:
    """The chat itself. Only pages of allowed origins can show it, and it talks only to the origin it was made for."""
    origin = origins.normalise(request.GET.get("origin", ""))
    try:
        inbox = _inbox(key)
        _check_origin(request, inbox, origin)
        referer = origins.of_url(request.headers.get("Referer", ""))
        if referer is not None:
            _check_origin(request, inbox, referer)
    except Denied as denied:
        return _denied(request, denied)
    host = request.get_host()
    secure = request.is_secure()
    language = _language(request, inbox)
    socket_url = f"{'wss' if secure else 'ws'}://{host}/ws/widget/{inbox.key}/"
    with translation.override(languages.for_texts(language)):
        context = {
            "config": appearance.frame(inbox, language=language, origin=origin or "", socket_url=socket_url),
            "language": language,
            "direction": languages.direction(language),
            "palette": colors.palette(inbox.color),
            "title": appearance.title_of(inbox),
            "initials": appearance.initials(appearance.title_of(inbox)),
        }
        response = render(request, "widget/frame.html", context)
    response["Cache-Control"] = "private, no-cache"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return _framed(response, origins.frame_ancestors(inbox.allowed_origins), socket_url)


def _framed(response: HttpResponse, ancestors: object, socket_url: str) -> HttpResponse:
    response._csp_replace = {  # type: ignore[attr-defined]  # as csp.decorators.csp_replace does
        "frame-ancestors": ancestors,
        "connect-src": ["'self'", socket_url.rsplit("/ws/", 1)[0]],
        "form-action": ["'none'"],
        "frame-src": ["'none'"],
    }
    return response


def _inbox(key: str) -> Inbox:
    inbox = selectors.active_inbox(key=key)
    if inbox is None:
        raise Denied(404, _("There is no active inbox with this key. Check data-inbox in the embed snippet."))
    return inbox


def _check_origin(request: HttpRequest, inbox: Inbox, origin: str | None) -> None:
    if not origins.allows(inbox.allowed_origins, origin, own=doors.own_origins(request.get_host())):
        shown = origins.normalise(origin or "") or _("of unknown origin")
        raise Denied(
            403,
            _("Pages %(origin)s may not show this chat. Add the origin to the inbox's allowed origins.")
            % {"origin": shown},
        )


def _denied(request: HttpRequest, denied: Denied) -> HttpResponse:
    """A readable page that no other page may frame. The launcher's address tells the page's console the same."""
    return render(request, "widget/denied.html", {"message": str(denied)}, status=denied.status)


def _language(request: HttpRequest, inbox: Inbox) -> str:
    return appearance.language_of(
        inbox,
        asked=request.GET.get("language", ""),
        accept_language=request.headers.get("Accept-Language", ""),
    )
