"""What a customer thought of a resolved conversation: asked once in its life, answered with 1 to 5 and a comment.

An answer can be changed for a day. Thumbs on single messages are `services.rate`.
"""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.conversations import activities, events, rows
from chatbot.conversations.live import publishing
from chatbot.conversations.models import Conversation, ConversationRating, Message
from chatbot.conversations.refusals import Refusal

CHANGEABLE: Final = timedelta(days=1)
COMMENT_CHARS: Final = 2000


def ask(conversation: Conversation) -> None:
    """Ask for a rating when the inbox wants one and somebody answered. The caller resolves it in a transaction."""
    if not conversation.inbox.ask_rating or ConversationRating.objects.filter(conversation=conversation).exists():
        return
    spoken = Message.objects.filter(conversation=conversation, role__in=[Message.Role.BOT, Message.Role.AGENT])
    if not spoken.exists():
        return
    ConversationRating.objects.create(
        conversation=conversation,
        asked_at=conversation.resolved_at or timezone.now(),
        agent=conversation.assignee,
    )
    publishing.publish_on_commit(conversation.pk, events.RateAsk(value=0))


def asked(conversation: Conversation) -> events.RateAsk | None:
    """What a client that connects shows: the question or its answer, while the conversation it is about is over."""
    rating = getattr(conversation, "rating", None)
    if rating is None or conversation.state != Conversation.State.RESOLVED:
        return None
    if conversation.resolved_at is not None and rating.asked_at < conversation.resolved_at:
        return None  # resolved a second time: the question was about the first
    return events.RateAsk(value=rating.value or 0)


@transaction.atomic
def rate(*, conversation_id: int, value: int, comment: str = "") -> None:
    """Keep the customer's answer. Raises Refusal where nothing was asked, or the answer is older than a day."""
    rating = (
        ConversationRating.objects.select_for_update(of=("self",))
        .select_related("conversation")
        .filter(conversation_id=conversation_id)
        .first()
    )
    if rating is None or value not in (1, 2, 3, 4, 5):
        raise Refusal("not_found", _("This conversation cannot be rated."))
    now, comment = timezone.now(), _clean(comment)
    if rating.rated_at is not None and now - rating.rated_at > CHANGEABLE:
        raise Refusal("too_late", _("Your rating can no longer be changed. Thank you for it."))
    if (rating.value, rating.comment) == (value, comment):
        return
    before = rating.value
    rating.value, rating.comment, rating.rated_at = value, comment, rating.rated_at or now
    rating.save(update_fields=["value", "comment", "rated_at"])
    activities.record(rating.conversation, "rated", value=value, comment=comment[:500], before=before)
    publishing.publish_on_commit(conversation_id, events.RateAsk(value=value))
    rows.changed(conversation_id)


def _clean(comment: str) -> str:
    kept = "".join(c for c in comment[:COMMENT_CHARS] if c in "\n\t" or (ord(c) >= 32 and ord(c) != 127)).strip()
    return kept.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
