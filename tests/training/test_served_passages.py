"""The passages of an example: what is found today, with what the agent was shown, however many are found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.training.harvesting import harvest
from chatbot.training.models import HarvestRule
from chatbot.training.served_passages import MOST, merged
from finetune.models import Example
from finetune.records import ContextPassage
from tests import factories
from tests.training.test_harvesting import _talk

texts = st.lists(st.sampled_from("abcdefghij"), max_size=9, unique=True)


def passages(words: list[str]) -> list[ContextPassage]:
    return [ContextPassage(number, "T", "", word) for number, word in enumerate(words, start=1)]


@given(found=texts, cited=texts)
def test_what_the_agent_was_shown_is_there_and_the_rest_keeps_its_order(found: list[str], cited: list[str]) -> None:
    both = merged(passages(found), passages(cited))
    words = [one.text for one in both]
    assert [one.number for one in both] == list(range(1, len(both) + 1))
    assert len(set(words)) == len(words) <= MOST
    assert set(cited[:MOST]) <= set(words)
    assert [word for word in words if word in found] == [word for word in found if word in words]


@pytest.mark.django_db
def test_a_reply_without_a_draft_gets_the_passages_of_the_search_and_cites_the_right_one() -> None:
    inbox = factories.inbox()
    HarvestRule.objects.create(inbox=inbox, enabled=True)
    _talk(inbox)
    found = (
        ContextPassage(1, "Shoes", "", "We sell shoes."),
        ContextPassage(2, "Refunds", "", "Refunds take 5 days."),
    )
    harvest(by="t", find=lambda *_asked: found)
    example = Example.objects.get()
    assert (example.answer, example.flags, example.support) == ("Refunds take 5 days [2].", [], 1.0)
    assert [one["text"] for one in example.request["passages"]] == ["We sell shoes.", "Refunds take 5 days."]
    assert len(example.passages) == 1  # it relies on the one it cites
    harvest(by="t", find=lambda *_asked: found[:1])  # the documents have changed; the message is known
    assert Example.objects.count() == 1
