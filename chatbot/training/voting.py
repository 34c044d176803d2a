"""Blind votes: two answers to one question, in an order drawn for each voter; which model wrote which is not shown.

A vote is kept once and not changed. Counted is one opinion for each question, so that many votes on few questions do
not look like certainty. Refuses what is no question of the evaluation.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from chatbot.accounts.models import User
from chatbot.conversations.drafts.autonomy import wilson
from chatbot.training.models import Vote
from finetune.models import Evaluation

Row = Mapping[str, Any]
Chosen = Literal["left", "right", "tie"]
KINDS: Final = frozenset(["held_out", "exam"])
"""Questions that customers ask; of the others a person cannot say which answer is better."""


class VoteRefused(ValueError):
    """The message is a sentence for the voter."""


@dataclass(frozen=True)
class Pair:
    """A question with its two answers, left and right."""

    key: str
    row: Row
    answers: tuple[str, str]


@dataclass(frozen=True)
class Tally:
    """Questions by whom most voters preferred. `share` of the decided ones is the candidate's; 95 % interval."""

    candidate: int
    current: int
    tie: int
    votes: int
    voters: int
    share: float | None
    low: float
    high: float


def votable(answers: list[dict[str, Any]]) -> dict[str, Row]:
    """By key, only where the two answers differ."""
    return {
        str(row["id"]): row
        for row in answers
        if row.get("id") and row.get("kind") in KINDS and row.get("candidate") != row.get("current")
    }


def sides(evaluation: Evaluation, voter: User, key: str) -> tuple[str, str]:
    """Which stands left and which right: the same for one person and question, and not to be guessed."""
    drawn = _drawn(evaluation, voter, key)[0] % 2
    return ("candidate", "current") if drawn else ("current", "candidate")


def _drawn(evaluation: Evaluation, voter: User, key: str) -> bytes:
    return salted_hmac("training.vote", f"{evaluation.pk}:{voter.pk}:{key}", algorithm="sha256").digest()


def next_pair(evaluation: Evaluation, voter: User, rows: Mapping[str, Row]) -> Pair | None:
    """A question that this person has not voted on; each meets them in an order of their own."""
    said = done(evaluation, voter)
    left = sorted((key for key in rows if key not in said), key=lambda key: _drawn(evaluation, voter, key)[1:])
    if not left:
        return None
    row, order = rows[left[0]], sides(evaluation, voter, left[0])
    return Pair(left[0], row, (str(row.get(order[0], "")), str(row.get(order[1], ""))))


def done(evaluation: Evaluation, voter: User) -> set[str]:
    return set(Vote.objects.filter(evaluation=evaluation, voter=voter).values_list("question", flat=True))


def cast(*, evaluation: Evaluation, voter: User, rows: Mapping[str, Row], key: str, chosen: str) -> bool:
    """Keep one vote; False when this person has voted on it already. Raises VoteRefused."""
    if evaluation.state != Evaluation.State.DONE or key not in rows or chosen not in ("left", "right", "tie"):
        raise VoteRefused(_("This question is not one of the evaluation; nothing was counted."))
    choice = "tie" if chosen == "tie" else sides(evaluation, voter, key)[chosen == "right"]
    _vote, made = Vote.objects.get_or_create(
        evaluation=evaluation, question=key, voter=voter, defaults={"choice": choice}
    )
    return made


def tally(evaluation: Evaluation) -> Tally | None:
    """None without a vote."""
    rows = list(Vote.objects.filter(evaluation=evaluation).values_list("question", "choice", "voter"))
    if not rows:
        return None
    by_question: dict[str, Counter[str]] = {}
    for question, choice, _voter in rows:
        by_question.setdefault(question, Counter())[choice] += 1
    preferred = Counter(_preferred(votes) for votes in by_question.values())
    decided = preferred["candidate"] + preferred["current"]
    share = preferred["candidate"] / decided if decided else None
    low, high = wilson(share, decided) if share is not None else (0.0, 1.0)
    voters = len({voter for _question, _choice, voter in rows})
    return Tally(preferred["candidate"], preferred["current"], preferred["tie"], len(rows), voters, share, low, high)


def _preferred(votes: Counter[str]) -> str:
    ahead = votes["candidate"] - votes["current"]
    return "candidate" if ahead > 0 else "current" if ahead < 0 else "tie"
