"""Whether a customer's question is one that a canned reply answers. Pure; likeness is `matching.py`'s work.

The bot answers with a canned text only when it is sure: the best reply's score reaches the threshold that was fitted
on the examples, it is ahead of the second by a margin, and the question does not ask for anything else besides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

Verdict = Literal["sure", "unsure", "close", "nothing"]

MARGIN: Final = 0.08
"""The second-best reply must be this far behind; two replies that fit equally well are a question for the search."""
NEAREST: Final = 3


@dataclass(frozen=True)
class Candidate:
    """One reply and how well the question fits it: about 1 for one of its examples, about 0 for anything else."""

    reply: int
    score: float


@dataclass(frozen=True)
class Near:
    """An example close to the question; `similarity` is 0..1."""

    reply: int
    text: str
    similarity: float


@dataclass(frozen=True)
class Ranked:
    """What the matcher found, best first. `threshold` is from where it is sure, fitted on the examples."""

    candidates: tuple[Candidate, ...] = ()
    nearest: tuple[Near, ...] = ()
    threshold: float = 1.0
    trust: float = 0.0
    """Share (0..1) of held-out examples at or above the threshold whose reply was the right one."""


@dataclass(frozen=True)
class Decision:
    """`reply` is the best reply also where the verdict is not `sure`; None when there is no candidate."""

    verdict: Verdict
    reply: int | None = None
    score: float = 0.0
    threshold: float = 1.0
    second: float = 0.0
    trust: float = 0.0
    nearest: tuple[Near, ...] = ()


def decide(ranked: Ranked) -> Decision:
    """`sure`: answer with it. `close`: two replies fit. `unsure`: below the threshold."""
    if not ranked.candidates:
        return Decision("nothing", threshold=ranked.threshold)
    best = ranked.candidates[0]
    second = max((other.score for other in ranked.candidates[1:]), default=0.0)
    verdict: Verdict = "sure"
    if best.score < ranked.threshold:
        verdict = "unsure"
    elif best.score - second < MARGIN:
        verdict = "close"
    return Decision(verdict, best.reply, best.score, ranked.threshold, second, ranked.trust, ranked.nearest[:NEAREST])


@dataclass(frozen=True)
class Asker:
    """Where and by whom it is asked: `inbox` None is nowhere, which replies for every inbox still fit."""

    inbox: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A canned reply that answers the question, filled in for the customer."""

    reply: int
    shortcut: str
    title: str
    text: str
    decision: Decision

    def card(self) -> dict[str, Any]:
        return {
            "id": self.reply,
            "shortcut": self.shortcut,
            "title": self.title,
            "score": round(self.decision.score, 4),
            "threshold": round(self.decision.threshold, 4),
            "second": round(self.decision.second, 4),
            "nearest": [{"text": near.text, "similarity": round(near.similarity, 4)} for near in self.decision.nearest],
        }


class PreparedReplies(Protocol):
    """The canned replies of an installation, as the answerer sees them. Never raises."""

    def match(self, question: str, *, language: str, asker: Asker) -> Prepared | None:
        """The one reply that surely answers the question in that language; None where that is not sure."""
        ...


@dataclass(frozen=True)
class Chosen:
    """One text for a whole message; `replies` in the order of the questions they answer."""

    text: str
    replies: tuple[Prepared, ...]

    @property
    def trust(self) -> float:
        return min(one.decision.trust for one in self.replies)


def choose(matches: Sequence[Prepared | None]) -> Chosen | None:
    """One answer to all questions of a message, or None when any of them is not covered."""
    covered = [one for one in matches if one is not None]
    if not covered or len(covered) < len(matches):
        return None
    distinct = tuple({one.reply: one for one in covered}.values())
    return Chosen("\n\n".join(one.text for one in distinct), distinct)
