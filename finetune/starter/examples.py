"""Conversations about invented companies, as requests with the answer that should be given. Pure, seeded.

Each example is one of KINDS; the answer only says what a passage says, cites it, and copies names and numbers exactly.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Literal

from finetune.records import ContextPassage, GenerationRequest, Turn
from finetune.starter.companies import Company, Fact, Language, changed, company, phrases
from finetune.support import sentences, support

Kind = Literal["plain", "twin", "dated", "orders", "unknown", "history", "found"]
KINDS: Final[dict[Kind, float]] = {
    "plain": 0.42,
    "twin": 0.12,
    "dated": 0.10,
    "orders": 0.06,
    "unknown": 0.20,
    "history": 0.10,
}
"""Share of each kind. `twin`: a product of nearly the same name is there too; `dated`: two dates contradict each other
and the newer one counts; `orders`: a passage tries to give orders; `history`: a short question after another answer. `found` is asked of real text (`finetune.starter.found`)."""
PASSAGES_MOST: Final = 5
TEST_FROM: Final = 1_000_000
"""Companies from this number on are for testing and never trained on."""


@dataclass(frozen=True)
class Shown:
    """A fact that passage `number` says, and the words in which it says so."""

    number: int
    fact: Fact
    statement: str


@dataclass(frozen=True)
class StarterExample:
    kind: Kind
    language: Language
    request: GenerationRequest
    answer: str
    shown: tuple["Shown", ...]
    """Everything that the passages say, without what is out of date."""
    facts: tuple[str, ...]
    """Names and numbers that a right answer copies from the passages."""


def examples(
    *, seed: int, first_company: int, companies: int, passages: int = PASSAGES_MOST
) -> Iterator[StarterExample]:
    """An endless stream; company numbers are drawn from first_company to first_company + companies - 1."""
    chance = random.Random(f"examples {seed}")
    while True:
        language: Language = "en" if chance.random() < 0.6 else "zh"
        about = company(first_company + chance.randrange(companies), language)
        kind = chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
        yield example(about, kind, chance, passages=passages)


def example(about: Company, kind: Kind, chance: random.Random, *, passages: int = PASSAGES_MOST) -> StarterExample:
    """One conversation. A kind that this company cannot serve becomes `plain`."""
    words = phrases(about.language)
    if kind == "unknown":
        asked = chance.choice(about.lacks)
        shown = _passages(about, _others(about, asked, chance, chance.randint(1, passages)), chance)
        answer = chance.choice(words.unknown)
        return StarterExample(
            kind, about.language, _request(about, asked.question(chance), shown), answer, _shown(shown), ()
        )
    twins = [fact for fact in about.facts if fact.twin]
    if kind == "twin" and not twins:
        kind = "plain"
    asked = chance.choice(twins if kind == "twin" else about.facts)
    right = asked.twin if kind == "twin" and asked.twin and chance.random() < 0.5 else asked
    with_it = [asked.twin if right is asked else asked] if kind == "twin" else []
    others = _others(about, asked, chance, chance.randint(0, max(0, passages - 1 - len(with_it))))
    texts = [*others, *(fact for fact in with_it if fact), right]
    old = changed(right, chance, about) if kind == "dated" else None
    shown = _passages(about, texts, chance, old=old, new=right if old else None)
    if kind == "orders":
        shown = _with_orders(shown, chance, words.orders, about)
    answer = _answer(next(one for one in _shown(shown) if one.fact is right), shown, chance)
    question = right.question(chance)
    history: tuple[Turn, ...] = ()
    if kind == "history" and len(about.facts) > 1:
        before = chance.choice([fact for fact in about.facts if fact is not asked])
        history = (Turn("customer", before.question(chance)), Turn("agent", before.answer(chance)))
    said = [page for page in shown if old is None or all(fact is not old for fact, _statement in page.facts)]
    request = _request(about, question, shown, history)
    return StarterExample(kind, about.language, request, answer, _shown(said), _copied(right, answer, about.language))


def ask_again(first: StarterExample, about: Company, chance: random.Random) -> StarterExample | None:
    """Another question on the passages of `first`: about something they say, or (one in six) about something else."""
    if chance.random() < 1 / 6:
        asked = chance.choice(about.lacks)
        answer = chance.choice(phrases(about.language).unknown)
        request = replace(first.request, question=asked.question(chance))
        return replace(first, kind="unknown", request=request, answer=answer, facts=())
    if not first.shown:
        return None
    one = chance.choice(first.shown)
    answer = _answer(one, [_Page(passage, ()) for passage in first.request.passages], chance)
    request = replace(first.request, question=one.fact.question(chance))
    return replace(first, kind="plain", request=request, answer=answer, facts=_copied(one.fact, answer, about.language))


def _answer(one: Shown, pages: Sequence["_Page"], chance: random.Random) -> str:
    """A cited answer that passes the verification it will meet when served; the passage's own words always do."""
    texts = [page.passage.text for page in pages]
    titles = [page.passage.title for page in pages]
    for answer in one.fact.answers(chance):
        if all(support(sentence, texts, titles=titles).supported for sentence in sentences(answer)):
            return _cited(answer, one.number)
    return _cited(one.statement, one.number)


def _shown(pages: Sequence["_Page"]) -> tuple[Shown, ...]:
    return tuple(Shown(page.passage.number, fact, said) for page in pages for fact, said in page.facts)


def _copied(fact: Fact, answer: str, language: Language) -> tuple[str, ...]:
    """The values of the fact that the answer says and that cannot be guessed: numbers and names."""

    def telling(value: str) -> bool:
        return value[:1].isupper() or any(letter.isdigit() for letter in value) or language == "zh"

    values = {slot: value for slot, value in fact.values.items() if slot != "company"}
    return tuple(value for value in values.values() if value in answer and telling(value))


def _others(about: Company, asked: Fact, chance: random.Random, count: int) -> list[Fact]:
    pool = [fact for fact in about.facts if fact.wordings.id != asked.wordings.id]
    return chance.sample(pool, min(count, len(pool)))


@dataclass(frozen=True)
class _Page:
    passage: ContextPassage
    facts: tuple[tuple[Fact, str], ...]


def _passages(
    about: Company, facts: list[Fact], chance: random.Random, *, old: Fact | None = None, new: Fact | None = None
) -> list[_Page]:
    """A page for each fact, sometimes two facts on one, in random order, numbered from 1."""
    words = phrases(about.language)
    groups: list[list[Fact]] = []
    for fact in facts:
        if groups and chance.random() < 0.3 and fact is not new and new not in groups[-1]:
            groups[-1].append(fact)
        else:
            groups.append([fact])
    day = date(2021, 1, 1) + timedelta(days=chance.randint(0, 1500))
    pages = [(group, (day + timedelta(days=400)) if new in group and new else None) for group in groups]
    if old is not None:
        pages.append(([old], day))
    chance.shuffle(pages)
    gap = " " if about.language == "en" else ""
    made = []
    for number, (group, updated) in enumerate(pages, start=1):
        facts_said = [(fact, fact.statement(chance)) for fact in group]
        lines = [statement for _fact, statement in facts_said]
        for _ in range(chance.choice([0, 0, 1, 2])):
            lines.insert(chance.randint(0, len(lines)), chance.choice(words.idle))
        usual = chance.choice(["", "", "2024-05-02", "2023-11-20"]) if old is None else ""
        passage = ContextPassage(
            number=number,
            title=chance.choice([group[0].wordings.heading, f"{about.name}{gap}{group[0].wordings.heading}"]),
            heading=chance.choice(["", group[0].wordings.heading]),
            text=gap.join(lines),
            updated=updated.isoformat() if updated else usual,
        )
        made.append(_Page(passage, tuple(facts_said)))
    return made


def _with_orders(pages: list[_Page], chance: random.Random, orders: tuple[str, ...], about: Company) -> list[_Page]:
    place = chance.randrange(len(pages))
    page = pages[place]
    order = page.facts[0][0].values.fill(chance.choice(orders))
    text = " ".join(chance.sample([page.passage.text, order], 2))
    passage = ContextPassage(page.passage.number, page.passage.title, page.passage.heading, text, page.passage.updated)
    return [*pages[:place], _Page(passage, page.facts), *pages[place + 1 :]]


def _cited(answer: str, number: int) -> str:
    """The answer with its citation before the stop of each sentence, where the product's own answers have it."""
    chinese = "。" in answer
    parts = answer.split("。") if chinese else re.split(r"(?<=[.:]) (?=[A-Z])", answer)
    sentences = [part.strip().rstrip(".") for part in parts if part.strip()]
    return (
        "".join(f"{one}[{number}]。" for one in sentences)
        if chinese
        else " ".join(f"{one} [{number}]." for one in sentences)
    )


def _request(about: Company, question: str, pages: list[_Page], history: tuple[Turn, ...] = ()) -> GenerationRequest:
    words = phrases(about.language)
    chance = random.Random(question)
    asked = f"{chance.choice(words.openings)}{question}{chance.choice(words.endings)}"
    if about.language == "en" and chance.random() < 0.2:
        asked = asked.lower()
    return GenerationRequest(
        turns=(*history, Turn("customer", asked)),
        question=question if history else asked,
        passages=tuple(page.passage for page in pages),
        language="en" if about.language == "en" else "zh-hans",
        company=about.name,
    )
