"""Forms of the canned replies' pages: one reply with its texts and examples per language, and a question to try.

Validation only: every mistake is named beside the field where it is mended, and nothing is saved before all is right.
"""

import re
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _

from chatbot.accounts.models import User
from chatbot.conversations.canned_replies import canned, canned_selectors
from chatbot.conversations.canned_replies.canned_services import CannedText
from chatbot.conversations.models import CannedReply, Inbox

MAX_EXAMPLES: Final = 100
EXAMPLE_MAX_CHARS: Final = 400
FEWEST_EXAMPLES: Final = 3
_SHORTCUT: Final = re.compile(r"[\w-]{1,40}")


class CannedForm(forms.Form):
    """One canned reply. Texts and examples are fields per language: `text_en`, `examples_zh_hans`, ..."""

    title = forms.CharField(
        max_length=120, label=_("Title"), help_text=_("Your team sees it when it chooses; customers do not.")
    )
    shortcut = forms.CharField(
        max_length=41,
        label=_("Shortcut"),
        help_text=_("Agents type it after a slash, for example /returns. Letters, digits and hyphens."),
    )
    inboxes = forms.ModelMultipleChoiceField(
        Inbox.objects.order_by("name", "pk"),
        required=False,
        label=_("Inboxes"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Where it may be used. None chosen means everywhere."),
    )
    for_bot = forms.BooleanField(
        required=False,
        label=_("The bot may answer with it"),
        help_text=_(
            "Where a question is surely one of the examples, the bot says this text, word for word, instead of "
            "searching the documents. It needs at least three example questions."
        ),
    )
    active = forms.BooleanField(required=False, initial=True, label=_("In use"))

    def __init__(self, data: Any = None, *, reply: CannedReply | None = None) -> None:
        self.reply = reply
        super().__init__(data, initial=_initial(reply))
        for code, language in settings.LANGUAGES:
            self._add_language(code, str(language))

    def _add_language(self, code: str, language: str) -> None:
        self.fields[_name("text", code)] = forms.CharField(
            required=False,
            max_length=settings.MESSAGE_MAX_CHARS,
            label=_("Text (%(language)s)") % {"language": language},
            widget=forms.Textarea(attrs={"rows": 5}),
        )
        self.fields[_name("examples", code)] = forms.CharField(
            required=False,
            max_length=MAX_EXAMPLES * (EXAMPLE_MAX_CHARS + 2),
            label=_("Example questions (%(language)s)") % {"language": language},
            widget=forms.Textarea(attrs={"rows": 5}),
            help_text=_("What customers ask when this is the answer, one a line, in their words."),
        )

    def language_fields(self) -> list[Any]:
        """The per-language fields, for the template."""
        return [field for field in self if field.name.startswith(("text_", "examples_"))]

    def clean_shortcut(self) -> str:
        shortcut = str(self.cleaned_data["shortcut"]).strip().removeprefix("/").lower()
        if not _SHORTCUT.fullmatch(shortcut):
            raise forms.ValidationError(_("Use at most 40 letters, digits and hyphens, for example returns-abroad."))
        others = CannedReply.objects.filter(shortcut__iexact=shortcut)
        if self.reply is not None:
            others = others.exclude(pk=self.reply.pk)
        if taken := others.first():
            raise forms.ValidationError(
                _("“%(title)s” has this shortcut already. Choose another one."), params={"title": taken.title}
            )
        return shortcut

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for code, _language in settings.LANGUAGES:
            self._check_text(code)
            self._check_examples(code)
        if not self.errors:
            self._check_together()
        return cleaned

    def _check_text(self, code: str) -> None:
        name = _name("text", code)
        unknown = canned.unknown_variables(self.cleaned_data.get(name) or "")
        if unknown:
            self.add_error(
                name,
                forms.ValidationError(
                    _("“%(name)s” is not a variable. Use one of %(known)s."),
                    params={"name": unknown[0][:60], "known": ", ".join(f"{{{{{one}}}}}" for one in canned.VARIABLES)},
                ),
            )

    def _check_examples(self, code: str) -> None:
        name = _name("examples", code)
        lines = _examples(self.cleaned_data.get(name))
        if len(lines) > MAX_EXAMPLES:
            self.add_error(
                name, forms.ValidationError(_("At most %(limit)d questions."), params={"limit": MAX_EXAMPLES})
            )
        if long := next((line for line in lines if len(line) > EXAMPLE_MAX_CHARS), None):
            self.add_error(
                name,
                forms.ValidationError(
                    _("Shorten “%(start)s…” to %(limit)d characters; a question is enough."),
                    params={"start": long[:40], "limit": EXAMPLE_MAX_CHARS},
                ),
            )

    def _check_together(self) -> None:
        said = self.said()
        if not said.texts:
            self.add_error(_name("text", settings.LANGUAGES[0][0]), _("Write the text in at least one language."))
        if said.for_bot and len(said.examples) < FEWEST_EXAMPLES:
            self.add_error(
                "for_bot",
                forms.ValidationError(
                    _("Give at least %(fewest)d example questions, or let only agents use it."),
                    params={"fewest": FEWEST_EXAMPLES},
                ),
            )
        for code in {code for code, _text in said.examples} if said.for_bot else ():
            if not said.texts.get(code):
                self.add_error(
                    _name("text", code),
                    _("There are example questions in this language. Write the text in it too."),
                )

    def said(self) -> CannedText:
        """What was entered; texts and examples of languages that this page does not show are kept."""
        texts, examples = self._hidden()
        for code, _language in settings.LANGUAGES:
            text = str(self.cleaned_data.get(_name("text", code)) or "").replace("\r\n", "\n").strip()
            if text:
                texts[code] = text
            examples += [(code, line) for line in _examples(self.cleaned_data.get(_name("examples", code)))]
        return CannedText(
            title=self.cleaned_data["title"],
            shortcut=self.cleaned_data["shortcut"],
            texts=texts,
            examples=tuple(examples),
            inboxes=tuple(self.cleaned_data["inboxes"]),
            for_bot=self.cleaned_data["for_bot"],
            active=self.cleaned_data["active"],
        )

    def _hidden(self) -> tuple[dict[str, str], list[tuple[str, str]]]:
        if self.reply is None:
            return {}, []
        shown = {canned.code_of(code) for code, _language in settings.LANGUAGES}
        texts = {code: text for code, text in self.reply.texts.items() if canned.code_of(code) not in shown}
        rows = self.reply.examples.values_list("language", "text")
        return texts, [(code, text) for code, text in rows if canned.code_of(code) not in {*shown, ""}]


class TryForm(forms.Form):
    question = forms.CharField(
        label=_("A customer asks"), max_length=400, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    inbox = forms.ModelChoiceField(
        Inbox.objects.none(), required=False, label=_("In inbox"), empty_label=_("Replies for every inbox")
    )

    def __init__(self, *args: Any, user: User | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["inbox"].queryset = canned_selectors.inboxes_for(user)  # type: ignore[attr-defined]


def _name(kind: str, code: str) -> str:
    return f"{kind}_{code.replace('-', '_')}"


def _examples(text: object) -> list[str]:
    lines = (" ".join(line.replace("\x00", "").split()) for line in str(text or "").splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def _initial(reply: CannedReply | None) -> dict[str, Any]:
    if reply is None:
        return {}
    values: dict[str, Any] = {
        "title": reply.title, "shortcut": reply.shortcut, "inboxes": reply.inboxes.all(), "for_bot": reply.for_bot,
        "active": reply.active,
    }  # fmt: skip
    examples = list(reply.examples.all())
    said = {canned.code_of(code): text for code, text in reply.texts.items()}
    for code, _language in settings.LANGUAGES:
        mine = canned.code_of(code)
        values[_name("text", code)] = said.get(mine, "")
        values[_name("examples", code)] = "\n".join(
            one.text for one in examples if canned.code_of(one.language or settings.LANGUAGES[0][0]) == mine
        )
    return values
