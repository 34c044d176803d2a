"""When a conversation goes to a person, and why. Pure decisions over words; `handing_over.py` carries them out.

The customer's wish for a person and the bot's own abstention are found while answering (`understanding.py`,
`answering.py`). Here are the rules an inbox sets for what a customer writes: words, and the mood. An admin's words
are words, never patterns: nobody can write an expression that stops the chat.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _

from chatbot.conversations.handoffs import mood

WORDS_MOST: Final = 200
WORD_CHARS: Final = 60
_TOKEN: Final = re.compile(r"\w[\w+#]*(?:['’]\w+)*")
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")


class Reason(StrEnum):
    """Kept with the conversation as `handoff_reason`."""

    ASKED = "asked"
    ABSTAINED = "abstained"
    WORDS = "words"
    MOOD = "mood"
    FAILURE = "failure"
    UNSURE = "unsure"
    REVIEW = "review"
    INBOX_MODE = "inbox_mode"
    ASSIGNED = "assigned"
    AGENT_AWAY = "agent_away"


@dataclass(frozen=True)
class Rules:
    words: tuple[str, ...] = ()
    on_mood: bool = True


@dataclass(frozen=True)
class Verdict:
    reason: Reason
    word: str = ""
    """The admin's word that was found."""


def decide(rules: Rules, text: str, *, earlier: Sequence[str] = (), language: str = "") -> Verdict | None:
    """Whether this message of a customer goes to a person at once. `earlier` are theirs before it, oldest first."""
    if word := matching_word(rules.words, text):
        return Verdict(Reason.WORDS, word)
    if rules.on_mood:
        newest = [*earlier, text][-mood.TREND :]
        if mood.turns_bad([mood.of(one, language=language) for one in newest]):
            return Verdict(Reason.MOOD)
    return None


def matching_word(words: Sequence[str], text: str) -> str:
    """The first of the words or phrases that the text holds, or "".

    Case and spacing make no difference. A word is found as a whole word ("sue" is not in "issue"); Chinese, Japanese
    and Korean, which are written without spaces, anywhere in the text.
    """
    tokens, squeezed = _tokens(text), "".join(_plain(text).split())
    spaced = f" {' '.join(tokens)} "
    for word in words:
        if _CJK.search(word):
            if "".join(_plain(word).split()) in squeezed:
                return word
        elif (wanted := _tokens(word)) and f" {' '.join(wanted)} " in spaced:
            return word
    return ""


def clean_words(words: Sequence[str]) -> list[str]:
    """What an admin wrote, ready to keep: squeezed, each once. Raises ValueError with a sentence."""
    cleaned = list(dict.fromkeys(" ".join(str(word).split()) for word in words if str(word).strip()))
    if len(cleaned) > WORDS_MOST:
        raise ValueError(_("At most %(n)d words or phrases, please.") % {"n": WORDS_MOST})
    for word in cleaned:
        if len(word) > WORD_CHARS:
            raise ValueError(
                _("“%(word)s…” is too long: a word or phrase has at most %(n)d characters.")
                % {"word": word[:20], "n": WORD_CHARS}
            )
        if not _tokens(word):
            raise ValueError(_("“%(word)s” holds no letter or digit, so it would never be found.") % {"word": word})
    return cleaned


def kept_words(words: object) -> tuple[str, ...]:
    """The stored words, whatever is stored."""
    found = words if isinstance(words, list) else []
    return tuple(word[:WORD_CHARS] for word in found[:WORDS_MOST] if isinstance(word, str) and word.strip())


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("’", "'").casefold()


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(_plain(text))


def why(reason: str, *, word: str = "") -> str:
    """A reason as a sentence for people."""
    texts = {
        Reason.ASKED: _("The customer asked for a person."),
        Reason.ABSTAINED: _("The bot did not know the answer."),
        Reason.WORDS: _("The customer wrote “%(word)s”.") % {"word": word}
        if word
        else _("A word that goes to people."),
        Reason.MOOD: _("The customer sounds upset."),
        Reason.REVIEW: _("An answer of the bot to be checked before it is sent."),
        Reason.FAILURE: _("The bot could not answer because of a fault."),
        Reason.INBOX_MODE: _("In this inbox people answer."),
        Reason.ASSIGNED: _("A colleague handed it over."),
        Reason.AGENT_AWAY: _("The agent who had it has left."),
    }
    return next((text for known, text in texts.items() if known == reason), _("The bot was not sure of its answer."))
