"""What the team is told about e-mails, as internal notes without an author. Customers never see them."""

import hashlib

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chatbot.conversations import desk_events, handling
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation, Note


def add(conversation: Conversation, text: str, *, once: str) -> None:
    """Inside the caller's transaction; `once` names the occasion, so that it is told once."""
    key = "mail-" + hashlib.sha256(once.encode("utf-8", "replace")).hexdigest()[:40]
    note, made = Note.objects.get_or_create(
        conversation=conversation,
        client_id=key,
        defaults={"text": text[:4000], "after_seq": conversation.last_seq},
    )
    if made:
        group = desk_events.followers_group(conversation.pk)
        publishing.publish_desk_on_commit(group, handling.note_out(note, conversation, []))


def not_delivered(conversation: Conversation, *, to: str, reason: str, once: str) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        text = _(
            "The e-mail to %(email)s was not delivered: %(reason)s The customer sees your messages when they come "
            "back to the chat."
        ) % {"email": to, "reason": reason[:400].rstrip(". ") + "."}
        add(conversation, text, once=once)


def came_back(conversation: Conversation, *, once: str) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        text = _("A mail server reports that an e-mail to the customer could not be delivered. Check the address.")
        add(conversation, text, once=once)


def forged(conversation: Conversation, *, sender: str, once: str) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        text = _(
            "The last e-mail says that it comes from %(sender)s, not from the customer's address. Whoever wrote it "
            "has our e-mail to the customer, because it was answered, but may be somebody else. Tell nothing private."
        ) % {"sender": sender or _("nobody")}
        add(conversation, text, once=once)


def dropped(conversation: Conversation, *, count: int, once: str) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        text = ngettext(
            "%(count)d attachment of the last e-mail was not kept. Ask for its content where you need it.",
            "%(count)d attachments of the last e-mail were not kept. Ask for their content where you need it.",
            count,
        ) % {"count": count}
        add(conversation, text, once=once)


def stopped(conversation: Conversation, *, everywhere: bool) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        if everywhere:
            text = _("The owner of the e-mail address says that they never wrote to us. It gets no more e-mails.")
        else:
            text = _("The customer wants no more e-mails about this conversation.")
        add(conversation, text, once=f"stopped {everywhere}")
