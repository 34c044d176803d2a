"""Browsers that hold a visitor token, and identity tokens that were used. Who people are is `Contact`'s business."""

import uuid

from django.db import models
from django.utils import timezone

from chatbot.conversations.models import Contact, Inbox


class Visitor(models.Model):
    """One browser at one inbox. Its token names `public_id` and `generation`; see `visitors.py` for the rotation."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="visitors")
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.CASCADE, related_name="visitors")
    """None until there is something to keep: a conversation, an identity, a context."""
    generation = models.PositiveIntegerField(default=1)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    """When the browser first showed a token of this generation: proof that the rotation reached it."""
    rotated_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    """Logged out or switched to another identity: no token of this visitor is accepted any more."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["rotated_at"])]

    def __str__(self) -> str:
        return str(self.public_id)


class IdentityUse(models.Model):
    """An identity token that was accepted once. Kept until it has expired anyway."""

    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="identity_uses")
    jti = models.CharField(max_length=120)
    visitor = models.ForeignKey(Visitor, null=True, on_delete=models.SET_NULL, related_name="identity_uses")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["inbox", "jti"], name="identity_token_once")]

    def __str__(self) -> str:
        return self.jti
