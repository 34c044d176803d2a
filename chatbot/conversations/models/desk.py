"""What only the team sees of a conversation: notes, mentions, activities, tags, what was read; canned replies."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from chatbot.conversations.models.conversations import Conversation
from chatbot.conversations.models.inboxes import Inbox


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)
    color = models.CharField(max_length=7, default="#56605c")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    """An internal note. Not a message: customers' message numbers have no gaps, and no code path shows it to them."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    client_id = models.CharField(max_length=64)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    text = models.TextField()
    after_seq = models.PositiveIntegerField()
    """The newest message when it was written: where it stands in the conversation."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "client_id"], name="note_client_id_once")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.conversation_id} note {self.pk}"


class Mention(models.Model):
    """Somebody was named in a note."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions")
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["note", "user"], name="mention_once_per_note")]

    def __str__(self) -> str:
        return f"@{self.user_id} in {self.note_id}"


class Activity(models.Model):
    """Something that was done to a conversation: taken, assigned, tagged, snoozed, resolved. Shown in its timeline."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="activities")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    """Empty: the customer, the bot or a rule; `detail` says which."""
    kind = models.CharField(max_length=20)
    detail = models.JSONField(default=dict, blank=True)
    after_seq = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "activities"

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.kind}"


class ReadMark(models.Model):
    """Up to which message a member of the team has read a conversation."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="read_marks")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="read_marks")
    seq = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "conversation"], name="read_mark_once")]

    def __str__(self) -> str:
        return f"{self.user_id} read {self.conversation_id}/{self.seq}"


class CannedReply(models.Model):
    """A text that was agreed on. Agents insert it with /shortcut; the bot uses it where it is sure of the question."""

    title = models.CharField(max_length=120)
    shortcut = models.SlugField(max_length=40, unique=True, allow_unicode=True)
    texts = models.JSONField(default=dict)
    """Language code -> text; {{customer}}, {{agent}}, {{company}} and other variables are filled in."""
    inboxes = models.ManyToManyField(Inbox, blank=True, related_name="canned_replies")
    """Where it may be used; none means everywhere."""
    for_bot = models.BooleanField(default=False)
    """The bot may answer with it when a question is close enough to the examples."""
    active = models.BooleanField(default=True)
    uses = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["title"]
        verbose_name_plural = "canned replies"

    def __str__(self) -> str:
        return self.title


class CannedExample(models.Model):
    """A question that its canned reply answers."""

    canned_reply = models.ForeignKey(CannedReply, on_delete=models.CASCADE, related_name="examples")
    text = models.CharField(max_length=500)
    language = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text
