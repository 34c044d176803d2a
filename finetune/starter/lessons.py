"""Text to pre-train on: echoes and drills that teach copying, then pages with questions, then conversations as served.

Pages are those of invented companies, and where documents are given every second one is theirs (`found`).

A lesson is a list of (text, weight): answers weigh 1, what they are copied from little, because invented names cannot be
foreseen. Pure and seeded: lesson i of a course is always the same, so that a course can be resumed anywhere.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from finetune import prompt
from finetune.records import ContextPassage, Turn
from finetune.starter.companies import Language, company
from finetune.starter.examples import KINDS, StarterExample, ask_again, example
from finetune.starter.found import Reading, dressed
from finetune.starter.slots import common_han, han, word

Piece = tuple[str, float]

CONTEXT_WEIGHT: Final = 0.1
TOKEN_DRILLS: Final = 0.5
"""Share of the echoes that come as highlights with questions."""
PLAIN_TEXT: Final = 0.08
"""Share of the lessons on documents that are a passage by itself: how the language goes on."""
AS_SERVED: Final = 0.5
"""Share of the pages that begin with a conversation as it is served, rules and all."""
EARLIER_TURNS: Final = 0.15
PAGES_TRIED: Final = 10
"""Most pages hold a sentence that can be asked for clearly; where everything is said twice none does."""
SHORTEST_ECHO: Final = 8
USER, ASSISTANT, END = "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n"


@dataclass(frozen=True)
class Echo:
    """`length` random tokens, then the same ones again: practice for the heads that copy (`starter.copying`)."""

    seed: str
    length: int


@dataclass(frozen=True)
class TokenDrill:
    """Lines of random tokens, `length` in all, shown as highlights are; each is asked for by some of its tokens.

    Text holds most tokens rarely, and what was seen a few dozen times is not copied: its place stays empty in a quoted
    sentence. Here all tokens come equally often.
    """

    seed: str
    length: int


@dataclass(frozen=True)
class Followed:
    """A conversation exactly as it is served, then more questions on the same passages, each with its answer."""

    first: StarterExample
    more: tuple[Piece, ...]


TextLesson = Followed | list[Piece] | StarterExample
Lesson = Echo | TokenDrill | TextLesson


@dataclass(frozen=True)
class Course:
    """What is taught and when: `progress` runs from 0 to 1. Companies are numbered from 0."""

    seed: int = 0
    companies: int = 200_000
    echoes_until: float = 0.04
    drills_until: float = 0.18
    one_page_until: float = 0.35
    pages_until: float = 0.7
    echo_share: float = 0.06
    """Of the lessons after that first part."""
    longest_echo: int = 200
    """Tokens."""

    @classmethod
    def going_on(cls, *, seed: int) -> "Course":
        """For a model that has had a course: no drills of its own, many echoes of all its tokens, and new companies.

        An echo is a fifth as long as a page, so that its share of the tokens is much lower than that of the lessons.
        No part of served conversations alone: half of the pages begin with one, and a row of them holds a fifth of the
        answers, so that the model forgets to quote while it learns what passages look like.
        """
        return cls(
            seed=seed,
            echoes_until=0.05,
            drills_until=0.0,
            one_page_until=0.0,
            pages_until=1.0,
            echo_share=0.5,
            longest_echo=400,
        )

    def language(self, chance: random.Random) -> Language:
        return "en" if chance.random() < 0.6 else "zh"


def echo(course: Course, number: int, progress: float) -> Echo | TokenDrill | None:
    """Lesson `number` where it is one on tokens, without a meaning."""
    chance = random.Random(f"{course.seed} tokens {number}")
    if progress >= course.echoes_until and chance.random() >= course.echo_share:
        return None
    beginning = progress < course.echoes_until / 2
    kind = Echo if beginning or chance.random() >= TOKEN_DRILLS else TokenDrill
    longest = 32 if beginning else course.longest_echo
    return kind(f"{course.seed} echo {number}", chance.randint(SHORTEST_ECHO, longest))


def lesson(course: Course, number: int, progress: float) -> TextLesson:
    """Pieces of text, or (in the last part of a course) an example to render exactly as it will be served."""
    chance = random.Random(f"{course.seed} lesson {number}")
    if progress < course.drills_until or chance.random() < 0.04:
        return drill(chance, course.language(chance))
    if progress < course.one_page_until:
        return page(course, chance, passages=1, questions=chance.randint(1, 3))
    if progress < course.pages_until:
        return page(course, chance, passages=chance.randint(1, 5), questions=chance.randint(4, 10))
    return _served(course, chance)


def drill(chance: random.Random, language: Language) -> list[Piece]:
    """A table of invented names and values, then questions for some of them: pure copying."""

    def name() -> str:
        if language == "zh":
            return (common_han if chance.random() < 0.7 else han)(chance, chance.randint(2, 6))
        return word(chance, syllables=chance.randint(1, 3))

    def value() -> str:
        return chance.choice([name(), str(chance.randint(2, 9999)), f"{name()} {chance.randint(2, 99)}"])

    rows = list({name(): value() for _ in range(chance.randint(2, 9))}.items())
    table = "\n".join(f"[{number}] {key}: {said}" for number, (key, said) in enumerate(rows, start=1))
    pieces: list[Piece] = [(f"{USER}<passages>\n{table}\n</passages>\n", CONTEXT_WEIGHT)]
    asked = chance.sample(list(enumerate(rows, start=1)), min(len(rows), chance.randint(2, 5)))
    for place, (number, (key, said)) in enumerate(asked):
        pieces.append((f"{'' if place == 0 else USER}<question>\n{key}?\n</question>{END}{ASSISTANT}", CONTEXT_WEIGHT))
        pieces.append((f"{said} [{number}].{END}", 1.0))
    return pieces


def page(course: Course, chance: random.Random, *, passages: int, questions: int) -> Followed | list[Piece]:
    """The passages of one company, then several questions on them, each with its answer."""
    about = company(chance.randrange(course.companies), course.language(chance))
    kind = chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
    first = example(about, kind, chance, passages=passages)
    again = (ask_again(first, about, chance) for _ in range(questions - 1))
    return _page(first, [one for one in again if one is not None], chance)


def _page(first: StarterExample, again: Sequence[StarterExample], chance: random.Random) -> Followed | list[Piece]:
    more = [piece for one in again for piece in _asked(one, opens=True)]
    if chance.random() < AS_SERVED:
        return Followed(first, tuple(more))
    return [_shown(first.request.passages), *_asked(first, opens=False), *more]


def reading(course: Course, read: Reading, number: int, progress: float) -> TextLesson:
    """Lesson `number` on documents: a passage by itself, several questions on a few of them, or one as it is served."""
    chance = random.Random(f"{course.seed} reading {number}")
    pages = progress < course.pages_until
    for _ in range(0 if chance.random() < PLAIN_TEXT else PAGES_TRIED):
        shown = dressed(read.page(chance), chance)
        asked = (read.example(chance, shown) for _ in range(chance.randint(4, 10) if pages else 2))
        made = [one for one in asked if one is not None]
        if made and not pages:
            return _with_turns(made, chance)
        if made:
            return _page(made[0], made[1:], chance)
    (passage,) = read.page(chance, most=1)
    return [(f"{passage.title}\n{passage.text}\n", 1.0)]


def _with_turns(made: list[StarterExample], chance: random.Random) -> StarterExample:
    last = made[-1]
    request = replace(last.request, company=word(chance).strip())
    if len(made) > 1 and chance.random() < EARLIER_TURNS:
        before = made[0]
        earlier = (*before.request.turns, Turn("agent", before.answer))
        request = replace(request, turns=(*earlier, *request.turns))
    return replace(last, request=request)


def _shown(passages: tuple[ContextPassage, ...]) -> Piece:
    texts = "\n\n".join(map(prompt.passage_text, passages))
    return f"{USER}<passages>\n{texts}\n</passages>\n", CONTEXT_WEIGHT


def _asked(one: StarterExample, *, opens: bool) -> list[Piece]:
    found = prompt.highlights(one.request)
    question = f"{USER if opens else ''}{found}<question>\n{one.request.question}\n</question>{END}{ASSISTANT}"
    return [(question, CONTEXT_WEIGHT), (f"{one.answer}{END}", 1.0)]


def _served(course: Course, chance: random.Random) -> StarterExample:
    about = company(chance.randrange(course.companies), course.language(chance))
    kind = chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
    return example(about, kind, chance)
