"""What a customer's message wants: small talk, a person, orders to the bot, or questions made self-contained.

Pure and without a model. Earlier turns only complete a question; orders to the bot, wherever they stand, are data.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from chatbot.conversations.answers import language as languages
from chatbot.conversations.answers import places, smalltalk
from finetune.facts import names
from finetune.orders import is_dictation, is_order
from finetune.questions import asks, is_question
from finetune.sentences import sentences
from finetune.terms import is_cjk, normalise, terms
from retrieval.records import Turn

Intent = Literal["question", "smalltalk", "person", "orders", "noise"]

MAX_PARTS: Final = 4
_MAX_CHARS: Final = 2000
"""More than this of one message is not read for questions; searching reads on."""

_CONTINUES: Final = re.compile(
    r"^\W*(?:and|also|or|but|so|then|ok(?:ay)?|what about|how about|what if|same for|und|et|y|was ist mit|wie ist es mit|et pour|y para|"
    r"那|那么|那麼|还有|還有|另外|如果|要是|换成|呢)(?:\b|(?=[\u4e00-\u9fff]))",
    re.I,
)
_POINTS_BACK: Final = re.compile(
    r"\b(?:it|its|it's|they|them|their|theirs|this one|that one|those|these|the (?:first|second|other|same|latter|former)(?: one)?|one|ones)\b|\b(?:that|this)\b(?! (?:i|you|we|the|they|he|she)\b)"
    r"|\b(?:dies\w*|davon|dafür|damit|celui-ci|celle-ci|ça|eso|esto)\b|它|这个|那个|这款|那款|这种|那种|这双|那双|这些|那些|這個|那個|其(?:中|价|他的)",
    re.I,
)
_FRAME: Final = re.compile(
    r"^\W*(?:and|also|or|but|so|then|ok(?:ay)?|what about|how about|what if|same for|what|to|in|for|from|at|with|the|about|und|nach|für|et|pour|y|para|那么?|还有|另外|如果是?|换成|到|去|在)\b\W*|(?:呢|怎么样|如何)?[？?\s]*$",
    re.I,
)
_SPLIT_EN: Final = re.compile(
    r"(?:,?\s+(?:and|also|plus|und|et|y)\s+(?:also\s+)?|[;,]\s+)(?=(?:how|what|when|where|which|who|whom|why|do|does|can|could|is|are|will|wie|was|wann|wo|comment|combien|cómo|cuánto)\b)",
    re.I,
)
_SPLIT_ZH: Final = re.compile(
    r"[，,；;、]\s*(?:还有|另外|以及|而且|同时|还想问|再问)?(?=[^，,；;]*(?:什么|怎么|如何|多少|多久|几|哪|吗|谁|能不能|可不可以|是否))|(?:还有|另外)(?=.*(?:什么|怎么|多少|多久|几|哪|吗))"
)
_GENERIC: Final = frozenset(
    """
    price cost time question info information thing item product problem issue detail answer option work mean
    happen come ask day free size colour color possible allow include total number 价格 时间 问题 产品 东西 商品 信息 尺寸 颜色
    件 个 大 小
    """.split()
)
_AFFIRMS: Final = re.compile(
    r"^\W*(?:yes|yep|yeah|yup|sure|ok(?:ay)?|please|yes,? please|please do|ja|ja bitte|gerne|oui|sí|si|好|好的|是|是的|要|需要|可以|行)\W*$",
    re.I,
)


@dataclass(frozen=True)
class Part:
    """One question. `text` as the customer wrote it, `query` self-contained; they differ for a follow-up."""

    text: str
    query: str
    follow_up: bool = False
    vague: bool = False
    """Says too little to be searched, and nothing earlier completes it."""


@dataclass(frozen=True)
class Understanding:
    """`person` is true for a wish for a person, also beside a question. `topic` names the small talk."""

    intent: Intent
    language: str
    topic: languages.Key | None = None
    parts: tuple[Part, ...] = ()
    person: bool = False
    orders: bool = False
    """The message also held orders to the bot, which were left out."""


def understand(question: str, history: Sequence[Turn], *, language: str = "") -> Understanding:
    """Read a message (several unanswered ones joined by newlines) in the light of the earlier turns."""
    text = question.strip()
    spoken = _language(text, history, language)
    if not smalltalk.has_words(text):
        return Understanding("noise", spoken, topic="noise")
    offered = bool(history) and history[-1].role == "agent" and languages.says("abstain", history[-1].text)
    if offered and _AFFIRMS.match(text):
        return Understanding("person", spoken, person=True)
    topic = smalltalk.topic_of(text)
    if topic:
        return Understanding("smalltalk", spoken, topic=topic)
    if smalltalk.is_noise(text):
        return Understanding("noise", spoken, topic="noise")
    pieces = _pieces(text[:_MAX_CHARS])
    honest = [piece for piece in pieces if not is_dictation(piece)]
    if is_order("\n".join(pieces)) and not any(is_question(piece) for piece in honest):
        honest = []
    if not honest:
        return Understanding("orders", spoken, topic="orders", orders=True)
    wishes = [piece for piece in honest if smalltalk.wants_person(piece)]
    rest = [piece for piece in honest if piece not in wishes and smalltalk.topic_of(piece) is None]
    if wishes and not any(is_question(piece) for piece in rest):
        return Understanding("person", spoken, person=True)
    parts = _parts(rest or honest, history)
    return Understanding("question", spoken, parts=parts, person=bool(wishes), orders=len(honest) < len(pieces))


def _language(text: str, history: Sequence[Turn], preferred: str) -> str:
    """Of the message; a short one keeps the language of the customer's earlier messages."""
    earlier = " ".join(turn.text for turn in history if turn.role == "customer")[-500:]
    default = languages.language_of(earlier, default=preferred) if earlier.strip() else preferred
    return languages.language_of(text, default=default)


def _pieces(text: str) -> list[str]:
    """Sentences, joined questions cut apart, courtesies and who writes removed."""
    said = [sentence for line in text.splitlines() for sentence in sentences(line.strip())]
    told = [sentence for sentence in said if not smalltalk.introduces(sentence)]
    found = [bit for sentence in told or said for bit in _cut(smalltalk.without_courtesies(sentence))]
    return [piece for piece in found if smalltalk.has_words(piece)]


def _cut(sentence: str) -> list[str]:
    """ "How long is the warranty and what does a repair cost?" is two questions."""
    if not is_question(sentence):
        return [sentence]
    pattern = _SPLIT_ZH if is_cjk(sentence) else _SPLIT_EN
    bits = [bit.strip() for bit in pattern.split(sentence) if bit and bit.strip()]
    merged: list[str] = []
    for bit in bits:
        if merged and (not _stands(bit) or not _stands(merged[-1])):
            joint = "，" if is_cjk(sentence) else " and "
            merged[-1] = f"{merged[-1]}{joint}{bit}"
        else:
            merged.append(bit)
    if len(merged) == 1:
        return [sentence]
    mark = "？" if is_cjk(sentence) else "?"
    return [piece if piece.endswith(("?", "？")) else piece + mark for piece in merged]


def _stands(bit: str) -> bool:
    """Whether a bit of a sentence is a question of its own and says about what."""
    return is_question(bit) and len(terms(bit)) >= (2 if is_cjk(bit) else 1)


def _parts(pieces: Sequence[str], history: Sequence[Turn]) -> tuple[Part, ...]:
    """Questions with the statements that belong to them; without any question the statements are one."""
    asked: list[str] = []
    told: list[str] = []
    for piece in pieces:
        if is_question(piece):
            asked.append(" ".join([*told, piece]) if told and not asked else piece)
            told = [] if asked[-1] != piece else told
        else:
            told.append(piece)
    if not asked:
        asked, told = [" ".join(told)], []
    elif told:
        asked[-1] = f"{asked[-1]} {' '.join(told)}"
    found: list[Part] = []
    before = list(history)
    for question in asked:
        part = complete(question, before)
        if not any(set(terms(part.query)) == set(terms(other.query)) for other in found):
            found.append(part)
        before.append(Turn("customer", part.query))
    if len(found) > MAX_PARTS:
        rest = " ".join(part.query for part in found[MAX_PARTS - 1 :])
        found = [*found[: MAX_PARTS - 1], Part(rest, rest)]
    return tuple(found)


def _content(text: str) -> list[str]:
    return [term for term in terms(text) if term not in _GENERIC and not term.isdigit()]


def complete(question: str, history: Sequence[Turn]) -> Part:
    """The question made self-contained: "and to Germany?" after shipping to France becomes shipping to Germany."""
    content = _content(question)
    leans = _hangs(question, content) or (bool(_POINTS_BACK.search(question)) and len(content) <= 4)
    thin = len(content) == 0 or (
        len(content) <= 1 and not names(question, inner_only=False) and not is_question(question)
    )
    if not (leans or thin):
        return Part(question, question)
    earlier = [turn.text for turn in history if turn.role == "customer" and _content(turn.text)]
    if not earlier:
        return Part(question, question, vague=len(content) == 0)
    previous = earlier[-1]
    replaced = _replaced(question, previous)
    if replaced:
        return Part(question, replaced, follow_up=True)
    said = history[-1].text if history and history[-1].role == "agent" else ""
    return Part(question, f"{question} ({_subject(question, previous, said)})", follow_up=True)


def _hangs(question: str, content: Sequence[str]) -> bool:
    """Whether it goes on from what was said: "and to Germany?", but not "and do you ship to Germany?"."""
    if not _CONTINUES.match(question):
        return False
    rest = _CONTINUES.sub("", question).strip(" ,?？")
    return not is_question(rest) or len(content) <= 1


def _replaced(question: str, previous: str) -> str:
    """The earlier question with its country or name exchanged, when the new one says nothing else."""
    core = _FRAME.sub("", _FRAME.sub("", question)).strip(" ?？.!。,，")
    if not core or asks(core):
        return ""
    new, old = places.mentions(core), places.mentions(previous)
    if len(new) == 1 and old and new[0][1] - new[0][0] >= len(core) - 4:
        start, end = old[-1]
        return previous[:start] + core[slice(*new[0])] + previous[end:]
    theirs = sorted(names(previous), key=lambda name: previous.casefold().rfind(name))
    mine = names(core, inner_only=False)
    if len(mine) == 1 and theirs and next(iter(mine)) == normalise(core):
        at = previous.casefold().rfind(theirs[-1])
        if at >= 0:
            return previous[:at] + core + previous[at + len(theirs[-1]) :]
    return ""


def _subject(question: str, previous: str, said: str) -> str:
    """What the question is about: the names of the earlier one where it asks something else, else all of it."""
    about = [
        name for name in _named(previous) if name.casefold() not in question.casefold() and not places.countries(name)
    ]
    if about and (asks(question) or _content(question)):
        return ", ".join(about)
    if not about and said and asks(question):
        about = [name for name in _named(said) if not places.countries(name)][:1]
        if about and len(_content(previous)) <= 1:
            return ", ".join([previous, *about])
    return previous


def _named(text: str) -> list[str]:
    """Names as written, in order."""
    folded = text.casefold()
    found = sorted((folded.find(name), name) for name in names(text))
    return [text[at : at + len(name)] for at, name in found if at >= 0]
