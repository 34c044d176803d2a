"""The first page: the loop as five steps, what answers now, and what to do next."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from chatbot.accounts.roles import require
from chatbot.training import page_selectors
from chatbot.training.pages import show
from finetune import adapters


@require_safe
@require("training.view")
def home(request: HttpRequest) -> HttpResponse:
    loop, canary = page_selectors.loop(), page_selectors.canary()
    context = {
        "loop": loop,
        "active": adapters.active(),
        "canary": canary,
        "next": page_selectors.next_step(loop, canary=canary is not None),
        "engine": settings.GENERATOR or "extractive",
        "model": settings.GENERATOR_MODEL,
    }
    return show(request, "training/home.html", context)
