"""The desk's one page: a shell whose lists and conversations come over the socket."""

from csp.constants import NONE, SELF
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chatbot.accounts.roles import may, require
from chatbot.desk.texts import texts


@require_safe
@require("conversations.view")
def home(request: HttpRequest) -> HttpResponse:
    """Shows nothing of anybody: what a conversation in the address holds, the socket tells those who may see it."""
    socket_url = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}/ws/desk/"
    may_change = may(request.user, "training.change")
    config = {
        "socket": socket_url,
        "language": get_language() or settings.LANGUAGE_CODE,
        "user": request.user.pk,
        "limit": settings.MESSAGE_MAX_CHARS,
        "fix": reverse("training:fix") if may_change else "",
        "replay": reverse("training:replay") if may_change else "",
        "title": _("Desk") + " · Parley",
        "texts": texts(),
    }
    response = render(request, "desk/desk.html", {"config": config})
    response["Cache-Control"] = "no-store"
    # Stricter than the other pages: pictures only from here, and Safari wants the socket named.
    own = [SELF, socket_url.rsplit("/ws/", 1)[0]]
    response._csp_replace = {"connect-src": own, "img-src": [SELF], "frame-src": [NONE]}  # type: ignore[attr-defined]
    return response
