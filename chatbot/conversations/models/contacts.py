"""Customers, and the pages they were seen on."""

from django.db import models
from django.db.models import Q

from chatbot.conversations.models.inboxes import Inbox


class Contact(models.Model):
    """A customer. Anonymous until a signed identity token names an `external_id`."""

    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="contacts")
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - null keeps it out of the unique constraint
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    context = models.JSONField(default=dict, blank=True)
    """What the host page said about the visitor; untrusted."""
    email_verified = models.BooleanField(default=False)
    """The company vouched for the address, or the customer answered from it; else it is what somebody typed."""
    last_seen_at = models.DateTimeField(null=True, blank=True)
    import_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - null keeps it out of the unique constraint
    """Names an imported person, so that importing again is importing once. Never a login: see `external_id`."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["inbox", "external_id"],
                condition=Q(external_id__isnull=False),
                name="contact_once_per_inbox",
            ),
            models.UniqueConstraint(
                fields=["inbox", "import_key"],
                condition=Q(import_key__isnull=False),
                name="imported_contact_once_per_inbox",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id or f"visitor {self.pk}"


class PageView(models.Model):
    """A page on which a customer had the chat. The newest few are kept; address and title are untrusted."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="page_views")
    url = models.CharField(max_length=2000)
    title = models.CharField(max_length=300, blank=True)
    seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-seen_at", "-id"]

    def __str__(self) -> str:
        return self.url
