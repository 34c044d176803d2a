"""Rows that are queues: work that is claimed, leased and finished by conditional UPDATEs (see `leases.py`)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from chatbot.conversations.models.conversations import Conversation, Message


class Leased(models.Model):
    """Work that one worker at a time holds until `lease_until`; `attempt` counts the claims."""

    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    available_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True


class ReplyJob(Leased):
    """The bot's debt to one customer message. A row here is the queue; the broker only rings."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        ABSORBED = "absorbed"
        CANCELLED = "cancelled"
        FAILED = "failed"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="jobs")
    trigger = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="job")
    answer = models.ForeignKey(Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="answers")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(state="running"), name="one_running_job_per_conversation"
            )
        ]
        indexes = [
            models.Index(fields=["state", "available_at"]),
            models.Index(fields=["state", "lease_until"]),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.trigger_id} {self.state}"


class Suggestion(Leased):
    """The model's draft for one customer message, and what became of it.

    `state` is the work's: queued, running, ready or failed; withdrawn when a newer public message made it stale.
    `outcome` is the agent's: what was done with a draft that was ready.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        WITHDRAWN = "withdrawn"

    class Outcome(models.TextChoices):
        NONE = "", "none yet"
        UNCHANGED = "unchanged"
        LIGHT = "light", "light edit"
        REWRITE = "rewrite"
        DISMISSED = "dismissed"
        IGNORED = "ignored"
        """Something else was written while this draft was on show."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="suggestions")
    trigger = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="suggestions")
    """The newest customer message it answers."""
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.NONE, blank=True)
    hint = models.CharField(max_length=300, blank=True)
    """What an agent asked for when it was made again, for example "shorter"."""
    purpose = models.CharField(max_length=10, default="assist")
    """`assist` beside a person, `draft` in a draft inbox, `unsure` below the inbox's confidence, `review` by chance."""
    text = models.TextField(blank=True)
    decision = models.CharField(max_length=12, blank=True)
    confidence = models.FloatField(default=0.0)
    citations = models.JSONField(default=list, blank=True)
    """As on a message: number, title, heading, url, text, passage_id, document_id."""
    card = models.JSONField(default=dict, blank=True)
    engine = models.CharField(max_length=40, blank=True)
    adapter = models.CharField(max_length=64, blank=True)
    index_version = models.CharField(max_length=64, blank=True)
    prompt_digest = models.CharField(max_length=64, blank=True)
    canned_reply = models.ForeignKey("conversations.CannedReply", null=True, blank=True, on_delete=models.SET_NULL)
    topic = models.CharField(max_length=80, blank=True)
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    """Who used or dismissed it."""
    sent_message = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="made_from"
    )
    edit_distance = models.FloatField(null=True, blank=True)
    """Levenshtein distance of draft and sent text over the longer one's length: 0 unchanged, 1 nothing kept."""
    dismiss_reason = models.CharField(max_length=40, blank=True)
    comment = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    shown_at = models.DateTimeField(null=True, blank=True)
    """First time an agent had it before the eyes."""
    inserted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    """When it was sent or dismissed; time to send is counted from `shown_at`."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(state="running"), name="one_running_suggestion_per_conversation"
            )
        ]
        indexes = [
            models.Index(fields=["state", "available_at"]),
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["conversation", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.trigger_id} {self.state} {self.outcome}"


class OutboundEmail(Leased):
    """An e-mail that brings a customer who has left what was said since. Sent once, tried again when it fails."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SENT = "sent"
        FAILED = "failed"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="outbound_emails")
    to = models.EmailField()
    first_seq = models.PositiveIntegerField()
    last_seq = models.PositiveIntegerField()
    email_id = models.CharField(max_length=200, unique=True)
    """The Message-ID header, chosen when queued, so that a second attempt is the same e-mail."""
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "last_seq"], name="one_email_per_conversation_and_message")
        ]
        indexes = [models.Index(fields=["state", "available_at"], name="outbound_email_due")]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.first_seq}-{self.last_seq} {self.state}"


class EmailOptOut(models.Model):
    """Somebody asked at this address to be left alone: in one conversation, or (without one) in all."""

    address = models.CharField(max_length=64)
    """SHA-256 of the address in small letters: enough to keep still, and no address is kept for it."""
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="email_opt_outs"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address", "conversation"], name="email_opt_out_once"),
            models.UniqueConstraint(
                fields=["address"], condition=Q(conversation__isnull=True), name="email_opt_out_everywhere_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address[:8]} {self.conversation_id or 'everywhere'}"


class InboundEmail(models.Model):
    """An e-mail that arrived, so that the same one is kept once, and refused ones can be explained."""

    email_id = models.CharField(max_length=300, unique=True)
    """The Message-ID header and, after a space, the conversation's number: one e-mail may answer two conversations."""
    sender = models.CharField(max_length=320, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    accepted = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    message = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="inbound_email"
    )
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.sender} {self.email_id}"
