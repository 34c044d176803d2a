"""A logged turn answered again, with another adapter, index or prompt, and what is different."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.roles import require
from chatbot.conversations import rates
from chatbot.training import page_work
from chatbot.training.pages import by, message_at, note, number, show
from chatbot.training.replay_forms import ReplayForm
from chatbot.training.text_difference import pieces

RATE: Final = rates.Rate(30, 600)
"""For one person: each holds a worker for some seconds."""
FACTS: Final = ("decision", "confidence", "engine", "adapter", "index_version", "prompt_digest", "milliseconds")


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.change")
def replay(request: HttpRequest) -> HttpResponse:
    """GET with ?message=, ?suggestion=, or ?conversation=&seq= as the desk names a message; POST asks a worker."""
    form = ReplayForm(request.POST or None, initial=_first(request))
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            rates.take([rates.Limit(RATE, "replays", str(request.user.pk))])
        except rates.OverLimit as limit:
            messages.error(request, limit.message)
            return show(request, "training/replay.html", {"form": form}, status=429)
        return _start(request, form)
    return show(request, "training/replay.html", {"form": form}, status=status)


def _first(request: HttpRequest) -> dict[str, Any]:
    if conversation := request.GET.get("conversation"):
        return {"message": message_at(conversation, request.GET.get("seq", "")).pk}
    return {name: number(request.GET.get(name, "")) or None for name in ("message", "suggestion")}


def _start(request: HttpRequest, form: ReplayForm) -> HttpResponse:
    said, on = form.cleaned_data, form.parts()
    asked = {"message": said["message"], "suggestion": said["suggestion"], "on": on}
    target = f"message {said['message']}" if said["message"] else f"suggestion {said['suggestion']}"
    note(request, "replay", target, **on)
    token = page_work.start("replay", asked=asked, user_id=request.user.pk or 0, by=by(request))
    return redirect("training:replayed", token)


@require_safe
@require("training.change")
def outcome(request: HttpRequest, token: str) -> HttpResponse:
    work = page_work.read(token, "replay", user_id=request.user.pk or 0)
    if work is None:
        return redirect("training:replay")
    context: dict[str, Any] = {"work": work, "token": token}
    if work["state"] == "done":
        context |= _compared(work["outcome"])
    return show(request, "training/replayed.html", context, part="training/_replayed.html")


def _compared(result: dict[str, Any]) -> dict[str, Any]:
    before, after = result["before"], result["after"]
    return {
        "result": result,
        "pieces": pieces(before["text"], after["text"]),
        "facts": [(name, before[name], after[name]) for name in FACTS],
        "cut": {
            side: [one for one in said["sentences"] if not one.get("kept")]
            for side, said in (("before", before), ("after", after))
        },
    }
