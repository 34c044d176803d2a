"""Inboxes: one per widget, with its look, its people, its hours and how freely the bot answers."""

import secrets

from django.conf import settings
from django.db import models

from chatbot.accounts.models import Team


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
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="inboxes")
    """Agents who see and answer this inbox's conversations; admins and analysts see all."""
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="inboxes")
    """Who gets its handoffs; empty: all members."""
    time_zone = models.CharField(max_length=60, default="UTC")
    hours = models.JSONField(default=dict, blank=True)
    """Business hours, day -> list of [from, to], for example {"mon": [["09:00", "17:30"]]}. Empty: always open."""
    holidays = models.JSONField(default=list, blank=True)
    """ISO dates on which nobody works."""
    handoff_words = models.JSONField(default=list, blank=True)
    """Words or phrases of a customer that hand the conversation to a person at once."""
    handoff_after = models.PositiveSmallIntegerField(default=2)
    """Times in a row that the bot may not know before it hands over."""
    handoff_on_mood = models.BooleanField(default=True)
    """Hand over when a customer sounds angry."""
    auto_confidence = models.FloatField(default=0.5)
    """In `auto`, an answer below this confidence becomes a draft for an agent (0..1)."""
    review_share = models.FloatField(default=0.0)
    """Share of the answers above it that go to an agent as drafts all the same, so that the figures stay honest."""
    ask_rating = models.BooleanField(default=True)
    """Ask the customer once for 1 to 5 stars after a conversation is resolved."""
    email_from = models.EmailField(blank=True)
    """Sender of e-mails to customers who have left; empty: the server's default."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "inboxes"

    def __str__(self) -> str:
        return self.name
