"""Whether a customer agreed that a conversation is learnt from. The newest word counts; no word is no."""

from django.db import transaction

from chatbot.accounts import audit
from chatbot.conversations.models import Conversation
from chatbot.training.models import Consent, Provenance
from finetune.models import Example


@transaction.atomic
def set_consent(*, conversation: Conversation, granted: bool, said_by: str = "customer", by: str = "") -> Consent:
    """Taking it back rejects what waits for review; approved examples are tainted, so that no new dataset has them."""
    row, _made = Consent.objects.update_or_create(
        conversation=conversation, defaults={"granted": granted, "said_by": said_by[:20]}
    )
    if not granted:
        ids = list(Provenance.objects.filter(conversation=conversation).values_list("example_id", flat=True))
        Example.objects.filter(pk__in=ids, state=Example.State.PENDING).update(
            state=Example.State.REJECTED, note="The customer withdrew consent."
        )
        Example.objects.filter(pk__in=ids, state=Example.State.APPROVED).update(state=Example.State.TAINTED)
    audit.record(
        actor=by or said_by, action="training.consent", target=str(conversation.public_id), detail={"granted": granted}
    )
    return row
