"""What admins set on the dial, and which drafts analysts look at. Validation only."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chatbot.accounts.models import User
from chatbot.conversations import access
from chatbot.conversations.models import Inbox


class DialForm(forms.Form):
    """How freely the bot answers in one inbox; confidences and shares in whole percent."""

    mode = forms.ChoiceField(
        label=_("The bot"),
        widget=forms.RadioSelect,
        choices=[
            (Inbox.Mode.OFF, _("is silent: people answer")),
            (Inbox.Mode.DRAFT, _("writes drafts, and people send them")),
            (Inbox.Mode.AUTO, _("answers alone above a confidence, and writes drafts below it")),
        ],
    )
    confidence = forms.IntegerField(
        label=_("Confidence from which it answers alone (%)"),
        min_value=50,
        max_value=99,
        help_text=_("From 50 to 99. Below 50 the bot never answers."),
    )
    review = forms.IntegerField(
        label=_("Share that people review all the same (%)"),
        min_value=0,
        max_value=100,
        help_text=_("From 0 to 100. Drawn by chance from the answers above it, so that the figures stay honest."),
    )

    @staticmethod
    def of(inbox: Inbox) -> dict[str, Any]:
        return {
            "mode": inbox.mode,
            "confidence": round(inbox.auto_confidence * 100),
            "review": round(inbox.review_share * 100),
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
