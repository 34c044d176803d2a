"""Whether a customer who has left is written to now. Pure: everything it needs is in a `Situation`.

Refuses addresses that nobody gave in this conversation and nobody vouched for, those who asked to be left alone, and a
stranger's address that has had its share today: a shop's e-mail must not be a weapon against third people.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

PATIENCE: Final = 5
"""So many delays after the first unseen message an e-mail goes out even while more is being written."""


class Verdict(StrEnum):
    SEND = "send"
    NOTHING_NEW = "nothing_new"
    NO_ADDRESS = "no_address"
    NOT_GIVEN = "not_given"
    STOPPED = "stopped"
    ON_ITS_WAY = "on_its_way"
    CUSTOMER_IS_HERE = "customer_is_here"
    TOO_EARLY = "too_early"
    TOO_MANY = "too_many"


@dataclass(frozen=True)
class Unseen:
    """A message of the team or the bot that the customer has neither seen nor been sent."""

    seq: int
    by_person: bool
    written_at: datetime


@dataclass(frozen=True)
class Situation:
    now: datetime
    delay: timedelta
    unseen: tuple[Unseen, ...]
    """Oldest first."""
    address: str
    verified: bool
    given_here: bool
    """The customer gave the address in this conversation."""
    by_mail: bool
    """The customer was asked for an address, or wrote by e-mail: then what the bot says counts too."""
    here: bool
    on_its_way: bool
    stopped: bool
    sent_lately: int
    """E-mails to this address in the last day, over all conversations."""
    limit: int
    """For addresses that nobody vouched for."""


def counting(situation: Situation) -> tuple[Unseen, ...]:
    """The unseen messages that are a reason to write."""
    return tuple(message for message in situation.unseen if message.by_person or situation.by_mail)


def decide(situation: Situation) -> Verdict:
    reasons = counting(situation)
    if not reasons:
        return Verdict.NOTHING_NEW
    if not situation.address:
        return Verdict.NO_ADDRESS
    if not (situation.verified or situation.given_here):
        return Verdict.NOT_GIVEN
    if situation.stopped:
        return Verdict.STOPPED
    if situation.on_its_way:
        return Verdict.ON_ITS_WAY
    if situation.here:
        return Verdict.CUSTOMER_IS_HERE
    if not _is_time(situation, reasons):
        return Verdict.TOO_EARLY
    if not situation.verified and situation.sent_lately >= situation.limit:
        return Verdict.TOO_MANY
    return Verdict.SEND


def _is_time(situation: Situation, reasons: tuple[Unseen, ...]) -> bool:
    """One e-mail for what is written in one go: quiet for the delay, or unseen for several."""
    quiet = situation.now - reasons[-1].written_at >= situation.delay
    return quiet or situation.now - reasons[0].written_at >= PATIENCE * situation.delay


# --- Trying again -----------------------------------------------------------------------------------
ATTEMPTS: Final = 11
_FIRST_WAIT: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = timedelta(hours=4)


def wait_after(attempt: int) -> timedelta | None:
    """How long after the failed attempt (from 1) the next is made; None: it was the last. About half a day in all."""
    if attempt >= ATTEMPTS:
        return None
    wait: timedelta = _FIRST_WAIT * 2 ** (attempt - 1)
    return min(wait, _LONGEST_WAIT)
