"""The pages of the canned replies: who may, what is refused with which words, and which reply would answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chatbot.accounts.models import AuditEntry, User
from chatbot.conversations.answers import composition
from chatbot.conversations.canned_replies import canned_selectors, canned_services
from chatbot.conversations.canned_replies.canned_services import CannedText
from chatbot.conversations.canned_replies.live_replies import LiveReplies
from chatbot.conversations.models import CannedExample, CannedReply
from chatbot.desk import canned_trial
from tests import factories
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db(transaction=True)

EVERYONE: Final = frozenset(["anonymous", "agent", "analyst", "admin"])
TEAM: Final = EVERYONE - {"anonymous"}
ADMIN: Final = frozenset(["admin"])
NOBODY: Final[frozenset[str]] = frozenset()
QUESTIONS: Final = "When do you open?\nWhat are your opening hours?\nAre you open on Sunday?"


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]


@pytest.fixture
def reply(db: None) -> CannedReply:
    examples = tuple(("en", line) for line in QUESTIONS.splitlines())
    return canned_services.save(
        said=CannedText("Hours", "hours", {"en": "We open at 9, {{customer}}."}, examples, for_bot=True)
    )


def form(**more: Any) -> dict[str, Any]:
    return {
        "title": "Catalogue", "shortcut": "/Catalogue", "text_en": "We print none.", "active": "on",
        "examples_en": "Do you have a catalogue?\n\nA catalogue please\nCan I get a catalogue?", **more,
    }  # fmt: skip


@dataclass(frozen=True)
class Rule:
    get: frozenset[str]
    post: frozenset[str] = NOBODY
    action: str = ""
    form: Callable[[], dict[str, Any]] = dict
    address: Callable[[CannedReply], list[Any]] = lambda _reply: []


RULES: Final[dict[str, Rule]] = {
    "desk:canned": Rule(TEAM),
    "desk:new_canned": Rule(ADMIN, ADMIN, "canned.create", form),
    "desk:change_canned": Rule(ADMIN, ADMIN, "canned.change", form, lambda reply: [reply.pk]),
    "desk:delete_canned": Rule(ADMIN, ADMIN, "canned.delete", address=lambda reply: [reply.pk]),
    "desk:try_canned": Rule(NOBODY, TEAM, form=lambda: {"question": "When do you open?"}),
    "desk:canned_trial": Rule(TEAM, address=lambda _reply: ["a-token-nobody-has"]),
}
CHANGES: Final = sorted(name for name, rule in RULES.items() if rule.action)


def client_of(role: str, **kwargs: Any) -> Client:
    client = Client(**kwargs)
    if role != "anonymous":
        client.force_login(User.objects.filter(groups__name=role).first() or factories.user(role=role))
    return client


def _ask(client: Client, name: str, method: str, reply: CannedReply) -> HttpResponse:
    rule = RULES[name]
    url = reverse(name, args=rule.address(reply))
    answer: Any = client.get(url) if method == "get" else client.post(url, rule.form())
    return answer  # type: ignore[no-any-return]


def _state() -> tuple[Any, ...]:
    return (
        sorted(CannedReply.objects.values_list("pk", "title", "shortcut", "texts__en")),
        sorted(CannedExample.objects.values_list("canned_reply_id", "text")),
        AuditEntry.objects.count(),
    )


def test_every_address_of_the_canned_replies_is_in_the_table() -> None:
    from chatbot.desk.urls import urlpatterns

    mine = {f"desk:{one.name}" for one in urlpatterns if str(one.pattern).startswith("canned/")}
    assert mine == set(RULES)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_only_the_roles_in_the_table_get_through(name: str, method: str, reply: CannedReply) -> None:
    allowed = getattr(RULES[name], method)
    before = _state()
    for role in sorted(EVERYONE - allowed):
        answer = _ask(client_of(role), name, method, reply)
        assert answer.status_code in ((302, 405) if role == "anonymous" else (403, 405)), role
        if answer.status_code == 302:
            assert answer["Location"].startswith("/login/")
        assert _state() == before, role
    for role in sorted(allowed)[:1] if RULES[name].action and method == "post" else sorted(allowed):
        assert _ask(client_of(role), name, method, reply).status_code in (200, 302), role


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_leaves_a_line_in_the_audit_log(name: str, reply: CannedReply) -> None:
    _ask(client_of("admin"), name, "post", reply)
    assert AuditEntry.objects.get(action=RULES[name].action).target.startswith("canned reply ")


@pytest.mark.parametrize("name", CHANGES)
def test_a_form_from_another_site_changes_nothing(name: str, reply: CannedReply) -> None:
    before = _state()
    assert _ask(client_of("admin", enforce_csrf_checks=True), name, "post", reply).status_code == 403
    assert _state() == before


def test_a_new_reply_is_kept_with_its_texts_and_examples() -> None:
    client_of("admin").post(reverse("desk:new_canned"), form(text_zh_hans="我们没有目录。", for_bot="on"))
    made = CannedReply.objects.get()
    assert (made.shortcut, made.texts) == ("catalogue", {"en": "We print none.", "zh-hans": "我们没有目录。"})
    assert [one.text for one in made.examples.all()][1] == "A catalogue please"


def test_a_change_keeps_untouched_examples_and_texts_of_other_languages(reply: CannedReply) -> None:
    reply.texts["fr"] = "Nous ouvrons à 9 h."
    reply.save()
    kept = reply.examples.first()
    client_of("admin").post(
        reverse("desk:change_canned", args=[reply.pk]), form(examples_en="When do you open?\nOpen today?")
    )
    reply.refresh_from_db()
    assert reply.texts == {"fr": "Nous ouvrons à 9 h.", "en": "We print none."}
    assert reply.examples.first() == kept
    assert reply.examples.count() == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"text_en": "Your {{order}} is late"}, "“order” is not a variable"),
        ({"text_en": "Your {{customer} is late"}, "“{{” is not a variable"),
        ({"text_en": ""}, "Write the text in at least one language"),
        ({"text_en": "x" * 5001}, "at most"),
        ({"shortcut": "no spaces here"}, "Use at most 40 letters"),
        ({"shortcut": "HOURS"}, "“Hours” has this shortcut already"),
        ({"for_bot": "on", "examples_en": "One?\nTwo?"}, "Give at least 3 example questions"),
        ({"for_bot": "on", "examples_zh_hans": "有目录吗？"}, "Write the text in it too"),
        ({"examples_en": "\n".join(f"Question {n}?" for n in range(101))}, "At most 100 questions"),
        ({"examples_en": "Why " + "x" * 500}, "to 400 characters"),
        ({"title": ""}, "This field is required"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_saved(reply: CannedReply, wrong: dict[str, str], words: str) -> None:
    before = _state()
    answer = client_of("admin").post(reverse("desk:new_canned"), form(**wrong))
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert _state() == before


def test_an_example_of_another_reply_is_saved_with_a_warning(reply: CannedReply) -> None:
    more = form(examples_en="when do you open?\nA\nB")
    page = client_of("admin").post(reverse("desk:new_canned"), more, follow=True).content.decode()
    assert "is an example of “Hours” as well" in page
    assert CannedReply.objects.count() == 2


def test_script_in_a_reply_is_shown_as_text(reply: CannedReply) -> None:
    script = "<script>alert(1)</script>"
    client_of("admin").post(reverse("desk:new_canned"), form(title=script, text_en=script, examples_en=script))
    page = client_of("agent").get(reverse("desk:canned")).content.decode()
    assert script not in page
    assert "&lt;script&gt;" in page


def test_an_agent_sees_replies_of_every_inbox_and_of_their_own_only(reply: CannedReply) -> None:
    mine, theirs = factories.inbox(), factories.inbox()
    for inbox, name in ((mine, "mine"), (theirs, "theirs")):
        canned_services.save(said=CannedText(name.title(), name, {"en": "Text."}, inboxes=(inbox,)))
    agent = factories.user(role="agent")
    mine.members.add(agent)
    client = Client()
    client.force_login(agent)
    page = client.get(reverse("desk:canned")).content.decode()
    assert "/hours" in page
    assert "/mine" in page
    assert "/theirs" not in page
    assert client.post(reverse("desk:try_canned"), {"question": "x", "inbox": theirs.pk}).status_code == 400


@pytest.mark.parametrize(("sought", "found"), [("九点", True), ("HOURS", True), ("nine o", False), ("\x00", True)])
def test_the_list_is_searched_by_title_shortcut_and_text(reply: CannedReply, sought: str, found: bool) -> None:
    reply.texts["zh-hans"] = "我们九点开门。"
    reply.save()
    page = client_of("agent").get(reverse("desk:canned"), {"q": sought}).content.decode()
    assert ("/hours" in page) is found
    assert ("No canned reply has these words" in page) is not found


# --- Trying a question --------------------------------------------------------------------------------
@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "live_replies", LiveReplies(HashEmbedder))


def _tried(question: str) -> str:
    client = client_of("agent")
    token = client.post(reverse("desk:try_canned"), {"question": question})["Location"].split("#")[0]
    canned_trial.run(token.rstrip("/").rsplit("/", 1)[-1])
    return client.get(token).content.decode()


def test_a_tried_question_shows_the_reply_with_score_and_threshold(live: None, reply: CannedReply) -> None:
    page = _tried("When do you open?")
    assert "The bot answers with it" in page
    assert "needed 0.50" in page
    assert "Closest examples" in page


def test_a_tried_question_out_of_scope_says_so(live: None, reply: CannedReply) -> None:
    assert "Not sure enough" in _tried("How do I clean suede?")


def test_without_examples_the_trial_says_that_the_documents_are_searched(live: None) -> None:
    assert "searches the documents" in _tried("When do you open?")


def test_a_tried_question_is_seen_by_who_asked_only(live: None) -> None:
    asker = client_of("agent")
    address = asker.post(reverse("desk:try_canned"), {"question": "x"})["Location"].split("#")[0]
    assert asker.get(address).status_code == 200
    assert client_of("analyst").get(address)["Location"] == reverse("desk:canned")


# --- What an agent may insert -------------------------------------------------------------------------
def test_an_agent_gets_the_texts_filled_in_with_the_best_for_what_was_typed_first(reply: CannedReply) -> None:
    canned_services.save(said=CannedText("Refund", "refund", {"en": "{{agent}} looks into it, {{customer}}."}))
    canned_services.save(said=CannedText("Off", "off", {"en": "Old."}, active=False))
    conversation = factories.conversation()
    agent = factories.user(first_name="Mia")
    listed = canned_selectors.for_conversation(conversation=conversation, agent=agent)
    assert {one.shortcut for one in listed} == {"hours", "refund"}
    found = canned_selectors.for_conversation(conversation=conversation, agent=agent, query="/ref")
    assert [one.text for one in found] == ["Mia looks into it."]
    assert canned_selectors.for_conversation(conversation=conversation, query="zzzzqqq") == []
