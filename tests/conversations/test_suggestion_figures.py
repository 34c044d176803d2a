"""What became of drafts, read from rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatbot.conversations.drafts import suggestion_figures
from chatbot.conversations.models import Inbox, Suggestion
from tests import factories

pytestmark = pytest.mark.django_db


def _draft(inbox: Inbox, outcome: str, **fields: Any) -> Suggestion:
    conversation = factories.conversation(inbox=inbox)
    factories.posted(conversation)
    now = timezone.now()
    values = {
        "outcome": outcome,
        "decision": "answer",
        "confidence": 0.9,
        "shown_at": now - timedelta(seconds=30),
        "decided_at": now,
        **fields,
    }
    return Suggestion.objects.create(
        conversation=conversation, trigger=conversation.messages.get(), state="ready", **values
    )


def test_rates_and_medians_of_one_inbox_leave_others_and_older_ones_out() -> None:
    shop, other = factories.inbox(name="Shop"), factories.inbox(name="Other")
    _draft(shop, "unchanged", edit_distance=0.0, topic="refunds")
    _draft(shop, "light", edit_distance=0.2, topic="refunds")
    _draft(shop, "rewrite", edit_distance=0.7, shown_at=timezone.now() - timedelta(seconds=90))
    _draft(shop, "dismissed", dismiss_reason="wrong")
    _draft(shop, "ignored")
    _draft(shop, "")
    _draft(shop, "rewrite", decided_at=timezone.now() - timedelta(days=40))
    _draft(other, "dismissed", dismiss_reason="tone")
    found = suggestion_figures.figures(
        inboxes=Inbox.objects.filter(pk=shop.pk), since=timezone.now() - timedelta(days=7)
    )
    (line,) = found.inboxes
    assert (line.name, line.n) == ("Shop", 5)
    assert [one.value for one in (line.accepted, line.rewritten, line.dismissed, line.ignored)] == [0.4, 0.2, 0.2, 0.2]
    assert line.edit_distance == pytest.approx(0.2)
    assert line.seconds_to_send == pytest.approx(30, abs=5)
    assert line.upto() == (40, 60, 80)
    assert found.reasons == (("wrong", 1),)
    assert [(one.name, one.n) for one in found.topics] == [("", 3), ("refunds", 2)]


def test_nothing_decided_is_no_line_and_no_rate() -> None:
    shop = factories.inbox()
    found = suggestion_figures.figures(inboxes=Inbox.objects.all(), since=timezone.now() - timedelta(days=7))
    assert (found.total, found.inboxes) == (None, ())
    assert all(one.alone is None and one.heavy is None for one in suggestion_figures.dial(inbox=shop))


def test_the_dial_leaves_out_what_an_agent_asked_for_and_never_sends_an_abstention() -> None:
    shop = factories.inbox()
    for _number in range(35):
        _draft(shop, "unchanged")
        _draft(shop, "rewrite", decision="abstain")
    _draft(shop, "dismissed", hint="shorter")
    lowest = suggestion_figures.dial(inbox=shop)[0]
    assert lowest.alone is not None and lowest.heavy is not None
    assert (lowest.alone.value, lowest.heavy.value, lowest.judged) == (0.5, 0.0, 35)


def test_a_review_sample_weighs_what_it_stood_for_when_it_was_drawn() -> None:
    shop = factories.inbox()
    for _number in range(40):
        _draft(shop, "unchanged", purpose="review", card={"review_share": 0.1})
        _draft(shop, "unchanged", confidence=0.3, purpose="unsure", card={"review_share": 0.1})
    lowest = suggestion_figures.dial(inbox=shop)[0]
    assert lowest.alone is not None
    assert lowest.alone.value == pytest.approx(400 / 440)
