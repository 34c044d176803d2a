"""How far an answer's sentences rest on passages, with courtesies left out, and its marks written. Pure."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.conversations.answers.verification import check
from chatbot.training.redaction import PLACEHOLDER
from finetune.courtesy import is_courtesy, without_lead
from finetune.records import ContextPassage
from finetune.sentences import sentences


@dataclass(frozen=True)
class Measured:
    """`share` of the sentences that say something is supported; `marked` is the answer with its marks."""

    share: float
    supported: bool
    claims: int
    marked: str


def measure(answer: str, passages: Sequence[ContextPassage]) -> Measured:
    """Supported: it says something, and every bit of it stands in the passages."""
    claims, held, pieces = 0, 0, []
    for sentence in sentences(answer):
        bare = without_lead(PLACEHOLDER.sub("", sentence)).strip()
        if not bare or is_courtesy(bare):
            pieces.append(sentence.strip())
            continue
        claims += 1
        checked = check(bare, passages)
        held += checked.kept
        numbers = "".join(f" [{index + 1}]" for index in checked.passages) if checked.kept else ""
        pieces.append(_with(sentence.strip(), numbers))
    share = round(held / claims, 4) if claims else 0.0
    return Measured(share, claims > 0 and held == claims, claims, " ".join(pieces))


def _with(sentence: str, numbers: str) -> str:
    bare = re.sub(r"\s*\[\d{1,3}\]", "", sentence)
    end = re.search(r"[.!?。！？…]+[\"'”’»)）]*$", bare)
    return f"{bare[: end.start()]}{numbers}{end[0]}" if end and numbers else f"{bare}{numbers}"


def passage_hash(text: str) -> str:
    """Of a passage's words, blank space aside: what an example remembers of what it rests on."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()
