"""What admins type on the knowledge pages, checked. Errors are sentences that say what to do."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.models import Inbox
from chatbot.knowledge.selectors import Filter
from retrieval.fetch_guard import Forbidden
from retrieval.fetching import checked_url

MAX_HISTORY: Final = 20
_collection_name = RegexValidator(
    r"^[-a-zA-Z0-9_]+\Z", _("A collection's name has letters, digits, - and _ only, for example: products.")
)


class CollectionField(forms.CharField):
    """The collection new documents go to; empty means the usual one."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=60, validators=[_collection_name], label=_("Collection"))
        self.widget.attrs |= {"list": "collections", "placeholder": "default", "autocomplete": "off"}

    def clean(self, value: Any) -> str:
        return str(super().clean(value) or "default")


class UploadForm(forms.Form):
    collection = CollectionField()


class AddressForm(forms.Form):
    """A page or a sitemap."""

    url = forms.CharField(max_length=2000, label=_("Address"))
    collection = CollectionField()

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if "://" not in url and "." in url:
            url = f"https://{url}"
        try:
            return str(checked_url(url))
        except Forbidden as error:
            raise forms.ValidationError(str(error)) from error


class FilterForm(forms.Form):
    """Filters of the document list; what makes no sense filters nothing."""

    q = forms.CharField(required=False, max_length=200)
    status = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("All")),
            ("ready", _("In answers")),
            ("busy", _("On their way")),
            ("failed", _("Failed")),
        ],
    )
    source = forms.IntegerField(required=False, min_value=1, max_value=2**31)

    def filter(self) -> Filter:
        self.is_valid()
        said = self.cleaned_data
        text = str(said.get("q") or "").replace("\x00", "").strip()
        return Filter(text=text, status=said.get("status") or "", source=said.get("source"))


class BenchForm(forms.Form):
    question = forms.CharField(label=_("Question"), widget=forms.Textarea(attrs={"rows": 2}))
    history = forms.CharField(
        required=False,
        label=_("Earlier messages"),
        help_text=_("One message a line, oldest first, beginning with “customer:” or “agent:”."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    inbox = forms.ModelChoiceField(
        Inbox.objects.order_by("name"), required=False, label=_("As inbox"), empty_label=_("All documents")
    )

    def clean_question(self) -> str:
        return self._short(str(self.cleaned_data["question"]))

    def clean_history(self) -> list[tuple[str, str]]:
        """(role, text) pairs; a line without a role continues the message before it."""
        turns: list[tuple[str, str]] = []
        for line in self._short(str(self.cleaned_data["history"]), times=MAX_HISTORY).splitlines():
            role, colon, text = line.partition(":")
            name = _ROLES.get(role.strip().lower())
            if name and colon:
                turns.append((name, text.strip()))
            elif line.strip() and turns:
                turns[-1] = (turns[-1][0], f"{turns[-1][1]}\n{line.strip()}")
            elif line.strip():
                turns.append(("customer", line.strip()))
        return [turn for turn in turns if turn[1]][-MAX_HISTORY:]

    @staticmethod
    def _short(text: str, times: int = 1) -> str:
        limit = settings.MESSAGE_MAX_CHARS * times
        if len(text) > limit:
            raise forms.ValidationError(_("Shorten this to %(limit)d characters."), params={"limit": limit})
        return text.replace("\x00", "")


_ROLES: Final = {"customer": "customer", "agent": "agent", "bot": "agent", "user": "customer", "assistant": "agent"}
