"""A logged turn answered again: what it was asked, on which parts, and that nobody else notices."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from chatbot.conversations import replying, services
from chatbot.conversations.drafts import suggesting
from chatbot.conversations.models import AnswerCard, Citation, Message, ReplyJob, Suggestion
from chatbot.training import replay as replaying_module
from chatbot.training.logged_turns import LoggedTurn, ReplayRefused, Said, Shown, context_of, of_message
from chatbot.training.replay import compared, replay
from finetune.models import Adapter, Promotion
from retrieval import search, versions
from retrieval.models import IndexVersion
from tests import factories
from tests.fakes import HashEmbedder
from tests.finetune import promoting
from tests.training.replaying import QUESTION, Engines, answered, index, page

pytestmark = pytest.mark.django_db
OLD = "# Returns\n\nWorn shoes can be returned within 30 days of delivery."
NEW = "# Returns\n\nWorn shoes can be returned within 45 days of delivery."


@pytest.fixture(autouse=True)
def _own_parts(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    settings.GENERATOR = "extractive"
    monkeypatch.setattr(search, "get_embedder", lambda _name="": HashEmbedder())
    for kept in (search.get_searcher, replying._built):
        kept.cache_clear()
    yield
    for kept in (search.get_searcher, replying._built):
        kept.cache_clear()


@pytest.fixture
def shop(transactional_db: None) -> IndexVersion:
    """Threads of the searcher read the database too, so nothing may wait in a transaction."""
    page("Returns", OLD)
    page("Shipping", "# Shipping\n\nShipping to Canada costs 9 USD.")
    return index()


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Engines:
    made = Engines(
        lambda digest: f"Worn shoes can be returned within {30 if len(digest) == 64 else 31} days of delivery [1]."
    )
    made.install(monkeypatch, settings)
    return made


# --- Index versions -----------------------------------------------------------------------------------------------
def test_after_a_page_has_changed_the_turn_is_answered_as_then_and_as_now(shop: IndexVersion) -> None:
    message = answered()
    assert "30 days" in message.text
    page("Returns", NEW)
    now = index()
    then = replay(message=message)
    assert (then.same_text, then.gained, then.lost) == (True, (), ())
    assert then.after.index_version == then.before.index_version == shop.digest
    today = replay(message=message, index="")
    assert "45 days" in today.after.text and "30 days" in today.before.text
    assert not today.same_text
    assert today.after.index_version == now.digest
    assert [one.title for one in today.gained] == [one.title for one in today.lost] == ["Returns"]
    assert today.gained[0].cited and today.lost[0].cited
    assert today.kept == 1
    assert replay(message=message, index=shop.digest).same_text
    json.dumps(asdict(today))


def test_an_index_version_that_is_gone_is_refused(shop: IndexVersion) -> None:
    message = answered()
    page("Returns", NEW)
    index()
    versions.prune(keep=0)
    with pytest.raises(ReplayRefused, match="index version is not kept"):
        replay(message=message)
    assert "45 days" in replay(message=message, index="").after.text


@pytest.mark.parametrize("digest", ["f" * 64, "../../etc", "x"])
def test_an_index_version_that_never_was_is_refused(shop: IndexVersion, digest: str) -> None:
    with pytest.raises(ReplayRefused, match="not kept"):
        replay(message=answered(), index=digest)


def test_what_was_deleted_stays_deleted_also_in_an_older_index(shop: IndexVersion) -> None:
    from retrieval import sync

    message = answered()
    page("Warranty", "# Warranty\n\nThe warranty on tents is 5 years.")
    index()
    sync.delete_documents([message.citations.get().document_id])
    again = replay(message=message, index=shop.digest)
    assert "30 days" not in again.after.text
    assert [one.title for one in again.lost] == ["Returns"]


def test_a_damaged_index_version_is_refused(shop: IndexVersion) -> None:
    message = answered()
    page("Returns", NEW)
    index()
    (versions.folder(shop) / "rows.npz").write_bytes(b"damaged")
    with pytest.raises(ReplayRefused, match="cannot be read"):
        replay(message=message)


# --- Adapters -------------------------------------------------------------------------------------------------------
def test_an_adapter_answers_again_on_an_engine_of_its_own_that_is_closed_after(
    shop: IndexVersion, engines: Engines
) -> None:
    message = answered()
    assert message.card.engine == "extractive"  # the live engine says 31 days, which no passage holds
    tried = promoting.adapter(digest="a" * 64, path=f"/adapters/{'a' * 64}")
    again = replay(message=message, adapter=tried.digest)
    assert (again.after.engine, again.after.adapter) == ("transformers", tried.digest)
    assert "30 days" in again.after.text
    assert [one.closed for one in engines.made] == [True]
    assert (engines.configs[0].adapter, engines.configs[0].batch) == (tried.path, 1)
    assert len(engines.live.requests) == 1
    assert Adapter.objects.filter(active=True).count() == Promotion.objects.count() == 0


def test_what_verification_cut_is_shown_with_who_wrote_it(shop: IndexVersion, engines: Engines) -> None:
    again = replay(message=answered(), adapter="")
    cut = [one for one in again.after.sentences if not one["kept"]]
    assert "31 days" in cut[0]["text"]
    assert cut[0]["reason"] == "a number, date or amount that no passage holds there"
    assert [(one["engine"], one["kept"]) for one in again.after.written_by] == [
        ("transformers", False), ("extractive", True),
    ]  # fmt: skip


def test_as_then_means_the_adapter_that_answered_then(shop: IndexVersion, engines: Engines) -> None:
    message = answered()
    tried = promoting.adapter(digest="b" * 64, path=f"/adapters/{'b' * 64}")
    AnswerCard.objects.filter(message=message).update(engine="transformers", adapter=tried.digest)
    message.refresh_from_db()
    assert replay(message=message).after.adapter == tried.digest


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tainted": "A customer was erased."}, "tainted"),
        ({"base_model": "other/model"}, "another base model"),
    ],
)
def test_an_adapter_that_may_not_answer_is_refused(
    shop: IndexVersion, engines: Engines, fields: dict[str, str], says: str
) -> None:
    tried = promoting.adapter(**fields)
    with pytest.raises(ReplayRefused, match=says):
        replay(message=answered(), adapter=tried.digest)
    assert engines.made == []


@pytest.mark.parametrize("digest", ["f" * 64, "../../adapters/x", "/etc/passwd"])
def test_only_adapters_of_the_registry_are_loaded(shop: IndexVersion, engines: Engines, digest: str) -> None:
    with pytest.raises(ReplayRefused, match="adapter is not kept"):
        replay(message=answered(), adapter=digest)
    assert engines.made == []


def test_without_a_model_an_adapter_is_refused_and_the_floor_answers_again(
    shop: IndexVersion, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GENERATOR_MODEL = promoting.MODEL
    with pytest.raises(ReplayRefused, match="serves no adapters"):
        replay(message=answered(), adapter=promoting.adapter().digest)
    assert replay(message=answered(), adapter="").after.engine == "extractive"


# --- Prompts ----------------------------------------------------------------------------------------------------------
def test_a_kept_version_of_the_prompt_reaches_the_engine(shop: IndexVersion, engines: Engines) -> None:
    message = answered()
    replay(message=message, adapter="", prompt=1)
    replay(message=message, adapter="")
    assert [one.prompt for one in engines.requests()] == [1, 0]
    with pytest.raises(ReplayRefused, match="prompt is not kept"):
        replay(message=message, prompt=3)


# --- What was asked ---------------------------------------------------------------------------------------------------
def test_everything_that_was_answered_together_is_asked_together_with_what_was_said_before() -> None:
    talk = factories.conversation()
    said = [("customer", "Hello"), ("bot", "Hi."), ("notice", "Ada has joined."), ("customer", "Shoes."),
            ("customer", "Worn ones?"), ("customer", "Too late for this one"), ("bot", "30 days.")]  # fmt: skip
    rows = [
        Message.objects.create(conversation=talk, seq=seq, role=role, text=text)
        for seq, (role, text) in enumerate(said, start=1)
    ]
    for at, state in ((3, "absorbed"), (4, "done")):
        ReplyJob.objects.create(conversation=talk, trigger=rows[at], answer=rows[6], state=state)
    turn = of_message(rows[6])
    assert turn.question == "Shoes.\nWorn ones?"
    assert [one.text for one in turn.history] == ["Hello", "Hi.", "Too late for this one"]
    ReplyJob.objects.all().delete()  # imported history has no jobs
    assert of_message(rows[6]).question == "Shoes.\nWorn ones?\nToo late for this one"


def test_what_the_bot_had_not_known_before_counts_again() -> None:
    talk = factories.conversation()
    said = [("customer", "Q", "text"), ("bot", "No.", "abstain"), ("customer", "Q", "text"), ("bot", "No.", "abstain")]
    for seq, (role, text, kind) in enumerate(said, start=1):
        made = Message.objects.create(conversation=talk, seq=seq, role=role, text=text, kind=kind)
    turn = of_message(made)
    assert (turn.abstentions, context_of(turn).abstentions) == (1, 1)
    assert (context_of(turn).key, context_of(turn).dial.auto_confidence) == ("", 0.0)


def test_what_nobody_asked_is_refused() -> None:
    talk = factories.conversation()
    first = Message.objects.create(conversation=talk, seq=1, role="bot", text="Hello, can I help?")
    agent = Message.objects.create(conversation=talk, seq=2, role="agent", text="I am here.")
    with pytest.raises(ReplayRefused, match="No question"):
        replay(message=first)
    with pytest.raises(ReplayRefused, match="Only what the bot"):
        replay(message=agent)
    with pytest.raises(ReplayRefused, match="not in the log"):
        replay()


def test_a_draft_is_answered_again_with_its_wish(shop: IndexVersion) -> None:
    talk = factories.conversation()
    factories.agent_there(talk.inbox)
    factories.posted(talk, QUESTION)
    services.ask_person(conversation_id=talk.pk)
    draft = Suggestion.objects.get()
    with pytest.raises(ReplayRefused, match="never finished"):
        replay(suggestion=draft)
    Suggestion.objects.update(hint="shorter")
    suggesting.run(draft.pk)
    draft.refresh_from_db()
    again = replay(suggestion=draft)
    assert again.before.text == again.after.text != ""
    assert again.question == QUESTION


def test_a_message_without_a_card_is_answered_again_too(shop: IndexVersion) -> None:
    talk = factories.conversation()
    Message.objects.create(conversation=talk, seq=1, role="customer", text=QUESTION)
    imported = Message.objects.create(conversation=talk, seq=2, role="bot", text="Three weeks.")
    again = replay(message=imported)
    assert (again.before.text, again.before.passages) == ("Three weeks.", ())
    assert "30 days" in again.after.text
    assert again.gained[0].title == "Returns"


# --- Nobody else notices --------------------------------------------------------------------------------------------
def test_nothing_is_written(shop: IndexVersion, engines: Engines) -> None:
    message = answered()
    tables = (Message, AnswerCard, Citation, ReplyJob, Suggestion, Adapter, IndexVersion)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    replay(message=message, adapter="", index="")
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_one_at_a_time_in_a_process(shop: IndexVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    message, entered, gate = answered(), threading.Event(), threading.Event()

    def slow(*_arguments: Any) -> Said:
        entered.set()
        gate.wait(30)
        return Said("", "", 0.0)

    monkeypatch.setattr(replaying_module, "_again", slow)
    thread = threading.Thread(target=_quietly, args=(message,))
    thread.start()
    assert entered.wait(30)
    with pytest.raises(ReplayRefused, match="in a moment"):
        replay(message=message)
    gate.set()
    thread.join(30)
    assert replay(message=message).after.text == ""


def _quietly(message: Message) -> None:
    from django.db import connections

    try:
        replay(message=message)
    finally:
        connections.close_all()


def test_an_answer_that_takes_too_long_is_given_up(shop: IndexVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    message = answered()
    monkeypatch.setattr(replaying_module, "SECONDS", -1.0)
    with pytest.raises(ReplayRefused, match="too long"):
        replay(message=message)
    monkeypatch.setattr(replaying_module, "SECONDS", 60.0)
    assert replay(message=message).same_text


def test_a_passage_that_was_cut_anew_with_the_same_words_is_the_same(shop: IndexVersion) -> None:
    from retrieval.models import Passage

    first = Passage.objects.get(document__title="Returns")
    copy = Passage.objects.create(document=first.document, ordinal=9, text=first.text, start=0, end=1,
        text_hash=first.text_hash, retired=True)  # fmt: skip
    before = Said("a", "answer", 1.0, passages=(Shown(copy.pk, "Returns", ""), Shown(999_999, "Gone", "")))
    after = Said("b", "answer", 1.0, passages=(Shown(first.pk, "Returns", ""),))
    found = compared(LoggedTurn(factories.conversation(), "Q", (), before), after)
    assert (found.kept, found.gained, [one.title for one in found.lost]) == (1, (), ["Gone"])
