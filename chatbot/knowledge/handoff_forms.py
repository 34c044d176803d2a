"""The page that says when people take over in one inbox: hours, words, mood, rating. Validation only."""

import re
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.handoffs import handoff, hours
from chatbot.conversations.models import Inbox
from chatbot.knowledge.inbox_forms import LinesField

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Inbox]
else:
    _ModelForm = forms.ModelForm

_BETWEEN: Final = re.compile(r"\s*(?:[-–—~～]|\bto\b|至|到)\s*")
_NEXT: Final = re.compile(r"[,，;；、]")


class SpansField(forms.CharField):
    """One day's business hours, `09:00-12:00, 13:00-17:30`; empty: closed."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return ", ".join("-".join(map(str, span)) for span in value if isinstance(span, list))

    def clean(self, value: Any) -> Any:
        spans = [span.strip() for span in _NEXT.split(str(super().clean(value)))]
        return [[_padded(end) for end in _BETWEEN.split(span)] for span in spans if span]


def _padded(time: str) -> str:
    """9:00 as 09:00, as the form says it; anything else as it stands, for the check to name."""
    clean = time.replace("：", ":").strip()
    return f"0{clean}" if re.fullmatch(r"\d:\d\d", clean) else clean


class HandoffForm(_ModelForm):
    """When people take over in this inbox. The hours of each day are a field of their own: `mon` to `sun`."""

    time_zone = forms.ChoiceField(label=_("Time zone"), help_text=_("The hours above are those of its clocks."))
    holidays = LinesField(
        required=False, label=_("Holidays"), help_text=_("Dates on which nobody works, one a line, like 2027-01-01.")
    )
    handoff_words = LinesField(
        required=False,
        label=_("Words that go to a person at once"),
        help_text=_("One word or phrase a line. Found as whole words, in any case; Chinese anywhere in the text."),
    )

    class Meta:
        model = Inbox
        fields = ["time_zone", "holidays", "handoff_after", "handoff_on_mood", "handoff_words", "ask_rating"]
        labels = {
            "handoff_after": _("Times in a row that the bot may not know"),
            "handoff_on_mood": _("Hand over when a customer sounds angry"),
            "ask_rating": _("Ask for 1 to 5 stars when a conversation is resolved"),
        }
        help_texts = {
            "handoff_after": _("With the last of them a person is brought in."),
            "handoff_on_mood": _("English and Chinese. Complaints about a product alone are answered by the bot."),
            "ask_rating": _("Once for each conversation."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.instance.hours if isinstance(self.instance.hours, dict) else {}
        for number, day in enumerate(hours.DAYS):
            self.fields[day] = SpansField(
                required=False, max_length=120, label=WEEKDAYS[number], initial=kept.get(day, [])
            )
        zones = sorted({*hours.zones(), self.instance.time_zone})
        self.fields["time_zone"].choices = [(zone, zone.replace("_", " ")) for zone in zones]  # type: ignore[attr-defined]

    def day_fields(self) -> list[Any]:
        """For the template."""
        return [self[day] for day in hours.DAYS]

    def clean_handoff_after(self) -> int:
        times = int(self.cleaned_data["handoff_after"])
        if not 1 <= times <= 10:
            raise forms.ValidationError(_("Choose a number from 1 to 10."))
        return times

    def clean_handoff_words(self) -> list[str]:
        try:
            return handoff.clean_words(self.cleaned_data["handoff_words"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for day in hours.DAYS:
            found = hours.problems(hours={day: cleaned.get(day, [])}, time_zone="UTC", holidays=[])
            if "hours" in found:
                self.add_error(day, found["hours"])
        found = hours.problems(
            hours={}, time_zone=cleaned.get("time_zone", "UTC"), holidays=cleaned.get("holidays", [])
        )
        for name, sentence in found.items():
            self.add_error(name, sentence)
        return cleaned

    def save(self, commit: bool = True) -> Inbox:
        self.instance.hours = {day: self.cleaned_data[day] for day in hours.DAYS if self.cleaned_data[day]}
        return super().save(commit)
