"""The first page: what was collected and reviewed, what answers now, and what to do next."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from chatbot.accounts.roles import require
from chatbot.training import page_selectors
from chatbot.training.pages import show
from finetune import adapters, promotion
from finetune.engine_pool import config_from_settings


@require_safe
@require("training.view")
def home(request: HttpRequest) -> HttpResponse:
    loop, serving = page_selectors.loop(), config_from_settings()
    context = {
        "loop": loop,
        "active": adapters.active(),
        "next": page_selectors.next_step(loop, canary=promotion.canary() is not None),
        "engine": serving.kind,
        "model": serving.model,
    }
    return show(request, "training/home.html", context)
