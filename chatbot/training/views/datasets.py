"""Frozen datasets: making one, and what is in it."""

from typing import Final

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts.roles import may, require
from chatbot.training import page_selectors, parts
from chatbot.training.forms import FreezeForm
from chatbot.training.pages import acted, by, note, show
from finetune.models import Dataset

TABLES: Final = ("counts", "groups", "languages", "topics", "origins", "flags", "answer_characters")


@require_http_methods(["GET", "HEAD", "POST"])
@require("training.view")
def datasets(request: HttpRequest) -> HttpResponse:
    """GET lists; POST freezes what is approved now, which needs the right to change."""
    form = FreezeForm(request.POST or None)
    if request.method == "POST":
        if not may(request.user, "training.change"):
            raise PermissionDenied
        if form.is_valid() and (made := _freeze(request, form)):
            return redirect("training:dataset", made.pk)
    stale = Count("examples", filter=Q(examples__stale=True))
    listed = Dataset.objects.annotate(size=Count("examples"), stale=stale).order_by("-pk")
    context = {"form": form, "datasets": listed, "loop": page_selectors.loop()}
    return show(request, "training/datasets.html", context, status=400 if request.method == "POST" else 200)


def _freeze(request: HttpRequest, form: FreezeForm) -> Dataset | None:
    said = form.cleaned_data
    made = acted(
        request,
        lambda: parts.freeze(name=said["name"], kind=said["kind"], held_out=said["held_out"] / 100, by=by(request)),
        _("“%(name)s” is frozen.") % {"name": said["name"]},
    )
    if made:
        note(request, "dataset.freeze", f"dataset {made.pk}", name=made.name, digest=made.digest)
    return made


@require_safe
@require("training.view")
def dataset(request: HttpRequest, dataset_id: int) -> HttpResponse:
    found = get_object_or_404(Dataset, pk=dataset_id)
    manifest = found.manifest if isinstance(found.manifest, dict) else {}
    leaks = manifest.get("leak_report") or {}
    context = {
        "dataset": found,
        "tables": [(name, sorted(manifest[name].items())) for name in TABLES
                   if isinstance(manifest.get(name), dict)],
        "leaks": leaks if isinstance(leaks, dict) else {},
        "clean": isinstance(leaks, dict) and bool(leaks) and not any(leaks.values()),
        "stale": found.examples.filter(stale=True).count(),
        "tainted_examples": found.examples.filter(state="tainted").count(),
    }  # fmt: skip
    return show(request, "training/dataset.html", context)
