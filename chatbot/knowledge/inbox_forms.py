"""The settings page of one inbox: its look, its words, its origins, how freely the bot answers. Validation only."""

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.models import Inbox
from chatbot.knowledge.selectors import collections

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Inbox]
else:
    _ModelForm = forms.ModelForm

MAX_ORIGINS: Final = 100
MAX_QUESTIONS: Final = 4
AA_CONTRAST: Final = 4.5
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\]")


def contrast_with_white(color: str) -> float:
    """WCAG contrast ratio (1..21) of white text on a `#rrggbb` colour."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05)


def origin(text: str) -> str:
    """`scheme://host[:port]` in its usual form. Raises ValidationError for anything else; `*` alone is refused."""
    entry = text.strip().lower().rstrip("/")
    if entry == "self":
        return entry
    if "://" not in entry:
        entry = f"https://{entry}"
    try:
        parts = urlsplit(entry)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        host, port, parts = "", None, urlsplit("")
    host = f"[{host}]" if ":" in host else host
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not plain or not _HOST.fullmatch(host):
        raise forms.ValidationError(
            _("“%(entry)s” is not an origin. Write it like https://www.example.com, without a path."),
            params={"entry": text[:100]},
        )
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in (None, usual) else f":{port}")


class LinesField(forms.CharField):
    """A list, one entry a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return list(dict.fromkeys(line.strip() for line in str(text).splitlines() if line.strip()))


class InboxForm(_ModelForm):
    """One inbox. Texts per language are fields of their own: `greeting_en`, `questions_zh_hans`, ..."""

    allowed_origins = LinesField(
        required=False,
        label=_("Allowed origins"),
        help_text=_(
            "One a line, for example https://www.example.com or https://*.example.com. Only pages of these origins can "
            "show the chat; without any, no page can. “self” is Parley's own address."
        ),
    )
    collections = forms.MultipleChoiceField(
        required=False,
        label=_("Collections"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What the bot may answer from. None chosen means all."),
    )

    class Meta:
        model = Inbox
        fields = [
            "name", "company", "active", "mode", "title", "color", "position", "language", "allowed_origins",
            "require_identity", "collections",
        ]  # fmt: skip
        labels = {
            "name": _("Name"),
            "company": _("Company"),
            "active": _("Active"),
            "mode": _("The bot"),
            "title": _("Title of the chat"),
            "color": _("Colour"),
            "position": _("Position"),
            "language": _("Language"),
            "require_identity": _("Only signed-in customers"),
        }
        help_texts = {
            "name": _("Only your team sees it."),
            "company": _("The bot speaks for this company."),
            "active": _("A chat that is not active shows nothing to customers."),
            "title": _("Stands at the top of the chat; empty shows the company."),
            "require_identity": _("Customers can write only after your site has identified them with a signed token."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mode"] = forms.ChoiceField(
            label=_("The bot"),
            widget=forms.RadioSelect,
            choices=[
                (Inbox.Mode.AUTO, _("answers customers, and hands over to a person when it does not know")),
                (Inbox.Mode.DRAFT, _("writes drafts that an agent sends")),
                (Inbox.Mode.OFF, _("is silent; people answer")),
            ],
        )
        self.fields["position"] = forms.ChoiceField(
            label=_("Position"),
            widget=forms.RadioSelect,
            choices=[(Inbox.Position.RIGHT, _("bottom right")), (Inbox.Position.LEFT, _("bottom left"))],
        )
        self.fields["language"] = forms.ChoiceField(
            required=False,
            label=_("Language"),
            choices=[("", _("as the page and the browser say")), *settings.LANGUAGES],
        )
        self.fields["color"].widget = forms.TextInput(attrs={"type": "color"})
        chosen = self.instance.collections if isinstance(self.instance.collections, list) else []
        known = sorted({*collections(), *map(str, chosen)})
        self.fields["collections"].choices = [(name, name) for name in known]  # type: ignore[attr-defined]
        for code, language in settings.LANGUAGES:
            self._add_texts(code, str(language))

    def _add_texts(self, code: str, language: str) -> None:
        suffix = code.replace("-", "_")
        self.fields[f"greeting_{suffix}"] = forms.CharField(
            required=False,
            max_length=500,
            label=_("Greeting (%(language)s)") % {"language": language},
            widget=forms.Textarea(attrs={"rows": 2}),
            initial=_text_of(self.instance.greeting, code) or "",
        )
        self.fields[f"questions_{suffix}"] = LinesField(
            required=False,
            label=_("Suggested questions (%(language)s)") % {"language": language},
            help_text=_("One a line, at most four."),
            initial=_text_of(self.instance.suggested_questions, code) or [],
        )

    def text_fields(self) -> list[Any]:
        """The per-language fields, for the template."""
        return [field for field in self if field.name.startswith(("greeting_", "questions_"))]

    def clean_color(self) -> str:
        color = str(self.cleaned_data["color"]).strip()
        if not _HEX.fullmatch(color):
            raise forms.ValidationError(_("Write the colour as # and six digits, for example #1f6feb."))
        return color.lower()

    def clean_allowed_origins(self) -> list[str]:
        entries = list(dict.fromkeys(origin(entry) for entry in self.cleaned_data["allowed_origins"]))
        if len(entries) > MAX_ORIGINS:
            raise forms.ValidationError(_("At most %(limit)d origins."), params={"limit": MAX_ORIGINS})
        return entries

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for code, _language in settings.LANGUAGES:
            name = f"questions_{code.replace('-', '_')}"
            asked = cleaned.get(name) or []
            if len(asked) > MAX_QUESTIONS or any(len(question) > 200 for question in asked):
                self.add_error(name, _("At most four questions of at most 200 characters each."))
        return cleaned

    def save(self, commit: bool = True) -> Inbox:
        self.instance.greeting = self._texts("greeting", self.instance.greeting)
        self.instance.suggested_questions = self._texts("questions", self.instance.suggested_questions)
        return super().save(commit)

    def _texts(self, kind: str, before: object) -> dict[str, Any]:
        """Texts of languages that this page shows replace theirs; others stay."""
        codes = [code for code, _language in settings.LANGUAGES]
        shown = {name for code in codes for name in (code, code.split("-")[0])}
        kept = {name: text for name, text in before.items() if name not in shown} if isinstance(before, dict) else {}
        said = {code: self.cleaned_data.get(f"{kind}_{code.replace('-', '_')}") for code in codes}
        return {**kept, **{code: text for code, text in said.items() if text}}


def _text_of(texts: object, code: str) -> Any:
    if not isinstance(texts, dict):
        return None
    return texts.get(code) or texts.get(code.split("-")[0])
