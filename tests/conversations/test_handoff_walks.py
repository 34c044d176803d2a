"""Random lives of a conversation, over the real services and the real database: customers, the bot, agents, the clock.

Whatever happens in whatever order: one notice for each handoff, the bot silent until it is given back, no message
lost or doubled, nobody over the cap by the round, one rating.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import pytest
from django.db import connection, transaction
from django.test import TestCase
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chatbot.accounts.models import Team, User
from chatbot.conversations import handling, jobs, ratings, selectors, services
from chatbot.conversations.handoffs import routing, snoozing, waiting
from chatbot.conversations.models import Activity, Conversation, ConversationRating, Message, ReplyJob
from tests import factories

# A walk is dozens of transactions, each of which PostgreSQL writes to disk: the second run takes fewer of them.
WALKS = 60 if connection.vendor == "sqlite" else 15
pytestmark = pytest.mark.django_db

CAP: Final = 1
_numbers = itertools.count()


class Life:
    """Three customers' conversations in one inbox with a word, a mood, a round of two agents."""

    def __init__(self) -> None:
        team = Team.objects.create(name=f"Team {next(_numbers)}", round_robin=True, cap=CAP)
        self.inbox = factories.inbox(team=team, handoff_words=["lawyer"], handoff_after=2)
        self.agents = [factories.agent_there(self.inbox) for _ in range(2)]
        team.members.set(self.agents)
        self.conversations = [factories.conversation(inbox=self.inbox) for _ in range(3)]
        self.claim: jobs.Claim | None = None
        self.posted = 0

    def says(self, text: str) -> Callable[[int], None]:
        def say(which: int) -> None:
            factories.posted(self.conversations[which], text)
            self.posted += 1

        return say

    def asks_person(self, which: int) -> None:
        services.ask_person(conversation_id=self.conversations[which].pk)

    def goes_back(self, which: int) -> None:
        services.cancel_person(conversation_id=self.conversations[which].pk)

    def claims(self, which: int) -> None:
        due = ReplyJob.objects.filter(conversation=self.conversations[which], state="queued").last()
        if due is not None:
            self.claim = jobs.claim(job_id=due.pk) or self.claim

    def finishes(self, kind: str, hand_off: str = "") -> Callable[[int], None]:
        def finish(_which: int) -> None:
            if self.claim is not None:
                jobs.finish(claim=self.claim, reply=factories.bot_reply(kind=kind, hand_off=hand_off))

        return finish

    def fails(self, _which: int) -> None:
        if self.claim is not None:
            jobs.release(claim=self.claim, error="boom")

    def takes(self, which: int) -> None:
        handling.take(conversation_id=self.conversations[which].pk, agent=self.agents[0])

    def replies(self, which: int) -> None:
        handling.reply(
            conversation_id=self.conversations[which].pk,
            agent=self.agents[1],
            client_id=f"agent-{next(_numbers):06d}",
            text="Hello",
        )

    def gives_back(self, which: int) -> None:
        handling.give_back(conversation_id=self.conversations[which].pk, agent=self.agents[0])

    def unassigns(self, which: int) -> None:
        team = Conversation.objects.get(pk=self.conversations[which].pk).team
        handling.assign(conversation_id=self.conversations[which].pk, by=self.agents[0], agent=None, team=team)

    def resolves(self, which: int) -> None:
        handling.resolve(conversation_id=self.conversations[which].pk, agent=self.agents[0])

    def reopens(self, which: int) -> None:
        handling.reopen(conversation_id=self.conversations[which].pk, agent=self.agents[1])

    def snoozes(self, which: int) -> None:
        until = timezone.now() + timedelta(minutes=3)
        handling.snooze(conversation_id=self.conversations[which].pk, agent=self.agents[0], until=until)

    def rates(self, which: int) -> None:
        ratings.rate(conversation_id=self.conversations[which].pk, value=4)

    def leaves(self, which: int) -> None:
        User.objects.filter(pk=self.agents[which % 2].pk).update(last_seen_at=None)

    def comes(self, which: int) -> None:
        User.objects.filter(pk=self.agents[which % 2].pk).update(last_seen_at=timezone.now())
        routing.agent_is_free(self.agents[which % 2].pk)

    def time_passes(self, _which: int) -> None:
        """Ten minutes: as the rows see it, everything was so much longer ago."""
        ten = timedelta(minutes=10)
        for row in Conversation.objects.all():
            for name in ("unanswered_since", "waiting_since", "snoozed_until", "resolved_at"):
                if (at := getattr(row, name)) is not None:
                    Conversation.objects.filter(pk=row.pk).update(**{name: at - ten})
        for activity in Activity.objects.all():
            Activity.objects.filter(pk=activity.pk).update(created_at=activity.created_at - ten)
        ConversationRating.objects.all().update(asked_at=timezone.now() - ten)

    def clock_ticks(self, _which: int) -> None:
        snoozing.wake_due()
        routing.sweep()
        waiting.tell_all()


STEPS: Final[dict[str, Callable[[Life], Callable[[int], None]]]] = {
    "says something": lambda life: life.says("How long do refunds take?"),
    "says a word": lambda life: life.says("my lawyer will call"),
    "is angry": lambda life: life.says("You people are useless, this is unacceptable!"),
    "leaves an address": lambda life: life.says("mia@example.com"),
    "asks for a person": lambda life: life.asks_person,
    "goes back": lambda life: life.goes_back,
    "bot claims": lambda life: life.claims,
    "bot answers": lambda life: life.finishes("text"),
    "bot abstains": lambda life: life.finishes("abstain"),
    "bot gives up": lambda life: life.finishes("abstain", "abstained"),
    "bot fails": lambda life: life.fails,
    "agent takes": lambda life: life.takes,
    "agent replies": lambda life: life.replies,
    "agent gives back": lambda life: life.gives_back,
    "agent unassigns": lambda life: life.unassigns,
    "agent resolves": lambda life: life.resolves,
    "agent reopens": lambda life: life.reopens,
    "agent snoozes": lambda life: life.snoozes,
    "customer rates": lambda life: life.rates,
    "agent leaves": lambda life: life.leaves,
    "agent comes": lambda life: life.comes,
    "time passes": lambda life: life.time_passes,
    "clock ticks": lambda life: life.clock_ticks,
}
walks = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 2)), min_size=5, max_size=30)
GIVES_BACK: Final = {"goes back", "agent gives back"}


@given(st.integers(0, 3), walks)
@example(3, [("agent comes", 0), ("agent snoozes", 0), ("agent comes", 0), ("is angry", 0)])
@pytest.mark.timeout(900)
@settings(max_examples=WALKS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_conversation_keeps_its_promises_whatever_happens(waiting_first: int, walk: list[tuple[str, int]]) -> None:
    walk = [*(("asks for a person", which) for which in range(waiting_first)), *walk]
    with transaction.atomic():
        life = Life()
        for step, which in walk:
            before = [_seen(conversation) for conversation in life.conversations]
            with suppress(services.Refusal), TestCase.captureOnCommitCallbacks(execute=True):
                STEPS[step](life)(which)
            for conversation, was in zip(life.conversations, before, strict=True):
                _check(conversation, was, step)
        assert Message.objects.filter(role="customer", conversation__inbox=life.inbox).count() == life.posted
        transaction.set_rollback(True)


def _seen(conversation: Conversation) -> tuple[str, int, int]:
    row = Conversation.objects.get(pk=conversation.pk)
    return row.state, row.last_seq, row.activities.filter(kind="handoff").count()


def _check(conversation: Conversation, was: tuple[str, int, int], step: str) -> None:
    state, seq, handoffs = was
    row = Conversation.objects.get(pk=conversation.pk)
    new = list(Message.objects.filter(conversation=row, seq__gt=seq).order_by("seq"))

    assert row.last_seq == seq + len(new) == Message.objects.filter(conversation=row).count(), "numbers have no gaps"

    notices = [message for message in new if message.kind in ("handoff", "away")]
    assert len(notices) == row.activities.filter(kind="handoff").count() - handoffs, "one notice for each handoff"
    assert len(notices) <= 1

    if state in ("waiting", "agent"):
        assert not [message for message in new if message.role == "bot"], "the bot is silent"
        if row.state == "bot":
            assert step in GIVES_BACK
    if row.state in ("waiting", "agent"):
        assert not ReplyJob.objects.filter(conversation=row, state__in=selectors.ACTIVE_JOBS).exists()
    if row.state == "waiting":
        assert row.handoff_reason
        assert row.handoff_summary
        assert row.waiting_since
    else:
        assert row.waiting_since is None
    if row.state == "bot":
        assert row.assignee is None
    assert ConversationRating.objects.filter(conversation=row).count() <= 1

    routed = {a.detail["to"] for a in Activity.objects.filter(kind="assigned")}
    for agent in User.objects.filter(username__in=routed):
        by_round = Conversation.objects.filter(assignee=agent, state="waiting", snoozed_until=None)
        # What an agent put aside is theirs when it comes back, also where the round has given them another one since.
        by_round = by_round.exclude(activities__kind="snoozed")
        assert by_round.count() <= CAP, "the round keeps the cap"
    standing = waiting.standing(row)
    assert (standing is not None) == (
        row.state == "waiting" and (row.snoozed_until or timezone.now()) <= timezone.now()
    )
