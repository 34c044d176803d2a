"""From a customer's message to an answer that names its adapter: the conversation's side decides, for drafts too."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatbot.conversations import desk_opened, replying, services
from chatbot.conversations.drafts import suggesting, suggestions
from chatbot.conversations.models import AnswerCard, Conversation, Message, ReplyJob, Suggestion
from chatbot.training import live_figures
from finetune import engine_pool, promotion
from finetune.models import Promotion
from finetune.trial import side
from retrieval import search
from tests import factories
from tests.fakes import HashEmbedder
from tests.finetune import promoting
from tests.finetune.test_engine_pool import until
from tests.training.replaying import QUESTION, Engines, index, page

pytestmark = pytest.mark.django_db(transaction=True)
DIGEST = "c" * 64


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Engines]:
    monkeypatch.setattr(search, "get_embedder", lambda _name="": HashEmbedder())
    monkeypatch.setattr(engine_pool, "FOLLOW_SECONDS", 0.0)
    for kept in (search.get_searcher, replying._built):
        kept.cache_clear()
    page("Returns", "# Returns\n\nWorn shoes can be returned within 30 days of delivery.")
    page("Shipping", "# Shipping\n\nShipping to Canada costs 9 USD.")
    index()
    made = Engines(lambda _digest: "Worn shoes can be returned within 30 days of delivery [1].")
    made.install(monkeypatch, settings)
    yield made
    engine_pool.close_engine()
    for kept in (search.get_searcher, replying._built):
        kept.cache_clear()


@pytest.fixture
def trial(engines: Engines) -> Promotion:
    candidate = promoting.adapter(digest=DIGEST, path=f"/adapters/{DIGEST}")
    made = promotion.start_canary(evaluation=promoting.evaluation(candidate), share=0.5, by="boss")
    _ask(factories.conversation())  # whoever asks first has it loaded
    assert until(lambda: engine_pool.get_engine().status().trial is not None and engines.made)
    return made


def _ask(talk: Conversation, text: str = QUESTION) -> AnswerCard:
    factories.posted(talk, text)
    replying.run(ReplyJob.objects.filter(conversation=talk, state="queued").get().pk)
    return AnswerCard.objects.filter(message__conversation=talk).latest("pk")


def test_every_answer_of_a_conversation_names_the_adapter_of_its_side(trial: Promotion) -> None:
    seen: set[bool] = set()
    for _ in range(12):
        talk = factories.conversation()
        inside = side(key=str(talk.pk), promotion_id=trial.pk, share=trial.share)
        seen.add(inside)
        for _again in range(2):
            card = _ask(talk)
            assert (card.engine, card.adapter) == ("transformers", DIGEST if inside else "")
            assert card.data["written_by"] == [
                {"engine": "transformers", "adapter": card.adapter, "finish": "stop", "error": "", "kept": True}
            ]
    assert seen == {True, False}
    found = live_figures.figures(trial)
    assert found["canary"]["answers"] == found["canary"]["named"] > 0
    assert found["stable"]["answers"] == found["stable"]["named"] > 0


def test_drafts_are_written_by_the_side_of_their_conversation_and_say_so(trial: Promotion) -> None:
    for _ in range(6):
        talk = factories.conversation()
        factories.agent_there(talk.inbox)
        factories.posted(talk, QUESTION)
        services.ask_person(conversation_id=talk.pk)
        draft = Suggestion.objects.get(conversation=talk)
        suggesting.run(draft.pk)
        draft.refresh_from_db()
        inside = side(key=str(talk.pk), promotion_id=trial.pk, share=trial.share)
        assert draft.adapter == (DIGEST if inside else "")
        shown = suggestions.suggestion_out(draft, talk)
        assert (shown.engine, shown.adapter) == ("transformers", draft.adapter)


def test_the_desk_is_told_which_adapter_answered(trial: Promotion) -> None:
    talk = factories.conversation()
    card = _ask(talk)
    shown = desk_opened.opened(conversation_id=talk.pk, user=factories.user(role="admin"), last_seq=0, ref=1)
    assert [(one.engine, one.adapter) for one in shown.answers] == [("transformers", card.adapter)]


def test_a_customer_is_never_told_which_side_they_are_on(trial: Promotion) -> None:
    from chatbot.conversations import selectors

    talk = factories.conversation()
    _ask(talk)
    shown = repr(selectors.snapshot(conversation_id=talk.pk, last_seq=0))
    assert DIGEST not in shown and "adapter" not in shown
    assert Message.objects.filter(conversation=talk, role="bot").exists()
