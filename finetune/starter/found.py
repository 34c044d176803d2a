"""Lessons made of real text: a question about a sentence that a passage holds, answered by that sentence. Pure, seeded.

Invented companies teach how to find, copy and cite, but their pages are written by a generator. Here the pages are those
of real documents, and nobody has to write a question: it is made of words of the sentence itself, as in the inverse
cloze task (Lee et al. 2019), and asked of passages that hold the sentence, or of their neighbours, which do not.
"""

import logging
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal

from finetune import stopwords
from finetune.records import ContextPassage, GenerationRequest, Turn
from finetune.starter.companies import Language, phrases
from finetune.starter.examples import StarterExample
from finetune.support import Unit, units
from finetune.terms import alike, coverage, is_cjk, term_set

WORDS: Final = (90, 200)
"""Words (or pairs of Chinese characters) of a passage cut from a document."""
TITLE_MOST: Final = 80
QUOTED: Final = {"en": (30, 260), "zh": (10, 130)}
"""Characters of a sentence that makes an answer."""
UNKNOWN_SHARE: Final = 0.12
NEIGHBOURS: Final = 3
CLEAR: Final = 0.12
"""By how much the sentence asked for must hold more of the question than any other that is shown."""
HELD: Final = 0.25
"""Share of the question that the sentence asked for must hold. Customers' own words are not those of the page: half of
the demo's questions share less than 55 % with what answers them."""
KNOWN: Final = 0.2
"""A question counts as not answered where no sentence that is shown holds more of it than this. Below HELD, or a model
learns to say "I could not find that" to whoever asks in other words than the page's."""
TRIES: Final = 12
BESIDE: Final = (0, 1, 2, 3, 4, 5)
"""Words beside those of the sentence."""

_CODE: Final = re.compile(r"[{}<>=\\`#@$~^|\[\]]|https?:|\w\(\)|\w_\w|::|\w/\w+/|^\W*$")
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_LATIN: Final = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]+")
_UNDERLINE: Final = re.compile(r"^([=\-*~^\"'#+.])\1{2,}\s*$")
_DURATION: Final = re.compile(r"\d+ (days?|weeks?|months?|hours?|minutes?|years?)\b")
_COUNT: Final = re.compile(r"\d+ ([a-z]{3,})\b")
_MONEY: Final = re.compile(r"[€£¥]|\b(?:euros?|dollars?|pounds?|EUR|USD|GBP)\b|元")
_DAY: Final = re.compile(
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b|\b\d{1,2}:\d{2}\b"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
_BESIDE: Final[dict[Language, tuple[str, ...]]] = {
    "en": tuple(
        "my friend yesterday website need buy bought thing problem any still today again new year want kids sister ordered "
        "please last husband wife daughter month week already paid got tried told cheap wrong big small good bad worried "
        "hope town holiday trip gift really maybe actually instead wondering supposed normal weird strange quickly before "
        "later somebody anyone else people reading trying happened".split()
    ),
    "zh": ("我上周买的", "朋友送的", "刚才", "一直", "听说", "家里人", "到底", "我们这边", "老公", "孩子", "有点急", "麻烦看下",
           "网上说", "之前", "突然", "我想知道", "帮忙", "昨天", "真的", "怎么办才好"),
}  # fmt: skip
_SIMPLE: Final[dict[Language, tuple[str, ...]]] = {
    "en": ("", "", "what about", "how is it with", "tell me about", "can I", "how do I", "is it possible:", "do you",
           "what happens with", "I want to know about", "which", "what is", "where", "why", "who", "does it"),
    "zh": ("{}？", "请问{}？", "{}怎么办？", "{}可以吗？", "关于{}", "{}呢？", "我想了解{}", "{}是什么？", "{}怎么样？", "想问一下{}"),
}  # fmt: skip


def passages_of(text: str) -> list[ContextPassage]:
    """A document (Markdown or plain text with underlined headings) cut into passages of WORDS, numbered 0."""
    made: list[ContextPassage] = []
    title, heading, held = "", "", ""

    def close() -> None:
        nonlocal held
        if _length(held) >= WORDS[0] // 4:
            made.append(ContextPassage(0, title, heading if heading != title else "", held.strip()))
        held = ""

    for block in re.split(r"\n\s*\n", text):
        lines = block.strip("\n").splitlines()
        if found := _heading(lines):
            close()
            if block.lstrip().startswith("# "):
                title = ""
            heading, lines = found
            title = title or heading
        said = "\n".join(line.rstrip() for line in lines).strip()
        if not said:
            continue
        if _length(held) + _length(said) > WORDS[1]:
            close()
        held = f"{held}\n\n{said}" if held else said
        if _length(held) >= WORDS[0]:
            close()
    close()
    return [one for one in made if _length(one.text) <= 2 * WORDS[1]]


def dressed(page: Sequence[ContextPassage], chance: random.Random) -> tuple[ContextPassage, ...]:
    """Passages as an index shows them, some with their heading in the text and with a date: neither is an answer."""
    made = []
    for one in page:
        name = one.heading or one.title
        text = f"{chance.choice(['#', '##'])} {name}\n\n{one.text}" if name and chance.random() < 0.5 else one.text
        day = f"202{chance.randint(1, 6)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        made.append(replace(one, text=text, updated=day if chance.random() < 0.4 else ""))
    return tuple(made)


def _heading(lines: list[str]) -> tuple[str, list[str]] | None:
    if not lines:
        return None
    if lines[0].startswith("#"):
        return lines[0].lstrip("# ").strip()[:TITLE_MOST], lines[1:]
    if len(lines) > 1 and _UNDERLINE.match(lines[1]):
        return lines[0].strip()[:TITLE_MOST], lines[2:]
    return None


def _length(text: str) -> int:
    return len(text.split()) + sum(len(run) for run in _HAN.findall(text)) // 2


class Reading:
    """Passages in the order of their documents, so that neighbours are about the same thing."""

    def __init__(self, passages: Sequence[ContextPassage], *, company: str = "") -> None:
        self._company = company
        self._passages = list(passages)
        self._askable = [at for at, passage in enumerate(self._passages) if _quotable(passage.text)]

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> "Reading":
        return cls([passage for text in texts for passage in passages_of(text)])

    def __bool__(self) -> bool:
        return bool(self._askable)

    def page(self, chance: random.Random, *, most: int = 7) -> tuple[ContextPassage, ...]:
        """One to `most` passages in any order, one of them askable, some its neighbours and some from anywhere."""
        at = chance.choice(self._askable)
        chosen = {at}
        for _ in range(chance.randint(0, most - 1)):
            near = at + chance.choice([-1, 1]) * chance.randint(1, NEIGHBOURS)
            other = near if chance.random() < 0.6 else chance.randrange(len(self._passages))
            if 0 <= other < len(self._passages):
                chosen.add(other)
        order = sorted(chosen)
        chance.shuffle(order)
        return tuple(replace(self._passages[place], number=number) for number, place in enumerate(order, start=1))

    def example(self, chance: random.Random, page: Sequence[ContextPassage]) -> StarterExample | None:
        """A question on these passages with its answer; None where none can be asked so that it is clear."""
        if chance.random() < UNKNOWN_SHARE:
            return self._unknown(chance, page)
        quotable = [(passage, text) for passage in page for text in _quotable(passage.text)]
        for _ in range(TRIES if quotable else 0):
            passage, text = chance.choice(quotable)
            language = _language(text)
            question = _question(text, passage, language, chance)
            if question and _clear(question, text, passage, page):
                answer = _cited(text, passage.number, language)
                return self._made("found", language, question, page, answer, chance, facts=_facts(text))
        return None

    def _unknown(self, chance: random.Random, page: Sequence[ContextPassage]) -> StarterExample | None:
        """Asks for a sentence of a passage that is not shown."""
        for _ in range(TRIES):
            passage = self._passages[chance.choice(self._askable)]
            text = chance.choice(_quotable(passage.text))
            language = _language(text)
            shown = any(one.text.endswith(passage.text) for one in page)
            question = "" if shown else _question(text, passage, language, chance)
            wanted = term_set(question)
            if len(wanted) > 1 and all(share <= KNOWN for _one, _unit, share in _shares(wanted, page)):
                return self._made("unknown", language, question, page, chance.choice(phrases(language).unknown), chance)
        return None

    def _made(
        self,
        kind: Literal["found", "unknown"],
        language: Language,
        question: str,
        page: Sequence[ContextPassage],
        answer: str,
        chance: random.Random,
        *,
        facts: tuple[str, ...] = (),
    ) -> StarterExample:
        words = phrases(language)
        asked = f"{chance.choice(words.openings)}{question}{chance.choice(words.endings)}"
        if language == "en" and chance.random() < 0.3:
            asked = asked.lower()
        request = GenerationRequest(
            turns=(Turn("customer", asked),),
            question=asked,
            passages=tuple(page),
            language="en" if language == "en" else "zh-hans",
            company=self._company,
        )
        return StarterExample(kind, language, request, answer, (), facts)


@lru_cache(maxsize=4096)
def _quotable(text: str) -> tuple[str, ...]:
    """Sentences that can stand alone as an answer."""
    found = []
    for unit in units(text):
        said = unit.text.strip()
        least, most = QUOTED[_language(said)]
        if unit.kind in ("text", "item") and least <= len(said) <= most and not _CODE.search(said):
            if said.endswith((":", "：", "?", "？")) or (said[0].isascii() and not said[0].isupper()):
                continue
            found.append(said)
    return tuple(found)


def _language(text: str) -> Language:
    return "zh" if is_cjk(text) else "en"


def _question(text: str, passage: ContextPassage, language: Language, chance: random.Random) -> str:
    """Words of the sentence in their order, without its numbers, put as a customer might; empty where it has too few."""
    made = _english(text, chance) if language == "en" else _chinese(text, chance)
    if made and passage.title and chance.random() < 0.35:
        made = f"{passage.title}: {made}" if language == "en" else f"{passage.title}，{made}"
    return made


def _english(text: str, chance: random.Random) -> str:
    words = [word for word in _LATIN.findall(text) if len(word) > 2 and word.lower() not in stopwords.ENGLISH]
    if len(words) < 3:
        return ""
    count = min(len(words), chance.randint(2, 6))
    if chance.random() < 0.5:  # a stretch, which is about one thing
        start = chance.randint(0, len(words) - count)
        kept = words[start : start + count]
    else:
        kept = [words[place] for place in sorted(chance.sample(range(len(words)), count))]
    kept = [_another(word, chance) for word in kept]
    for word in chance.sample(_BESIDE["en"], chance.choice(BESIDE)):
        kept.insert(chance.randint(0, len(kept)), word)
    return f"{_asking(text, chance)} {' '.join(kept)}".strip() + chance.choice(["?", "?", "", "??"])


def _asking(text: str, chance: random.Random) -> str:
    """The words that begin the question: of the kind of answer, where the sentence shows it."""
    fitting = []
    if duration := _DURATION.search(text):
        fitting += ["how long", f"how many {duration[1]}"]
    elif counted := _COUNT.search(text):
        fitting.append(f"how many {counted[1]}")
    if _MONEY.search(text):
        fitting += ["how much", "what does it cost:"]
    if _DAY.search(text):
        fitting += ["when", "what time", "on which day"]
    return chance.choice(fitting) if fitting and chance.random() < 0.7 else chance.choice(_SIMPLE["en"])


def _another(word: str, chance: random.Random) -> str:
    """Sometimes another word for the same thing."""
    others = alike(word.lower())
    if others and chance.random() < 0.4:
        return chance.choice(others)
    return word if word.isupper() or chance.random() < 0.2 else word.lower()


def _chinese(text: str, chance: random.Random) -> str:
    runs = [run for run in _HAN.findall(_NUMBER.sub(" ", text)) if len(run) > 1]
    if not runs:
        return ""
    kept = []
    for run in sorted(chance.sample(range(len(runs)), min(len(runs), chance.randint(1, 2)))):
        words = _words(runs[run])
        count = min(len(words), chance.randint(1, 4))
        start = chance.randint(0, len(words) - count)
        kept += words[start : start + count]
    for beside in chance.sample(_BESIDE["zh"], chance.choice(BESIDE) // 2):
        kept.insert(chance.randint(0, len(kept)), beside)
    said = "".join(kept)
    if _NUMBER.search(text) and chance.random() < 0.5:
        return f"{said}{chance.choice(['是多少', '要多少', '多少', '几天', '多久'])}？"
    return chance.choice(_SIMPLE["zh"]).format(said)


@lru_cache(maxsize=4096)
def _words(run: str) -> list[str]:
    import jieba  # a worker's dependency, so not at the top

    jieba.setLogLevel(logging.ERROR)
    return list(jieba.lcut(run))


def _clear(question: str, text: str, passage: ContextPassage, page: Sequence[ContextPassage]) -> bool:
    """Whether the sentence, and no other, is what is asked for."""
    wanted = term_set(question)
    right = coverage(wanted, term_set(f"{passage.title} {text}"))
    others = [
        share
        for one, unit, share in _shares(wanted, page)
        if not (one.number == passage.number and unit.text.strip() == text) and unit.kind != "heading"
    ]
    return len(wanted) > 1 and right >= HELD and right - max(others, default=0.0) >= CLEAR


def _shares(wanted: frozenset[str], page: Sequence[ContextPassage]) -> Iterator[tuple[ContextPassage, Unit, float]]:
    """How much of what is wanted each unit of the page holds, with the title it stands under."""
    for one in page:
        for unit in units(one.text):
            yield one, unit, coverage(wanted, term_set(f"{one.title} {unit.text}"))


def _cited(text: str, number: int, language: Language) -> str:
    if language == "zh":
        return f"{text.rstrip('。；;')}[{number}]。"
    return f"{text.rstrip('.')} [{number}]."


def _facts(text: str) -> tuple[str, ...]:
    """What must be copied to the letter: numbers, and names in the middle of the sentence."""
    names = [word for word in _LATIN.findall(text)[1:] if word[0].isupper()]
    return tuple(dict.fromkeys([*_NUMBER.findall(text), *names]))
