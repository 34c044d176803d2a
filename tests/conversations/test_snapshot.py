"""What a newly connected client is given hangs together, whatever happens while it is read."""

from typing import Any

import pytest
from django.db import connection

from chatbot.conversations import jobs, selectors
from chatbot.conversations.models import Conversation, ReplyJob
from tests import factories

pytestmark = pytest.mark.django_db


def _running() -> tuple[Conversation, jobs.Claim]:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = jobs.claim(job_id=ReplyJob.objects.get(conversation=conversation).pk)
    assert claim is not None
    return conversation, claim


class _BeforeQuery:
    """Finishes the answer right before the reader's query of this number, as another process could."""

    def __init__(self, number: int, claim: jobs.Claim) -> None:
        self._left = number
        self._claim = claim
        self.done = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self.done = jobs.finish(claim=self._claim, reply=factories.bot_reply())
        return execute(sql, params, many, context)


@pytest.mark.parametrize("client_has", [0, 1])
def test_a_client_that_is_told_that_nothing_is_owed_has_been_given_the_answer(client_has: int) -> None:
    seen = set()
    for number in range(1, 20):
        conversation, claim = _running()
        before = _BeforeQuery(number, claim)
        with connection.execute_wrapper(before):
            snapshot = selectors.snapshot(conversation_id=conversation.pk, last_seq=client_has)
        answered = any(message.role == "bot" for message in snapshot.messages)
        assert snapshot.busy != answered, f"finished before query {number}"
        assert snapshot.last_seq == client_has + len(snapshot.messages)
        seen.add(answered)
        if not before.done:
            break
    assert seen == {True, False}
