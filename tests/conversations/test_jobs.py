"""Reply jobs survive everything: two workers, dead workers, errors, a customer who keeps writing."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from chatbot.conversations import jobs, leases, selectors, services
from chatbot.conversations.live import streams
from chatbot.conversations.models import AnswerCard, Citation, Conversation, Message, ReplyJob
from tests import factories

pytestmark = pytest.mark.django_db


def claimed(conversation: Conversation) -> jobs.Claim:
    job = ReplyJob.objects.filter(conversation=conversation, state="queued").latest("pk")
    claim = jobs.claim(job_id=job.pk)
    assert claim is not None
    return claim


def test_a_job_is_claimed_once() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = claimed(conversation)
    assert jobs.claim(job_id=claim.job_id) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_claim_at_once_one_gets_the_job() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    job_id = ReplyJob.objects.get().pk
    won: list[jobs.Claim] = []
    barrier = threading.Barrier(8)

    def compete() -> None:
        barrier.wait()
        claim = jobs.claim(job_id=job_id)
        if claim:
            won.append(claim)
        connection.close()

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_the_answer_its_sources_and_its_card_are_written_together() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = claimed(conversation)
    assert jobs.finish(claim=claim, reply=factories.bot_reply())
    answer = selectors.messages_after(conversation_id=conversation.pk, seq=1)[0]
    assert (answer.role, answer.job, answer.citations[0].title) == ("bot", claim.job_id, "Refunds")
    assert AnswerCard.objects.get().confidence == 0.9
    assert ReplyJob.objects.get().state == "done"


def test_finishing_twice_writes_once() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = claimed(conversation)
    assert jobs.finish(claim=claim, reply=factories.bot_reply()) is True
    assert jobs.finish(claim=claim, reply=factories.bot_reply()) is False
    assert Message.objects.filter(role="bot").count() == 1
    assert Citation.objects.count() == 1


def test_what_a_customer_writes_before_the_claim_is_answered_together() -> None:
    conversation = factories.conversation()
    for text in ("Hi", "I have a question", "Can I return worn shoes?"):
        factories.posted(conversation, text)
    claim = claimed(conversation)
    assert [message.text for message in claim.messages] == ["Hi", "I have a question", "Can I return worn shoes?"]
    assert jobs.finish(claim=claim, reply=factories.bot_reply())
    answer = Message.objects.get(role="bot")
    assert [(job.state, job.answer) for job in ReplyJob.objects.order_by("pk")] == [
        ("absorbed", answer),
        ("absorbed", answer),
        ("done", answer),
    ]


def test_what_is_written_during_an_answer_gets_its_own(django_capture_on_commit_callbacks) -> None:  # type: ignore[no-untyped-def]
    conversation = factories.conversation()
    factories.posted(conversation, "first")
    first = claimed(conversation)
    factories.posted(conversation, "second")
    second_job = ReplyJob.objects.latest("pk").pk
    assert jobs.claim(job_id=second_job) is None
    jobs.finish(claim=first, reply=factories.bot_reply())
    second = jobs.claim(job_id=second_job)
    assert second is not None
    assert [message.text for message in second.messages] == ["second"]


def test_a_dead_workers_job_is_put_back_and_its_late_answer_refused() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    dead = claimed(conversation)
    _expire()
    jobs.recover()
    alive = claimed(conversation)
    assert alive.attempt == dead.attempt + 1
    assert jobs.finish(claim=dead, reply=factories.bot_reply("late")) is False
    assert jobs.finish(claim=alive, reply=factories.bot_reply("right")) is True
    assert [m.text for m in Message.objects.filter(role="bot")] == ["right"]


def test_a_live_lease_is_left_alone() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claimed(conversation)
    jobs.recover()
    assert ReplyJob.objects.get().state == "running"


def test_the_heartbeat_extends_leases_and_notices_a_cancelled_job() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = claimed(conversation)
    ReplyJob.objects.update(lease_until=timezone.now() + timedelta(seconds=1))
    leases.heartbeat.beat([claim])
    assert ReplyJob.objects.get().lease_until > timezone.now() + timedelta(seconds=5)
    assert not claim.lost.is_set()
    services.ask_person(conversation_id=conversation.pk)
    leases.heartbeat.beat([claim])
    assert claim.lost.is_set()


def test_a_failing_job_is_tried_again_later_and_ends_with_a_person(settings) -> None:  # type: ignore[no-untyped-def]
    settings.REPLY_ATTEMPTS = 2
    conversation = factories.conversation()
    factories.posted(conversation)
    first = claimed(conversation)
    jobs.release(claim=first, error="boom", delay_seconds=60)
    job = ReplyJob.objects.get()
    assert job.state == "queued"
    assert jobs.claim(job_id=job.pk) is None, "not due yet"
    ReplyJob.objects.update(available_at=timezone.now())
    jobs.release(claim=claimed(conversation), error="boom")
    conversation.refresh_from_db()
    assert ReplyJob.objects.get().state == "failed"
    assert conversation.state == "waiting"
    assert Message.objects.get(role="bot").offer_person


def test_an_orderly_release_does_not_count_as_an_attempt() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    for _ in range(10):
        jobs.release(claim=claimed(conversation))
    assert ReplyJob.objects.get().attempt == 0


def test_a_worker_that_dies_on_every_attempt_does_not_loop(settings) -> None:  # type: ignore[no-untyped-def]
    settings.REPLY_ATTEMPTS = 2
    conversation = factories.conversation()
    factories.posted(conversation)
    for _ in range(2):
        claimed(conversation)
        _expire()
        jobs.recover()
    assert ReplyJob.objects.get().state == "failed"
    conversation.refresh_from_db()
    assert conversation.state == "waiting"


def test_an_inbox_at_its_limit_waits_and_others_do_not(settings) -> None:  # type: ignore[no-untyped-def]
    settings.LIMIT_GENERATIONS_PER_INBOX = 1
    busy, other = factories.inbox(), factories.inbox()
    first, second = factories.conversation(inbox=busy), factories.conversation(inbox=busy)
    elsewhere = factories.conversation(inbox=other)
    for conversation in (first, second, elsewhere):
        factories.posted(conversation)
    claimed(first)
    assert jobs.claim(job_id=ReplyJob.objects.get(conversation=second).pk) is None
    claimed(elsewhere)


def test_jobs_of_a_vanished_process_on_this_host_go_back_at_the_start() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claimed(conversation)
    host = leases.WORKER.split(":")[0]
    ReplyJob.objects.update(worker=f"{host}:999999999:abc")
    assert leases.give_back_of_dead_workers() == 1
    assert ReplyJob.objects.get().state == "queued"


def test_a_handoff_by_the_bot_writes_the_answer_then_one_notice() -> None:
    conversation = factories.conversation()
    factories.agent_there(conversation.inbox)
    factories.posted(conversation)
    reply = factories.bot_reply("I do not know.", kind="abstain", hand_off="abstained")
    assert jobs.finish(claim=claimed(conversation), reply=reply)
    assert [m.kind for m in Message.objects.order_by("seq")] == ["text", "abstain", "handoff"]
    conversation.refresh_from_db()
    assert (conversation.state, conversation.handoff_reason) == ("waiting", "abstained")


def test_a_late_joiner_reads_the_running_text_and_a_finished_one_is_not_shown() -> None:
    conversation = factories.conversation()
    factories.posted(conversation)
    claim = claimed(conversation)
    writer = streams.StreamWriter(conversation_id=conversation.pk, job_id=claim.job_id, attempt=claim.attempt)
    writer.stage("writing")
    writer.write("Refunds take ")
    writer.write("5 days")
    writer.flush()
    snapshot = selectors.snapshot(conversation_id=conversation.pk, last_seq=0)
    assert snapshot.stream is not None
    assert snapshot.stream.text == "Refunds take 5 days"
    assert snapshot.busy
    jobs.finish(claim=claim, reply=factories.bot_reply())
    after = selectors.snapshot(conversation_id=conversation.pk, last_seq=1)
    assert (after.stream, after.busy, [m.seq for m in after.messages]) == (None, False, [2])


def _expire() -> None:
    ReplyJob.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
