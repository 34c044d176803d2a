"""What is filled in to erase a customer: words that nobody types by mistake, and why."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class EraseForm(forms.Form):
    """Erasing is confirmed by typing the contact's number."""

    typed = forms.CharField(label=_("Type the words to confirm"), max_length=60)
    reason = forms.CharField(
        label=_("Why"), max_length=150, required=False,
        help_text=_("For the receipt, which is kept: a ticket's number or a date. No names or addresses."),
    )  # fmt: skip

    def __init__(self, *args: Any, words: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words = words
        self.fields["typed"].widget.attrs["autocomplete"] = "off"

    def clean_typed(self) -> str:
        typed = " ".join(str(self.cleaned_data["typed"]).split())
        if typed.casefold() != self.words.casefold():
            raise forms.ValidationError(_("Type exactly: %(words)s"), params={"words": self.words})
        return typed
