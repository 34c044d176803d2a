"""What admins set on the dial, and which drafts analysts look at. Validation only."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chatbot.accounts.models import User
from chatbot.conversations import access
from chatbot.conversations.models import Inbox


class DialForm(forms.Form):
    """How freely the bot answers in one inbox; confidence in whole percent."""

    mode = forms.ChoiceField(
        label=_("The bot"),
        widget=forms.RadioSelect,
        choices=[
            (Inbox.Mode.OFF, _("is silent: people answer")),
            (Inbox.Mode.DRAFT, _("writes drafts, and people send them")),
            (Inbox.Mode.AUTO, _("answers alone above a confidence; below it offers a person, for whom a draft waits")),
        ],
    )
    confidence = forms.IntegerField(
        label=_("Confidence from which it answers alone (%)"),
        min_value=50,
        max_value=99,
        help_text=_("From 50 to 99. Below 50 the bot never answers."),
    )

    @staticmethod
    def of(inbox: Inbox) -> dict[str, Any]:
        return {
            "mode": inbox.mode,
            "confidence": round(inbox.auto_confidence * 100),
        }


class SuggestionFilter(forms.Form):
    """Inbox and period; what makes no sense filters nothing."""

    inbox = forms.ModelChoiceField(
        label=_("Inbox"), queryset=Inbox.objects.none(), required=False, empty_label=_("All inboxes")
    )
    days = forms.TypedChoiceField(
        label=_("Period"),
        required=False,
        coerce=int,
        choices=[(7, _("Last 7 days")), (28, _("Last 4 weeks")), (90, _("Last 90 days")), (365, _("Last year"))],
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen = access.inboxes(user).order_by("name")
        self.fields["inbox"].queryset = self.seen  # type: ignore[attr-defined]
