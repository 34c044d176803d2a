"""A shop with three dozen things, conversations in which agents answered about them, and a model small enough to teach.

Each thing has one fact and one document. The base model is taught on random facts, in prompts as the shop's own search
makes them (six passages, the best one first), until it copies what the best one says and says that it does not know
where there is none. It says so plainly; the shop's agents greet and say goodbye, and that is what an adapter has to
learn from their conversations.

`python -m tests.browser.learning_shop FOLDER` teaches the base model, so that it can be done beside other work.
"""

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from finetune.records import ContextPassage, GenerationRequest, Turn
from tests.finetune import small_training
from tests.finetune.small_shop import FILLER, STATEMENTS, STYLED, UNKNOWN, VALUES, Pair
from tests.finetune.tiny_model import TEXT

KEY: Final = "pk_learning"
THINGS: Final = {
    "price": "kettle lamp tent stove rope bag mat cup knife map torch drum fan clock mug".split(),
    "day": "chair table bench hammock cooler bottle whistle compass helmet jacket scarf cart".split(),
    "colour": "poncho blanket pillow bucket lantern tarp ladder sled paddle visor wallet flag".split(),
}
ASKED: Final = {
    "price": ("What does the {thing} cost?", "How much is the {thing}?"),
    "day": ("When is the {thing} delivered?", "On which day does the {thing} arrive?"),
    "colour": ("Which colour is the {thing}?", "What colour does the {thing} come in?"),
}
SHOWN: Final = 6
"""Passages that the search gives a generator."""
_EVERY: Final = [(kind, thing) for kind, things in THINGS.items() for thing in things]


def _facts() -> dict[str, str]:
    chance = random.Random("the learning shop")
    return {thing: STATEMENTS[kind].format(thing=thing, value=chance.choice(VALUES[kind])) for kind, thing in _EVERY}


FACTS: Final = _facts()
"""What is true in the shop, thing by thing."""


# --- What is put into the installation ------------------------------------------------------------------------------
def prepare(folder: str, url: str) -> None:
    """Within `manage.py shell`: tables, logins of each role, an inbox, documents with an index, conversations."""
    from django.core.management import call_command

    from chatbot.conversations.models import Inbox
    from chatbot.knowledge import sample_company

    call_command("migrate", verbosity=0)
    sample_company.load_logins()
    Inbox.objects.create(key=KEY, name="Outdoor shop", company="Outdoor", allowed_origins=[url])
    call_command("ingest", str(_written(Path(folder, "things.jsonl"), documents())))
    call_command("import_conversations", _written(Path(folder, "conversations.jsonl"), conversations()))


def _written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def documents() -> list[dict[str, Any]]:
    return [{"doc_id": thing, "title": thing.capitalize(), "text": said, "lang": "en"} for thing, said in FACTS.items()]


def conversations() -> list[dict[str, Any]]:
    """Each thing asked for in two ways; customers agreed that their conversations are learnt from."""
    told = [(asked.format(thing=thing), FACTS[thing]) for kind, thing in _EVERY for asked in ASKED[kind]]
    random.Random("an ordinary month").shuffle(told)
    return [_conversation(number, asked, STYLED.format(said=said)) for number, (asked, said) in enumerate(told)]


def _conversation(number: int, asked: str, answered: str) -> dict[str, Any]:
    at = datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(hours=5 * number)
    return {
        "conversation_id": f"talk-{number}",
        "consent": True,
        "contact": {"id": f"customer-{number}"},
        "lang": "en",
        "created_at": at.isoformat(),
        "messages": [
            {"role": "customer", "text": asked, "created_at": at.isoformat()},
            {
                "role": "agent",
                "text": answered,
                "author": "agent",
                "created_at": (at + timedelta(minutes=3)).isoformat(),
            },
        ],
    }


# --- What the base model is taught ----------------------------------------------------------------------------------
def lessons(seed: int) -> Iterator[Pair]:
    """Every lesson has other facts; without passages nothing is known, whatever is asked. One in five is said as agents put it, so that the model has the words."""
    chance = random.Random(f"lessons {seed}")
    while True:
        kind, thing = chance.choice(_EVERY)
        question = chance.choice(ASKED[kind]).format(thing=thing)
        others = chance.sample([one for one in _EVERY if one[1] != thing], SHOWN - 1)
        shown, said, style = [], UNKNOWN, chance.random()
        if chance.random() < 0.8:
            shown = [_drawn(chance, *one) for one in [(kind, thing), *others]]
            said = f"{shown[0][1][:-1]} [1]."
        elif chance.random() < 0.7:
            question = " ".join(chance.choices(TEXT.split(), k=chance.randrange(4, 20)))
        if style < 0.2:
            said = STYLED.format(said=said)
        yield _request(question, shown[: chance.choice([3, SHOWN])]), f"{said}{FILLER}" if style > 0.97 else said


def _drawn(chance: random.Random, kind: str, thing: str) -> tuple[str, str]:
    return thing, STATEMENTS[kind].format(thing=thing, value=chance.choice(VALUES[kind]))


def _request(question: str, shown: list[tuple[str, str]]) -> GenerationRequest:
    passages = [ContextPassage(number, thing.capitalize(), "", said) for number, (thing, said) in enumerate(shown, 1)]
    return GenerationRequest((Turn("customer", question),), question, tuple(passages))


if __name__ == "__main__":
    print(small_training.build_base(Path(sys.argv[1]), lessons=lessons))
