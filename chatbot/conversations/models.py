"""The record: inboxes, contacts, conversations, messages and the jobs that answer them.

Writes go through `services.py`, reads through `selectors.py`. Nothing here publishes or enqueues.
"""

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


def new_inbox_key() -> str:
    return "pk_" + secrets.token_urlsafe(18)


def new_inbox_secret() -> str:
    return secrets.token_urlsafe(48)


class Inbox(models.Model):
    """One widget on one or more web sites, with its look, its knowledge and how freely the bot answers."""

    class Mode(models.TextChoices):
        AUTO = "auto"
        DRAFT = "draft"
        OFF = "off"

    class Position(models.TextChoices):
        RIGHT = "right"
        LEFT = "left"

    name = models.CharField(max_length=120)
    key = models.CharField(max_length=60, unique=True, default=new_inbox_key)
    """Public; stands in the page that embeds the widget."""
    secret = models.CharField(max_length=120, default=new_inbox_secret)
    """Signs identity tokens on the company's server. Never leaves the two servers."""
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.AUTO)
    active = models.BooleanField(default=True)
    allowed_origins = models.JSONField(default=list, blank=True)
    """Origins (scheme://host[:port]) whose pages may show the widget. Empty: none."""
    title = models.CharField(max_length=80, blank=True)
    color = models.CharField(max_length=7, default="#1f6feb")
    greeting = models.JSONField(default=dict, blank=True)
    """Language code -> greeting, for example {"en": "Hi!", "zh-hans": "你好！"}."""
    suggested_questions = models.JSONField(default=dict, blank=True)
    """Language code -> list of questions."""
    language = models.CharField(max_length=16, blank=True)
    """Forces the widget's language; empty follows the host page, then the browser."""
    position = models.CharField(max_length=5, choices=Position, default=Position.RIGHT)
    company = models.CharField(max_length=120, blank=True)
    collections = models.JSONField(default=list, blank=True)
    """Collections of documents the bot may use; empty means all."""
    require_identity = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "inboxes"

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """A customer. Anonymous until a signed identity token names an `external_id`."""

    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="contacts")
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - null keeps it out of the unique constraint
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    context = models.JSONField(default=dict, blank=True)
    """What the host page said about the visitor; untrusted."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["inbox", "external_id"],
                condition=Q(external_id__isnull=False),
                name="contact_once_per_inbox",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.external_id or f"visitor {self.pk}"


class Conversation(models.Model):
    """A numbered row of messages between one contact and bot or people. States: see `transitions.py`."""

    class State(models.TextChoices):
        BOT = "bot"
        WAITING = "waiting"
        AGENT = "agent"
        RESOLVED = "resolved"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="conversations")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="conversations")
    state = models.CharField(max_length=10, choices=State, default=State.BOT, db_index=True)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    language = models.CharField(max_length=16, blank=True)
    last_seq = models.PositiveIntegerField(default=0)
    abstentions = models.PositiveSmallIntegerField(default=0)
    """Times in a row that the bot did not know."""
    handoff_reason = models.CharField(max_length=40, blank=True)
    waiting_since = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    customer_seen_seq = models.PositiveIntegerField(default=0)
    page_url = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        indexes = [models.Index(fields=["contact", "-updated_at"])]

    def __str__(self) -> str:
        return str(self.public_id)


class Message(models.Model):
    """One message, number `seq` of its conversation. Never changed once written."""

    class Role(models.TextChoices):
        CUSTOMER = "customer"
        BOT = "bot"
        AGENT = "agent"
        NOTICE = "notice"

    class Kind(models.TextChoices):
        TEXT = "text"
        ABSTAIN = "abstain"
        CLARIFY = "clarify"
        HANDOFF = "handoff"
        STATE = "state"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()
    client_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null keeps it out of the unique constraint
    """Chosen by the sender, so that sending again is sending once."""
    role = models.CharField(max_length=10, choices=Role)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TEXT)
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    offer_person = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_seq_once"),
            models.UniqueConstraint(
                fields=["conversation", "client_id"],
                condition=Q(client_id__isnull=False),
                name="message_client_id_once",
            ),
        ]
        ordering = ["conversation_id", "seq"]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.seq}"


class Citation(models.Model):
    """A numbered source of a bot message, with what the passage said at that time."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="citations")
    number = models.PositiveSmallIntegerField()
    passage_id = models.BigIntegerField()
    document_id = models.BigIntegerField()
    title = models.CharField(max_length=500)
    heading = models.CharField(max_length=500, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "number"], name="citation_number_once")]
        ordering = ["message_id", "number"]

    def __str__(self) -> str:
        return f"[{self.number}] {self.title}"


class AnswerCard(models.Model):
    """Why the bot said this: passages with scores, support per sentence, versions and the timing split."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="card")
    decision = models.CharField(max_length=12)
    confidence = models.FloatField(default=0.0)
    engine = models.CharField(max_length=40, blank=True)
    adapter = models.CharField(max_length=64, blank=True)
    index_version = models.CharField(max_length=64, blank=True)
    prompt_digest = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.decision} {self.confidence:.2f}"


class Rating(models.Model):
    """A customer's thumbs up (1) or down (-1) on one bot or agent message, with an optional comment."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="rating")
    value = models.SmallIntegerField()
    comment = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(value__in=[-1, 1]), name="rating_up_or_down")]

    def __str__(self) -> str:
        return f"{self.value:+d}"


class ReplyJob(models.Model):
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
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    available_at = models.DateTimeField(auto_now_add=True)
    error = models.CharField(max_length=500, blank=True)
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
