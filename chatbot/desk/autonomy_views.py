"""The dial: how freely the bot answers in each inbox, with what logged drafts say about every setting."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from chatbot.accounts import audit
from chatbot.accounts.roles import require
from chatbot.conversations.drafts import autonomy, suggestion_figures
from chatbot.conversations.models import Inbox
from chatbot.desk import autonomy_chart
from chatbot.desk.autonomy_forms import DialForm


@require_safe
@require("inbox.change")
def inboxes(request: HttpRequest) -> HttpResponse:
    return render(request, "desk/autonomy.html", {"inboxes": Inbox.objects.order_by("name")})


@require_http_methods(["GET", "HEAD", "POST"])
@require("inbox.change")
def dial(request: HttpRequest, inbox_id: int) -> HttpResponse:
    inbox = get_object_or_404(Inbox, pk=inbox_id)
    form = DialForm(request.POST if request.method == "POST" else None, initial=DialForm.of(inbox))
    if request.method == "POST" and form.is_valid():
        messages.success(request, _save(request, inbox.pk, form))
        return redirect("desk:autonomy_dial", inbox.pk)
    figures = suggestion_figures.dial(inbox=inbox)
    chosen = inbox.auto_confidence if inbox.mode == Inbox.Mode.AUTO else None
    context = {
        "inbox": inbox,
        "form": form,
        "figures": figures,
        "columns": autonomy_chart.columns(figures, chosen=chosen),
        "grid": autonomy_chart.lines(),
        "minimum": autonomy.MINIMUM,
        "days": suggestion_figures.DIAL_DAYS,
        "unchecked": inbox.mode == Inbox.Mode.AUTO and inbox.review_share == 0,
        "any": any(one.alone is not None for one in figures),
    }
    return render(request, "desk/autonomy_dial.html", context, status=400 if form.errors else 200)


@transaction.atomic
def _save(request: HttpRequest, inbox_id: int, form: DialForm) -> str:
    """Keep the dial, with its line in the audit log. Returns what changed, as a sentence."""
    inbox = Inbox.objects.select_for_update().get(pk=inbox_id)
    before, after = DialForm.of(inbox), form.cleaned_data
    changed = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if not changed:
        return _("Nothing has changed.")
    inbox.mode = after["mode"]
    inbox.auto_confidence, inbox.review_share = after["confidence"] / 100, after["review"] / 100
    inbox.save(update_fields=["mode", "auto_confidence", "review_share"])
    audit.record(
        actor=request.user,
        action="inbox.autonomy",
        target=f"inbox {inbox.pk}",
        detail={"name": inbox.name, **changed},
        request=request,
    )
    return f"{inbox.name}: {' '.join(_sentences(changed, after['mode']))}"


def _sentences(changed: dict[str, list[object]], mode: str) -> list[str]:
    said = {
        Inbox.Mode.OFF: _("The bot is silent now; people answer."),
        Inbox.Mode.DRAFT: _("The bot writes drafts now, and people send them."),
        Inbox.Mode.AUTO: _("The bot answers alone now."),
    }
    sentences = [said[Inbox.Mode(mode)]] if "mode" in changed else []
    if "confidence" in changed:
        old, new = changed["confidence"]
        sentences.append(_("It needs a confidence of %(new)s%%; before it was %(old)s%%.") % {"new": new, "old": old})
    if "review" in changed:
        old, new = changed["review"]
        sentences.append(
            _("People review %(new)s%% of the answers above it; before it was %(old)s%%.") % {"new": new, "old": old}
        )
    return sentences
