"""Invented companies: a name, a currency, facts with their values, and pages on which the facts stand. Pure, seeded.

A company is made from its number alone, so that those kept for testing never appear in training.
"""

import random
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from finetune.starter.slots import Values, currency, han, kinds, word

Language = Literal["en", "zh"]
TWIN_SHARE: Final = 0.5
"""Share of facts about a product that have a twin about a product of nearly the same name."""


@dataclass(frozen=True)
class Wordings:
    """One kind of fact with several wordings; every answer can be read off every statement."""

    id: str
    heading: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]

    @property
    def named(self) -> bool:
        """Whether it is about a product, of which a company has several."""
        return any("product" in kinds(text) for text in self.statements)


@dataclass(frozen=True)
class Phrases:
    facts: tuple[Wordings, ...]
    idle: tuple[str, ...]
    unknown: tuple[str, ...]
    openings: tuple[str, ...]
    endings: tuple[str, ...]
    orders: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """One fact of one company. `twin` is about a product whose name differs by little; `values` fill the wordings."""

    wordings: Wordings
    values: Values
    twin: "Fact | None" = None

    def statement(self, chance: random.Random) -> str:
        return self.values.fill(chance.choice(self.wordings.statements))

    def question(self, chance: random.Random) -> str:
        return self.values.fill(chance.choice(self.wordings.questions))

    def answer(self, chance: random.Random) -> str:
        return self.answers(chance)[0]

    def answers(self, chance: random.Random) -> list[str]:
        """All ways to answer, in random order."""
        return [self.values.fill(text) for text in chance.sample(self.wordings.answers, len(self.wordings.answers))]


@dataclass(frozen=True)
class Company:
    number: int
    language: Language
    name: str
    currency: str
    facts: tuple[Fact, ...]
    lacks: tuple[Fact, ...]
    """Facts that its documents do not hold: what unanswerable questions ask for."""


@cache
def phrases(language: Language) -> Phrases:
    data = tomllib.loads((Path(__file__).parent / f"facts_{language}.toml").read_text(encoding="utf-8"))
    facts = tuple(
        Wordings(one["id"], one["heading"], tuple(one["statements"]), tuple(one["questions"]), tuple(one["answers"]))
        for one in data["fact"]
    )
    return Phrases(facts, *(tuple(data[name]) for name in ("idle", "unknown", "openings", "endings", "orders")))


def company(number: int, language: Language) -> Company:
    """Company `number`, always the same."""
    chance = random.Random(f"{language} company {number}")
    name = word(chance, syllables=chance.choice([2, 3])) if language == "en" else han(chance, chance.choice([2, 3]))
    money = currency(chance, language)
    known = list(phrases(language).facts)
    chance.shuffle(known)
    split = chance.randint(len(known) // 2, len(known) - 6)

    def fact(wordings: Wordings) -> Fact:
        values = Values(chance, language, {"company": name}, currency=money)
        made = Fact(wordings, values)
        for text in (*wordings.statements, *wordings.questions, *wordings.answers):
            values.fill(text)
        if wordings.named and chance.random() < TWIN_SHARE:
            return Fact(wordings, values, twin=_twin(made, chance, language, money))
        return made

    return Company(
        number,
        language,
        name,
        money,
        facts=tuple(fact(wordings) for wordings in known[:split]),
        lacks=tuple(fact(wordings) for wordings in known[split:]),
    )


def _twin(fact: Fact, chance: random.Random, language: Language, money: str) -> Fact:
    """The same fact about the next product: `Brailon 2` beside `Brailon 20`, other values."""
    product = fact.values["product"]
    tail = chance.choice([" 2", " Pro", " Light", " XL"] if language == "en" else ["2", "Pro", "加大版", "儿童版"])
    values = Values(
        chance, language, {"company": fact.values["company"], "product": f"{product}{tail}"}, currency=money
    )
    for text in (*fact.wordings.statements, *fact.wordings.questions, *fact.wordings.answers):
        values.fill(text)
    return Fact(fact.wordings, values)


def changed(fact: Fact, chance: random.Random, company: Company) -> Fact:
    """The fact as it was at another time: same subject, other numbers."""
    kept = {
        slot: value
        for slot, value in fact.values.items()
        if not any(character.isdigit() for character in value) or slot.rstrip("0123456789") in ("product", "plan")
    }
    values = Values(chance, company.language, kept, currency=company.currency)
    return Fact(fact.wordings, values)
