# mypy: ignore-errors
"""Reads the hand-written facts and scenes in `scripts/` for `make_conversations.py`, which lies beside it."""

from dataclasses import dataclass, field
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent / "scripts"


@dataclass
class Fact:
    topic: str
    document: str
    questions: list = field(default_factory=list)
    answer: str = ""
    quotes: list = field(default_factory=list)
    reworded: str = ""
    follow: list = field(default_factory=list)
    follow_answer: str = ""
    follow_quote: str = ""


@dataclass
class Scene:
    topic: str
    reason: str
    tags: list
    summary: str
    lines: list = field(default_factory=list)


def facts(lang):
    for block in (SCRIPTS / f"facts.{lang}.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        head, *rows = block.splitlines()
        topic, document = head.removeprefix("@ ").split(" | ")
        fact = Fact(topic, document)
        for row in rows:
            mark, text = row.split(": ", 1)
            match mark:
                case "q":
                    fact.questions.append(text)
                case "a":
                    fact.answer = text
                case "s" | "n":
                    fact.quotes.append(text)
                case "r":
                    fact.reworded = text
                case "f":
                    fact.follow.append(text)
                case "fa":
                    fact.follow_answer = text
                case "fs":
                    fact.follow_quote = text
        yield fact


def scenes(lang):
    for block in (SCRIPTS / f"scenes.{lang}.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        head, *rows = block.splitlines()
        topic, reason, tags, summary = head.removeprefix("= ").split(" | ", 3)
        yield Scene(topic, reason, tags.split(", "), summary, [tuple(row.split(": ", 1)) for row in rows])
