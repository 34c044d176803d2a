"""Help with an agent's own text: who may ask, what a worker does with it, and what is dropped."""

from typing import Any

import pytest
from django.core.cache import cache

from chatbot.conversations import desk_events, queueing, replying
from chatbot.conversations.drafts import composing
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation, Message
from chatbot.conversations.refusals import Refusal
from finetune.records import GenerationRequest, GenerationResult
from tests import factories

pytestmark = pytest.mark.django_db

TEXT = "Thank you for your message. The refund takes 5 business days from today on."


class Model:
    """Stands in for the worker's engine: keeps what it was asked, writes what it was told to."""

    name = "transformers"

    def __init__(self) -> None:
        self.requests: list[GenerationRequest] = []
        self.text = "The refund takes 5 business days."
        self.engine, self.reason = "transformers", "stop"

    def generate(self, request: GenerationRequest) -> "Model":
        self.requests.append(request)
        return self

    def __iter__(self) -> Any:
        return iter([self.text])

    def cancel(self) -> None: ...

    @property
    def result(self) -> GenerationResult:
        return GenerationResult(self.text, self.reason, self.engine)  # type: ignore[arg-type]  # chosen by tests


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Model:
    settings.GENERATOR = "transformers"
    made = Model()
    monkeypatch.setattr(composing, "engine", lambda: made)
    monkeypatch.setattr(queueing, "enqueue_composition", lambda key: None)
    return made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, desk_events.Composition]]:
    events: list[Any] = []
    monkeypatch.setattr(publishing, "publish_desk", lambda group, event: events.append((group, event)))
    return events


@pytest.fixture
def conversation() -> Conversation:
    return factories.conversation(language="en")


def asked(conversation: Conversation, text: str = TEXT, style: composing.Style = "shorter") -> tuple[str, int]:
    agent = factories.user()
    return composing.ask(conversation_id=conversation.pk, agent=agent, text=text, style=style), agent.pk


def test_the_desks_of_the_agent_are_told_the_new_text(
    model: Model, told: list[tuple[str, desk_events.Composition]], conversation: Conversation
) -> None:
    key, agent_id = asked(conversation)
    composing.run(key)
    assert told == [
        (desk_events.person_group(agent_id), desk_events.Composition(key=key, text="The refund takes 5 business days."))
    ]
    assert (model.requests[0].rewrite, model.requests[0].question) == ("shorter", TEXT)
    assert model.requests[0].passages == ()
    assert not Message.objects.exists()


def test_two_workers_reword_one_text_once(
    model: Model, told: list[tuple[str, desk_events.Composition]], conversation: Conversation
) -> None:
    key, _agent = asked(conversation)
    composing.run(key)
    composing.run(key)
    assert len(model.requests) == len(told) == 1


@pytest.mark.parametrize(
    "text", ["The refund takes 3 business days.", "See https://evil.test for 5 business days.", ""]
)
def test_a_text_that_changed_a_fact_is_not_shown(
    model: Model, told: list[tuple[str, desk_events.Composition]], conversation: Conversation, text: str
) -> None:
    model.text = text
    key, _agent = asked(conversation)
    composing.run(key)
    assert (told[0][1].text, told[0][1].code) == ("", "changed")
    assert told[0][1].message


def test_a_translation_is_asked_for_in_the_customers_language(model: Model, conversation: Conversation) -> None:
    factories.posted(conversation, "我的退款什么时候到账？")
    model.text = "退款需要 5 个工作日。"
    key, _agent = asked(conversation, style="translate")
    composing.run(key)
    assert model.requests[0].language.startswith("zh")


@pytest.mark.parametrize(
    ("engine", "reason", "code"),
    [("extractive", "stop", "not_now"), ("transformers", "length", "too_long"), ("transformers", "error", "failed")],
)
def test_a_model_that_cannot_is_named_in_a_sentence(
    model: Model,
    told: list[tuple[str, desk_events.Composition]],
    conversation: Conversation,
    engine: str,
    reason: str,
    code: str,
) -> None:
    model.engine, model.reason = engine, reason
    key, _agent = asked(conversation)
    composing.run(key)
    assert (told[0][1].text, told[0][1].code) == ("", code)


def test_a_failing_engine_ends_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    model: Model,
    told: list[tuple[str, desk_events.Composition]],
    conversation: Conversation,
) -> None:
    def broken() -> Any:
        raise RuntimeError("no index")

    monkeypatch.setattr(composing, "engine", broken)
    key, _agent = asked(conversation)
    composing.run(key)
    assert told[0][1].code == "failed"
    assert "no index" not in told[0][1].message


def test_a_worker_whose_places_are_taken_says_so_at_once(
    model: Model, told: list[tuple[str, desk_events.Composition]], conversation: Conversation
) -> None:
    taken = 0
    while composing._places.acquire(blocking=False):
        taken += 1
    try:
        key, _agent = asked(conversation)
        composing.run(key)
    finally:
        for _number in range(taken):
            composing._places.release()
    assert told[0][1].code == "not_now"
    assert model.requests == []


def test_nobody_is_told_of_a_text_that_waited_too_long(
    model: Model,
    told: list[tuple[str, desk_events.Composition]],
    conversation: Conversation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, _agent = asked(conversation)
    monkeypatch.setattr(composing, "WAIT_SECONDS", -1.0)
    composing.run(key)
    composing.run("nobody-gave-this-out")
    assert told == model.requests == []


def test_without_a_model_that_writes_nothing_is_asked(conversation: Conversation, settings: Any) -> None:
    settings.GENERATOR = "extractive"
    with pytest.raises(Refusal) as refused:
        asked(conversation)
    assert refused.value.code == "not_available"


@pytest.mark.parametrize(("text", "code"), [("", "empty_message"), ("x" * 2001, "message_too_long")])
def test_texts_of_no_size_are_refused(model: Model, conversation: Conversation, text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        asked(conversation, text=text)
    assert refused.value.code == code


def test_one_agent_cannot_keep_the_engine_busy(model: Model, conversation: Conversation) -> None:
    cache.clear()
    agent = factories.user()

    def ask() -> None:
        composing.ask(conversation_id=conversation.pk, agent=agent, text=TEXT, style="shorter")

    for _number in range(composing.RATE.count):
        ask()
    with pytest.raises(Refusal) as refused:
        ask()
    assert refused.value.code == "rate_limited"


def test_the_engine_is_the_one_that_answers_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    from finetune import engine_pool

    built: list[str] = []
    monkeypatch.setattr(replying, "answerer", lambda: built.append("answerer"))
    monkeypatch.setattr(engine_pool, "get_engine", lambda: "engine" if built else "too early")
    assert composing.engine() == "engine"
