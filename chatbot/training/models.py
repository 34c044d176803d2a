"""Where examples come from, and what people decided about them. The one link between conversations and learning."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from chatbot.conversations.models import Contact, Conversation, Inbox, Message, Suggestion
from finetune.models import Evaluation, Example


class HarvestRule(models.Model):
    """What of one inbox's conversations may become examples. Off until an admin turns it on."""

    inbox = models.OneToOneField(Inbox, on_delete=models.CASCADE, related_name="harvest_rule")
    enabled = models.BooleanField(default=False)
    require_consent = models.BooleanField(default=True)
    """Only conversations whose customer agreed."""
    min_rating = models.PositiveSmallIntegerField(null=True, blank=True)
    """Stars that a rated conversation needs; conversations without a rating pass."""
    replies = models.BooleanField(default=True)
    """Agents' own replies."""
    suggestions = models.BooleanField(default=True)
    """Drafts that an agent sent, edited or not."""
    per_contact = models.PositiveSmallIntegerField(default=20)
    """Examples of one customer at most, over all time."""
    per_agent = models.PositiveSmallIntegerField(default=2000)
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"harvest of {self.inbox_id}: {'on' if self.enabled else 'off'}"


class Consent(models.Model):
    """Whether a customer agreed that a conversation is learnt from. No row: not asked, which is no."""

    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="consent")
    granted = models.BooleanField()
    said_by = models.CharField(max_length=20, default="customer")
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.conversation_id} {'granted' if self.granted else 'refused'}"


class Provenance(models.Model):
    """What an example was made from. Found again when a customer is erased or an agent's work is doubted."""

    example = models.OneToOneField(Example, on_delete=models.CASCADE, related_name="provenance")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    conversation = models.ForeignKey(Conversation, null=True, on_delete=models.SET_NULL, related_name="+")
    trigger = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    target = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    """The message that is the answer."""
    suggestion = models.ForeignKey(Suggestion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    inbox = models.ForeignKey(Inbox, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"example {self.example_id} from {self.conversation_id}"


class Diagnosis(models.Model):
    """Why an answer was bad, found by asking again with the right passage: and what was done about it."""

    class Route(models.TextChoices):
        BEHAVIOUR = "behaviour"
        """Wrong although the passage was there: an example."""
        RETRIEVAL = "retrieval"
        """Right once the passage was there: search has to find it."""
        KNOWLEDGE = "knowledge"
        """No document says it: an article has to be written."""

    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="diagnoses")
    suggestion = models.ForeignKey(Suggestion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    question = models.TextField()
    wanted = models.TextField(blank=True)
    """The answer that a person says is right."""
    passage_id = models.BigIntegerField(null=True, blank=True)
    """The passage that a person says is the right one."""
    route = models.CharField(max_length=10, choices=Route)
    chosen = models.CharField(max_length=10, choices=Route, blank=True)
    """What a person chose instead; empty: the route stands."""
    evidence = models.JSONField(default=dict)
    """Both answers, confidences, ranks of the passage: what the route rests on."""
    article = models.TextField(blank=True)
    example = models.ForeignKey(Example, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "diagnoses"

    def __str__(self) -> str:
        return f"{self.chosen or self.route}: {self.question[:40]}"


class Vote(models.Model):
    """A blind choice between two answers of an evaluation; which was which is not shown before."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="votes")
    question = models.CharField(max_length=64)
    """Key of the question in answers.jsonl."""
    choice = models.CharField(
        max_length=10, choices=[("candidate", "candidate"), ("current", "current"), ("tie", "tie")]
    )
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "question", "voter"], name="one_vote_per_question")
        ]

    def __str__(self) -> str:
        return f"{self.evaluation_id}/{self.question}: {self.choice}"


class Erasure(models.Model):
    """An erasure on its way, and afterwards its receipt: what went and what rests on it, without anything personal.

    The steps that are done stand in `work`; whoever finds an unfinished one goes on where it stopped.
    """

    subject = models.CharField(max_length=64, unique=True)
    """Keyed hash of the contact's number, so that the same request is recognised."""
    asked_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=200, blank=True)
    receipt = models.JSONField(default=dict)
    """Counts and digests: rows of each table, files, examples, datasets, adapters."""
    at = models.DateTimeField(default=timezone.now)
    contact_number = models.BigIntegerField(null=True, blank=True)
    """Whom it is about, until it is done."""
    work = models.JSONField(default=dict, blank=True)
    """Steps that are done, and the numbers that the others need; emptied at the end."""
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)

    def __str__(self) -> str:
        return f"erasure {self.pk} at {self.at:%Y-%m-%d}"
