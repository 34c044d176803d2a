"""What an adapter is examined with: requests as they are served, and how an answer to each is judged. Pure.

Held-out conversations and probes have one shape. A probe is right when one phrase of every wanted group is said, no
forbidden phrase is, and it says that it does not know exactly where it should. As JSON it is checked before it is kept.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from finetune import requests
from finetune.abstaining import abstains
from finetune.records import GenerationRequest
from finetune.support import without_marks

Kind = Literal["held_out", "withheld", "exam", "safety", "contradiction", "closed_book", "canary"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
FORMAT: Final = 1
MOST: Final = 500
"""Probes of one evaluation; with more it takes an hour on a small machine."""
PHRASE_MOST: Final = 300


@dataclass(frozen=True)
class Probe:
    """`reference` is what a person answered (held-out only). `abstain` None: not knowing is neither right nor wrong."""

    id: str
    kind: Kind
    request: GenerationRequest
    reference: str = ""
    wanted: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()
    abstain: bool | None = None
    topic: str = ""


def right(probe: Probe, answer: str) -> bool:
    """Whether this answer passes."""
    if probe.abstain is not None and abstains(answer) != probe.abstain:
        return False
    text = plain(without_marks(answer))
    if any(_says(text, phrase) for phrase in probe.forbidden):
        return False
    return all(any(_says(text, phrase) for phrase in group) for group in probe.wanted)


def plain(text: str) -> str:
    """For comparing: case folded, full width made half, no thousands separators, no space beside Chinese."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    folded = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", folded)
    folded = re.sub(r"\s+", " ", folded)
    return re.sub(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])", "", folded)


def says(answer: str, phrase: str) -> bool:
    """Whether a phrase stands in a text as whole numbers and words: 30 days is not in 130 days."""
    return _says(plain(answer), phrase)


def _says(text: str, phrase: str) -> bool:
    wanted = plain(phrase.strip())
    if not wanted:
        return False
    before = r"(?<![\d.,])" if wanted[0].isdigit() else r"(?<![a-z])" if wanted[0].isascii() else ""
    after = r"(?![\d]|[.,]\d)" if wanted[-1].isdigit() else ""
    return re.search(f"{before}{re.escape(wanted)}{after}", text) is not None


def to_json(probes: Iterable[Probe]) -> dict[str, Any]:
    return {"format": FORMAT, "probes": [_line(one) for one in probes]}


def from_json(data: Any) -> tuple[Probe, ...]:
    """Raises ValueError, with a sentence, for anything `to_json` would not write."""
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("probes"), list):
        raise ValueError("These probes are of another format: write them again.")
    if len(data["probes"]) > MOST:
        raise ValueError(f"{len(data['probes'])} probes are more than {MOST}: ask fewer questions.")
    made = tuple(_parsed(one) for one in data["probes"])
    if len({one.id for one in made}) != len(made):
        raise ValueError("Two probes have the same id.")
    return made


def _line(probe: Probe) -> dict[str, Any]:
    return {
        "id": probe.id,
        "kind": probe.kind,
        "request": requests.to_json(probe.request),
        "reference": probe.reference,
        "wanted": [list(group) for group in probe.wanted],
        "forbidden": list(probe.forbidden),
        "abstain": probe.abstain,
        "topic": probe.topic,
    }


def _parsed(data: Any) -> Probe:
    try:
        made = Probe(
            id=data["id"],
            kind=data["kind"],
            request=requests.from_json(data["request"]),
            reference=data["reference"],
            wanted=tuple(tuple(group) for group in data["wanted"]),
            forbidden=tuple(data["forbidden"]),
            abstain=data["abstain"],
            topic=data["topic"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"A probe is malformed: {error!r}") from error
    if problem := _problem(made):
        raise ValueError(f"The probe {str(made.id)[:60]!r} {problem}.")
    return made


def _problem(probe: Any) -> str:
    """What is wrong with it: JSON holds what it likes, whatever the annotations say."""
    phrases = [*probe.forbidden, *(one for group in probe.wanted for one in group)]
    if not isinstance(probe.id, str) or not 0 < len(probe.id) <= 64:
        return "needs an id of 1 to 64 characters"
    if probe.kind not in KINDS:
        return f"is of the unknown kind {probe.kind!r}"
    if not all(isinstance(one, str) and 0 < len(one) <= PHRASE_MOST for one in phrases) or not all(probe.wanted):
        return f"has a phrase that is not a text of 1 to {PHRASE_MOST} characters"
    if probe.abstain is not None and not isinstance(probe.abstain, bool):
        return "says neither yes, no nor nothing about not knowing"
    if not isinstance(probe.reference, str) or not isinstance(probe.topic, str):
        return "has a reference or a topic that is not text"
    if probe.kind == "held_out" and not probe.reference:
        return "is a held-out conversation without the answer of a person"
    return ""
