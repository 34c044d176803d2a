"""Conversations and their messages, with sources, answer cards and ratings."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from chatbot.accounts.models import Team
from chatbot.conversations.models.contacts import Contact
from chatbot.conversations.models.inboxes import Inbox


class Conversation(models.Model):
    """A numbered row of messages between one contact and bot or people. States: see `transitions.py`."""

    class State(models.TextChoices):
        BOT = "bot"
        WAITING = "waiting"
        AGENT = "agent"
        RESOLVED = "resolved"

    class Priority(models.IntegerChoices):
        LOW = -1
        NORMAL = 0
        HIGH = 1
        URGENT = 2

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="conversations")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="conversations")
    state = models.CharField(max_length=10, choices=State, default=State.BOT, db_index=True)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    language = models.CharField(max_length=16, blank=True)
    last_seq = models.PositiveIntegerField(default=0)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    """Out of the lists until then, or until the customer writes."""
    tags = models.ManyToManyField("conversations.Tag", blank=True, related_name="conversations")
    topic = models.CharField(max_length=80, blank=True)
    abstentions = models.PositiveSmallIntegerField(default=0)
    """Times in a row that the bot did not know."""
    handoff_reason = models.CharField(max_length=40, blank=True)
    handoff_summary = models.TextField(blank=True)
    """For the agent who takes over: what was asked, what was tried, what is missing."""
    waiting_since = models.DateTimeField(null=True, blank=True)
    unanswered_since = models.DateTimeField(null=True, blank=True)
    """Since when a customer's message waits for an answer of a person."""
    first_replied_at = models.DateTimeField(null=True, blank=True)
    """First reply of a person."""
    resolved_at = models.DateTimeField(null=True, blank=True)
    customer_seen_seq = models.PositiveIntegerField(default=0)
    page_url = models.CharField(max_length=2000, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    preview = models.CharField(max_length=200, blank=True)
    """Beginning of the newest message, for lists."""
    preview_role = models.CharField(max_length=10, blank=True)
    email_asked = models.BooleanField(default=False)
    """The customer was asked for an e-mail address because nobody was there."""
    email_key = models.CharField(max_length=43, null=True, blank=True, unique=True)
    """Unguessable; whoever answers to the address that holds it writes into this conversation."""
    emailed_seq = models.PositiveIntegerField(default=0)
    """Up to here the customer was sent everything by e-mail."""
    import_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - as `Contact.import_key`
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["inbox", "import_key"],
                condition=Q(import_key__isnull=False),
                name="imported_conversation_once_per_inbox",
            )
        ]
        indexes = [
            models.Index(fields=["contact", "-updated_at"]),
            models.Index(fields=["inbox", "state", "-last_message_at"]),
            models.Index(fields=["assignee", "state"]),
        ]

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
        AWAY = "away"
        """Nobody is there now: the customer may leave an e-mail address."""

    class Via(models.TextChoices):
        CHAT = "chat"
        EMAIL = "email"
        IMPORT = "import"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()
    client_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null keeps it out of the unique constraint
    """Chosen by the sender, so that sending again is sending once."""
    role = models.CharField(max_length=10, choices=Role)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TEXT)
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    offer_person = models.BooleanField(default=False)
    via = models.CharField(max_length=10, choices=Via, default=Via.CHAT)
    canned_reply = models.ForeignKey("conversations.CannedReply", null=True, blank=True, on_delete=models.SET_NULL)
    """The canned reply that this message was made from, by the bot or by an agent."""
    created_at = models.DateTimeField(default=timezone.now)

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


class ConversationRating(models.Model):
    """What a customer thought of a resolved conversation: asked once, 1 (bad) to 5 (good)."""

    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="rating")
    asked_at = models.DateTimeField()
    value = models.PositiveSmallIntegerField(null=True, blank=True)
    comment = models.CharField(max_length=2000, blank=True)
    rated_at = models.DateTimeField(null=True, blank=True)
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    """Who handled the conversation when it was resolved; empty: the bot."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(value__isnull=True) | Q(value__gte=1, value__lte=5), name="conversation_rating_1_to_5"
            )
        ]

    def __str__(self) -> str:
        return f"{self.value or '-'}/5"
