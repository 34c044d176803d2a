"""What an agent reads first at a handoff: why, what was asked, what the bot said from which sources, what was named.

Pure, from messages to a few lines in the language that is active (the desk's). Nothing is generated, so nothing can
be wrong that the conversation does not say itself. Customer text is quoted as text; escaping is the desk's work.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chatbot.conversations.answers import smalltalk
from chatbot.conversations.handoffs import handoff, mood

QUOTE_CHARS: Final = 240
SOURCES_MOST: Final = 5
NAMED_MOST: Final = 6
TEXT_CHARS: Final = 2000

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_ORDER: Final = re.compile(
    r"(?:\b(?:order|invoice|booking|ticket|tracking|reference|ref|rma|case|parcel|bestell\w*|commande|pedido)\b"
    r"|[订訂][单單]|单号|單號|快递|運單|运单)(?:\s*(?:number|no\.?|nr\.?|id|num|号码?|號碼?|编号|編號|numéro|número|nummer))?"
    r"[\s:：#是为為-]{0,6}(?:is\s+)?#?\s?([A-Za-z]{0,6}-?\d[\dA-Za-z-]{2,19})",
    re.I,
)
_NUMBERED: Final = re.compile(
    r"(?<![\w.,/+-])(?:#\s?([A-Za-z0-9-]*\d[A-Za-z0-9-]{2,19})|([A-Z]{1,5}-?\d{4,12}))(?![\w])"
)


@dataclass(frozen=True)
class Said:
    """One message. `sources` are the titles a bot's message cites."""

    role: str
    kind: str
    text: str
    author: str = ""
    sources: tuple[str, ...] = ()


def summarise(messages: Sequence[Said], *, reason: str, word: str = "", language: str = "", missing: int = 0) -> str:
    """Lines of text for the agent. `missing` messages in the middle of a very long conversation were not read."""
    theirs = [message.text for message in messages if message.role == "customer"]
    lines = [
        handoff.why(reason, word=word),
        *_asked(theirs),
        *_answered(messages),
        *_named(theirs),
        _manner(theirs, language),
    ]
    if missing:
        lines.append(
            ngettext("%(n)d message is not covered here.", "%(n)d messages are not covered here.", missing)
            % {"n": missing}
        )
    return "\n".join(line for line in lines if line)[:TEXT_CHARS]


def _asked(theirs: Sequence[str]) -> list[str]:
    questions = [text for text in theirs if _says_something(text)]
    if not questions:
        return [_("Nothing was asked yet.")]
    lines = [_("Asked first: “%(text)s”") % {"text": quoted(questions[0])}]
    if questions[-1] != questions[0]:
        lines.append(_("Asked last: “%(text)s”") % {"text": quoted(questions[-1])})
    return lines


def _says_something(text: str) -> bool:
    return smalltalk.has_words(text) and smalltalk.topic_of(text) is None and not _only_a_wish_for_a_person(text)


def _only_a_wish_for_a_person(text: str) -> bool:
    return len(text) <= 80 and smalltalk.wants_person(text)


def quoted(text: str) -> str:
    """One line of somebody's words, without characters that could hide or turn round what stands beside it."""
    shown = "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else " " for c in text[: 4 * QUOTE_CHARS]
    )
    shown = " ".join(shown.split())
    return shown if len(shown) <= QUOTE_CHARS else shown[: QUOTE_CHARS - 1].rstrip() + "…"


def _answered(messages: Sequence[Said]) -> list[str]:
    bot = [message for message in messages if message.role == "bot"]
    sourced = [message for message in bot if message.sources]
    unknown = sum(1 for message in bot if message.kind == "abstain")
    lines = []
    if sourced:
        titles = list(dict.fromkeys(title for message in sourced for title in message.sources if title))
        shown = "; ".join(quoted(title)[:80] for title in titles[:SOURCES_MOST])
        more = f" (+{len(titles) - SOURCES_MOST})" if len(titles) > SOURCES_MOST else ""
        lines.append(
            ngettext(
                "The bot answered %(n)d time, from: %(sources)s",
                "The bot answered %(n)d times, from: %(sources)s",
                len(sourced),
            )
            % {"n": len(sourced), "sources": shown + more}
        )
    if unknown:
        lines.append(
            ngettext("The bot did not know %(n)d time.", "The bot did not know %(n)d times.", unknown) % {"n": unknown}
        )
    people = list(dict.fromkeys(message.author for message in messages if message.role == "agent" and message.author))
    if people:
        lines.append(_("Answered by people before: %(names)s") % {"names": ", ".join(people[:NAMED_MOST])})
    if not sourced and not unknown and not people:
        lines.append(_("Nobody has answered yet."))
    return lines


def _named(theirs: Sequence[str]) -> list[str]:
    text = unicodedata.normalize("NFKC", "\n".join(theirs))
    emails = list(dict.fromkeys(match[0].rstrip(".") for match in _EMAIL.finditer(text)))
    rest = _EMAIL.sub(" ", text)
    found = [match[1] for match in _ORDER.finditer(rest)]
    found += [match[1] or match[2] for match in _NUMBERED.finditer(rest)]
    numbers = list(dict.fromkeys(number.upper().strip("-") for number in found))
    lines = []
    if numbers:
        lines.append(_("Numbers named: %(numbers)s") % {"numbers": ", ".join(numbers[:NAMED_MOST])})
    if emails:
        lines.append(_("E-mail addresses named: %(emails)s") % {"emails": ", ".join(emails[:NAMED_MOST])})
    return lines


def _manner(theirs: Sequence[str], language: str) -> str:
    moods = [mood.of(text, language=language) for text in theirs[-mood.TREND :]]
    words = {"angry": _("angry"), "bad": _("unhappy"), "good": _("friendly"), "neutral": _("neutral")}
    told = _("Mood: %(mood)s") % {"mood": words[mood.word_for(moods)]}
    return _("Language: %(language)s") % {"language": language} + " · " + told if language else told
