"""The sample's conversations: many and mixed, true to the documents, loaded once, as if they had just happened."""

import json
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chatbot.accounts.models import Team, User
from chatbot.conversations import access
from chatbot.conversations.drafts import suggestions
from chatbot.conversations.models import (
    Activity,
    Citation,
    Contact,
    Conversation,
    ConversationRating,
    Inbox,
    Mention,
    Message,
    OutboundEmail,
    PageView,
    ReplyJob,
    Suggestion,
)
from chatbot.knowledge import sample_company, sample_conversations, sample_traces
from chatbot.knowledge.sample_company import SAMPLE
from retrieval.models import Document, Passage, Source

ROWS = list(sample_conversations.rows())
MODELS = re.compile(r"Cairn 2|石堆 2 代|Nook 2|角落 2|Rook \d+|Glowmoth \d+R?|Pay in 3|cairn-2")


def quiet(*_args: Any) -> None:
    pass


@cache
def text_of(path: str) -> str:
    return sample_conversations.squeezed(sample_company.read_markdown(path, (SAMPLE / path).read_bytes()))


def cited() -> list[tuple[str, dict[str, Any], str]]:
    """(id, message, everything it quotes)."""
    return [
        (row["conversation_id"], message, " ".join(one["quote"] for one in message["citations"]))
        for row in ROWS
        for message in row["messages"]
        if "citations" in message
    ]


def test_there_are_many_of_every_kind() -> None:
    kinds = Counter(row["kind"] for row in ROWS)
    assert len(ROWS) >= 300
    assert (SAMPLE / "conversations.jsonl").stat().st_size < 1_500_000
    for kind, least in {"answered": 120, "abstained": 15, "handled": 80, "drafted": 40, "waiting": 10}.items():
        assert kinds[kind] >= least, kind
    assert kinds["with agent"] >= 8
    assert kinds["snoozed"] >= 3
    assert kinds["with bot"] >= 5
    assert 0.2 < sum(row["lang"] == "zh" for row in ROWS) / len(ROWS) < 0.35
    assert sum(row.get("handoff_reason") == "mood" for row in ROWS) >= 10
    lengths = [len(row["messages"]) for row in ROWS]
    assert (min(lengths), max(lengths) >= 20, max(lengths) <= 24) == (2, True, True)


def test_every_outcome_and_every_rating_occurs() -> None:
    outcomes = Counter(draft.get("outcome", "") for row in ROWS for draft in row.get("suggestions", []))
    assert all(outcomes[name] >= 8 for name in ("unchanged", "light", "rewrite", "dismissed", "ignored", "")), outcomes
    ratings = Counter(row["rating"]["value"] for row in ROWS if row.get("rating"))
    assert all(ratings[value] >= 3 for value in range(1, 6)), ratings
    assert {message["thumb"] for row in ROWS for message in row["messages"] if "thumb" in message} == {-1, 1}


def test_no_two_customers_say_the_same() -> None:
    said = [tuple(one["text"].casefold() for one in row["messages"] if one["role"] == "customer") for row in ROWS]
    assert len(set(said)) == len(said)


def test_every_cited_sentence_stands_in_its_document() -> None:
    listed = {entry["path"] for entry in sample_company.manifest()}
    drafts = [draft for row in ROWS for draft in row.get("suggestions", [])]
    for one in [one for _id, message, _quotes in cited() for one in message["citations"]] + [
        one for draft in drafts for one in draft.get("citations", [])
    ]:
        assert one["document"] in listed
        assert "archive" not in one["document"]
        assert sample_conversations.squeezed(one["quote"]) in text_of(one["document"]), one


def test_every_number_the_bot_names_stands_in_what_it_cites() -> None:
    checked = 0
    for key, message, quotes in cited():
        spoken = MODELS.sub("", re.sub(r"\[\d+\]", "", message["text"]))
        for number in re.findall(r"\d+(?:[.,:]\d+)*", spoken):
            assert number in re.findall(r"\d+(?:[.,:]\d+)*", quotes), (key, number, message["text"])
            checked += 1
    assert checked > 300


def test_every_number_of_a_draft_stands_in_some_document() -> None:
    everything = "".join(
        text_of(entry["path"]) for entry in sample_company.manifest() if "archive" not in entry["path"]
    )
    for row in ROWS:
        for draft in row.get("suggestions", []):
            for number in re.findall(r"\d+(?:[.,:]\d+)*", MODELS.sub("", draft["text"])):
                assert number in everything, draft["text"]


def test_what_became_of_a_draft_follows_from_its_text() -> None:
    for row in ROWS:
        texts = {message["id"]: message["text"] for message in row["messages"]}
        for draft in row.get("suggestions", []):
            if "sent" in draft:
                outcome, distance = suggestions.outcome_of(draft["text"], texts[draft["sent"]])
                assert (outcome, round(distance, 4)) == (draft["outcome"], draft["edit_distance"])
            else:
                assert draft.get("outcome", "") in ("", "dismissed", "ignored")


def test_confidence_tells_good_drafts_from_bad_ones() -> None:
    by_outcome: dict[str, list[float]] = {}
    for row in ROWS:
        for draft in row.get("suggestions", []):
            by_outcome.setdefault(draft.get("outcome", ""), []).append(draft["confidence"])
    means = [
        sum(found) / len(found) for found in map(by_outcome.__getitem__, ("unchanged", "light", "rewrite", "dismissed"))
    ]
    assert all(better > worse for better, worse in pairwise(means)), means


def test_messages_follow_each_other_and_names_are_invented() -> None:
    for row in ROWS:
        times = [message["at"] for message in row["messages"]]
        assert times == sorted(times), row["conversation_id"]
        assert row["contact"].get("email", "x@customer.example").endswith("@customer.example")


@pytest.fixture
def shop(db: None) -> Inbox:
    """The sample's documents by name, its inbox and its people; no index."""
    source = Source.objects.create(kind=Source.Kind.FOLDER, name="Sample company")
    Document.objects.bulk_create(
        Document(source=source, key=entry["path"], title=entry["title"], url=entry["url"], status="ready")
        for entry in sample_company.manifest()
    )
    inbox = sample_company.load_inbox([])
    for username in ("admin", "agent", "analyst"):
        user = User.objects.create(username=username)
        user.groups.add(Group.objects.get_or_create(name=username)[0])
    sample_traces.load_staff(inbox)
    return inbox


@pytest.fixture
def few(shop: Inbox, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """As `shop`, with every sixth conversation: quick to load."""
    monkeypatch.setattr(sample_conversations, "rows", lambda: iter(ROWS[::6]))
    return shop


def test_loading_twice_doubles_nothing_and_all_looks_as_if_it_had_just_happened(shop: Inbox) -> None:
    assert sample_conversations.load(inbox=shop, progress=quiet) == len(ROWS)
    before = [model.objects.count() for model in (Conversation, Message, Contact, Suggestion, Activity, PageView)]
    sample_traces.load_staff(shop)
    assert sample_conversations.load(inbox=shop, progress=quiet) == 0
    assert before == [
        model.objects.count() for model in (Conversation, Message, Contact, Suggestion, Activity, PageView)
    ]
    assert before[0] == len(ROWS)
    assert before[1] == sum(len(row["messages"]) for row in ROWS)
    _looks_as_if_it_had_just_happened()


def _looks_as_if_it_had_just_happened() -> None:
    now = timezone.now()
    assert not Message.objects.filter(created_at__gt=now).exists()
    assert (now - Conversation.objects.order_by("created_at")[0].created_at).days <= 60
    waiting = Conversation.objects.filter(state="waiting")
    assert waiting.count() >= 10
    assert all(row.waiting_since and row.unanswered_since and row.assignee_id is None for row in waiting)
    assert all((now - row.waiting_since).total_seconds() < 3600 for row in waiting if row.waiting_since)
    with_agent = Conversation.objects.filter(state="agent")
    assert all(row.assignee_id and row.first_replied_at for row in with_agent)
    assert with_agent.filter(snoozed_until__gt=now).count() >= 3
    assert set(with_agent.values_list("assignee__username", flat=True)) >= {"agent", "jonas", "mei"}
    assert Suggestion.objects.filter(state="ready", outcome="", conversation__state="waiting").count() >= 10
    assert Contact.objects.filter(last_seen_at=None).count() == 0
    assert Mention.objects.exists()
    assert {kind for (kind,) in Activity.objects.values_list("kind").distinct()} >= {"handoff", "taken", "resolved"}
    assert not Activity.objects.filter(kind="imported").exists()


def test_loading_queues_and_sends_nothing(few: Inbox, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        sample_conversations.load(inbox=few, progress=quiet)
    assert callbacks == []
    assert not ReplyJob.objects.exists()
    assert not OutboundEmail.objects.exists()
    assert not Suggestion.objects.filter(state__in=["queued", "running"]).exists()


def test_a_rating_belongs_to_who_handled_it(few: Inbox) -> None:
    sample_conversations.load(inbox=few, progress=quiet)
    for rating in ConversationRating.objects.select_related("conversation"):
        assert rating.agent_id == rating.conversation.assignee_id
        assert rating.conversation.state == "resolved"


def test_citations_name_the_passage_once_there_is_an_index(few: Inbox) -> None:
    named = next(one for row in ROWS[::6] for message in row["messages"] for one in message.get("citations", []))
    document, quote = Document.objects.get(key=named["document"]), named["quote"]
    passage = Passage.objects.create(
        document=document,
        ordinal=0,
        text=f"Before.\n{quote} After.",
        start=0,
        end=9,
        heading_path=["Returns", "How long"],
    )
    sample_conversations.load(inbox=few, progress=quiet)
    found = Citation.objects.filter(passage_id=passage.pk).first()
    assert found is not None
    assert (found.document_id, found.heading, found.url) == (document.pk, "Returns › How long", document.url)
    assert found.text == passage.text
    assert not Citation.objects.filter(document_id=0).exists()


def test_the_demos_people_share_two_teams_and_cannot_sign_in(shop: Inbox) -> None:
    assert Team.objects.count() == 2
    names = set(access.agents(shop).values_list("username", flat=True))
    assert names == {"admin", "agent", "jonas", "amara", "mei"}
    assert not any(User.objects.get(username=name).has_usable_password() for name in sample_traces.AGENTS)


def test_what_an_admin_changed_in_the_demo_stays(shop: Inbox) -> None:
    User.objects.filter(username="mei").update(first_name="Mei")
    shop.members.set(User.objects.filter(username="mei"))
    Team.objects.get(name="Shanghai").members.clear()
    sample_traces.load_staff(shop)
    assert User.objects.get(username="mei").first_name == "Mei"
    assert [user.username for user in shop.members.all()] == ["mei"]
    assert not Team.objects.get(name="Shanghai").members.exists()


def test_the_file_can_be_made_again_and_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.syspath_prepend(SAMPLE)  # it is run as a script, with the module beside it

    place = SAMPLE / "make_conversations.py"
    spec = importlib.util.spec_from_file_location("make_conversations", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        made = module.Maker(20261124).everything()
    finally:
        del sys.modules[spec.name]
    assert json.loads(json.dumps(made)) == ROWS
