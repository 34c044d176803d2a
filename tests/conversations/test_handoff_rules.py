"""An inbox's words and the mood decide at once, before the bot is asked."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations import services
from chatbot.conversations.handoffs import handoff
from chatbot.conversations.handoffs.handoff import Reason, Rules, decide, matching_word
from chatbot.conversations.models import Activity, Conversation, Inbox, Message, ReplyJob
from tests import factories


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("sue", "I will SUE you", True),
        ("sue", "There is an issue", False),
        ("cancel my account", "please Cancel  my\naccount now", True),
        ("cancel my account", "cancel the account", False),
        ("don't", "I don’t want it", True),
        ("退款", "我想申请退款，谢谢", True),
        ("退款", "我想退 款", True),
        ("律师", "你好", False),
        ("c++", "c plus", False),
        ("café", "Cafe\u0301 closed?", True),
        ("ＧＤＰＲ", "a gdpr request", True),
        (".*", "anything at all", False),
        ("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!", False),
    ],
)
def test_words_are_found_as_words_and_never_as_patterns(word: str, text: str, found: bool) -> None:
    assert bool(matching_word([word], text)) is found


@given(st.lists(st.text(max_size=60), max_size=5), st.text(max_size=300))
def test_no_word_and_no_text_breaks_the_rules(words: list[str], text: str) -> None:
    assert matching_word(words, text) in {"", *words}


def test_words_come_before_mood_and_both_can_be_off() -> None:
    angry = "This is unacceptable, my lawyer will call you"
    assert decide(Rules(("lawyer",)), angry) == handoff.Verdict(Reason.WORDS, "lawyer")
    assert decide(Rules(), angry) == handoff.Verdict(Reason.MOOD)
    assert decide(Rules(on_mood=False), angry) is None


def test_words_are_kept_clean_and_refused_with_advice() -> None:
    assert handoff.clean_words(["  legal   action ", "", "legal action", "律师"]) == ["legal action", "律师"]
    for words, says in (
        (["x" * 61], "at most 60"),
        (["!!!"], "no letter"),
        ([f"w{n}" for n in range(201)], "At most 200"),
    ):
        with pytest.raises(ValueError, match=says):
            handoff.clean_words(words)


def test_what_is_stored_wrongly_does_not_stop_the_chat() -> None:
    assert handoff.kept_words({"a": 1}) == ()
    assert handoff.kept_words([1, None, "  ", "ok"]) == ("ok",)


# --- Posting --------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_word_hands_over_at_once_and_the_bot_owes_nothing() -> None:
    conversation = factories.conversation(inbox=factories.inbox(handoff_words=["lawyer"]))
    factories.posted(conversation, "My lawyer will hear of this")
    conversation.refresh_from_db()
    assert (conversation.state, conversation.handoff_reason) == ("waiting", "words")
    assert "lawyer" in conversation.handoff_summary
    assert Activity.objects.get(kind="handoff").detail == {"reason": "words", "word": "lawyer"}
    assert not ReplyJob.objects.exists()
    assert Message.objects.filter(role="notice").count() == 1


@pytest.mark.django_db
def test_an_angry_customer_gets_a_person_where_the_inbox_says_so() -> None:
    for on, state in ((True, "waiting"), (False, "bot")):
        conversation = factories.conversation(inbox=factories.inbox(handoff_on_mood=on))
        factories.posted(conversation, "This is unacceptable! You people are useless!")
        conversation.refresh_from_db()
        assert conversation.state == state


@pytest.mark.django_db
def test_a_falling_mood_hands_over_with_the_third_message() -> None:
    conversation = factories.conversation()
    for text, state in (
        ("Where is my parcel?", "bot"),
        ("That does not help, I am worried and sad", "bot"),
        ("It is terrible and awful, a horrible disaster", "waiting"),
    ):
        factories.posted(conversation, text)
        conversation.refresh_from_db()
        assert conversation.state == state, text


@pytest.mark.django_db
def test_a_word_reopens_a_resolved_conversation_for_people_and_not_for_the_bot() -> None:
    conversation = factories.conversation(inbox=factories.inbox(handoff_words=["lawyer"]), state="resolved")
    factories.posted(conversation, "lawyer!")
    conversation.refresh_from_db()
    assert conversation.state == "waiting"
    assert not ReplyJob.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("mode", [Inbox.Mode.DRAFT, Inbox.Mode.OFF])
def test_a_resolved_conversation_of_an_inbox_without_bot_comes_back_to_people(mode: str) -> None:
    conversation = factories.conversation(inbox=factories.inbox(mode=mode), state="resolved")
    factories.posted(conversation)
    conversation.refresh_from_db()
    assert (conversation.state, conversation.handoff_reason) == ("waiting", "inbox_mode")
    assert not ReplyJob.objects.exists()


@pytest.mark.django_db
def test_a_person_who_has_the_conversation_keeps_it_whatever_is_written() -> None:
    inbox = factories.inbox(handoff_words=["lawyer"])
    conversation = factories.conversation(inbox=inbox, state="agent", assignee=factories.user())
    factories.posted(conversation, "lawyer lawyer, this is unacceptable")
    conversation.refresh_from_db()
    assert conversation.state == "agent"
    assert not Message.objects.filter(role="notice").exists()


@pytest.mark.django_db
def test_sending_again_does_not_hand_over_again() -> None:
    conversation = factories.conversation(inbox=factories.inbox(handoff_words=["lawyer"]))
    for _ in range(2):
        services.post_customer_message(conversation_id=conversation.pk, client_id="same-client-id", text="lawyer")
    assert Message.objects.filter(role="notice").count() == 1
    assert Conversation.objects.get().last_seq == 2


LIGHT = """
import sys
for heavy in ("numpy", "py3langid", "jieba", "Stemmer", "opencc", "torch", "sklearn", "requests"):
    sys.modules[heavy] = None
import django
django.setup()
from chatbot.conversations.handoffs import handing_over, handoff, mood, routing, summary, waiting
assert mood.of("You people are useless, this is unacceptable!").angry
assert mood.of("你们的服务太差了").angry
assert handoff.decide(handoff.Rules(("lawyer",)), "my lawyer").word == "lawyer"
print(summary.summarise([summary.Said("customer", "text", "Where is order 48213?")], reason="asked"))
"""


def test_the_rules_and_the_summary_need_nothing_that_the_web_process_lacks() -> None:
    run = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert "48213" in run.stdout
