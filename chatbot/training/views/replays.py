"""A logged turn answered again, with another adapter or index, and what is different."""

import difflib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.roles import require
from chatbot.conversations.models import Message, Suggestion
from chatbot.training import page_work
from chatbot.training.forms import ReplayForm
from chatbot.training.pages import by, note, show


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def replay(request: HttpRequest) -> HttpResponse:
    first = {name: request.GET.get(name, "")[:20] for name in ("message", "suggestion")}
    form = ReplayForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid() and _exists(form):
        said = form.cleaned_data
        on = {"adapter_digest": said["adapter"], "index_version": said["index_version"]}
        asked = {"message": said["message"], "suggestion": said["suggestion"], "on": on}
        note(request, "replay", f"message {said['message']}" if said["message"] else f"draft {said['suggestion']}")
        token = page_work.start("replay", asked=asked, user_id=request.user.pk or 0, by=by(request))
        return redirect("training:replayed", token)
    status = 400 if request.method == "POST" else 200
    return show(request, "training/replay.html", {"form": form}, status=status)


def _exists(form: ReplayForm) -> bool:
    said = form.cleaned_data
    if said["message"] and not Message.objects.filter(pk=said["message"], role=Message.Role.BOT).exists():
        form.add_error("message", _("No message of the bot has this number."))
    if said["suggestion"] and not Suggestion.objects.filter(pk=said["suggestion"]).exists():
        form.add_error("suggestion", _("No draft has this number."))
    return not form.errors


@require_safe
@require("training.change")
def outcome(request: HttpRequest, token: str) -> HttpResponse:
    work = page_work.read(token, "replay", user_id=request.user.pk or 0)
    if work is None:
        return redirect("training:replay")
    result = work.get("outcome") or {}
    before, after = str(_first(result, "before", "original")), str(_first(result, "after", "text", "answer"))
    facts = {key: value for key, value in result.items() if not isinstance(value, dict | list | tuple)}
    for name in ("before", "original", "after", "text", "answer"):
        facts.pop(name, None)
    context = {"work": work, "token": token, "pieces": pieces(before, after), "same": before == after, "facts": facts}
    return show(request, "training/replayed.html", context, part="training/_replayed.html")


def _first(result: dict[str, Any], *names: str) -> Any:
    return next((result[name] for name in names if result.get(name)), "")


def pieces(before: str, after: str) -> dict[str, list[tuple[str, bool]]]:
    """Both texts in pieces, each marked where the other lacks it. Words, or characters where there are no spaces."""
    left, right = _units(before[:20000]), _units(after[:20000])
    found: dict[str, list[tuple[str, bool]]] = {"before": [], "after": []}
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        found["before"].append(("".join(left[a:b]), kind != "equal"))
        found["after"].append(("".join(right[c:d]), kind != "equal"))
    return {side: [one for one in rows if one[0]] for side, rows in found.items()}


def _units(text: str) -> list[str]:
    import re

    return re.findall(r"[㐀-鿿]|\s+|[^\s㐀-鿿]+", text)
