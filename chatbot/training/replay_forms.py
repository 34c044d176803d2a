"""A logged turn, and with what it is answered again. Validation only; offers what is still kept."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.models import Message, Suggestion
from finetune.models import Adapter
from finetune.prompt import GENERATION, GENERATIONS
from retrieval import versions
from retrieval.models import IndexVersion

THEN: Final = "then"
NOW: Final = "now"
MOST: Final = 50


class ReplayForm(forms.Form):
    message = forms.IntegerField(label=_("Number of the bot's message"), required=False, min_value=1, max_value=2**62)
    suggestion = forms.IntegerField(label=_("or number of a draft"), required=False, min_value=1, max_value=2**62)
    adapter = forms.ChoiceField(label=_("Adapter"))
    index_version = forms.ChoiceField(label=_("Index version"))
    prompt = forms.TypedChoiceField(label=_("Prompt"), coerce=int)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("adapter", _adapters()), ("index_version", _indexes()), ("prompt", _prompts())):
            field: Any = self.fields[name]
            field.choices = choices

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        message, suggestion = said.get("message"), said.get("suggestion")
        if self.errors:
            return said
        if bool(message) == bool(suggestion):
            raise forms.ValidationError(_("Give the number of a message or of a draft, one of the two."))
        if message and not Message.objects.filter(pk=message, role=Message.Role.BOT).exists():
            self.add_error("message", _("No message of the bot has this number."))
        if suggestion and not Suggestion.objects.filter(pk=suggestion).exists():
            self.add_error("suggestion", _("No draft has this number."))
        return said

    def parts(self) -> dict[str, Any]:
        """As `replay` takes them: None is what the turn had, "" the base model and the active index."""
        said = self.cleaned_data
        adapter, index = ({THEN: None, NOW: ""}.get(said[name], said[name]) for name in ("adapter", "index_version"))
        return {"adapter": adapter, "index": index, "prompt": said["prompt"]}


def _adapters() -> list[tuple[str, Any]]:
    known = Adapter.objects.filter(tainted="").order_by("-active", "-pk")
    names = [(one.digest, _("%(name)s (answers now)") % {"name": one.digest[:12]} if one.active else one.digest[:12])
             for one in known[:MOST]]  # fmt: skip
    return [(THEN, _("The one that answered then")), (NOW, _("Base model, no adapter")), *names]


def _indexes() -> list[tuple[str, Any]]:
    ready = [one for one in versions.listing() if one.status == IndexVersion.Status.READY]
    names = [(one.digest, f"{one.digest[:12]} · {one.created_at:%Y-%m-%d %H:%M}") for one in ready[:MOST]]
    return [(THEN, _("The one that was searched then")), (NOW, _("The active one")), *names]


def _prompts() -> list[tuple[int, Any]]:
    newest = sorted(GENERATIONS, reverse=True)
    return [(one, _("%(n)s, the present one") % {"n": one} if one == GENERATION else str(one)) for one in newest]
