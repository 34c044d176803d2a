"""Writes of canned replies: making, changing and deleting them with their example questions.

Every write also moves `changed_at`, from which matchers see that they are out of date. Checks nothing that people
type: that is the form's work, so that each mistake is named beside its field.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F

from chatbot.accounts.models import User
from chatbot.conversations.models import CannedExample, CannedReply, Inbox


@dataclass(frozen=True)
class CannedText:
    """All of one canned reply. `examples` are (language, question); `inboxes` empty means everywhere."""

    title: str
    shortcut: str
    texts: dict[str, str]
    examples: tuple[tuple[str, str], ...] = ()
    inboxes: Sequence[Inbox] = field(default_factory=tuple)
    for_bot: bool = False
    active: bool = True


@transaction.atomic
def save(*, said: CannedText, canned: CannedReply | None = None, actor: User | None = None) -> CannedReply:
    """Write a new canned reply, or all of an old one anew."""
    kept = canned or CannedReply(created_by=actor)
    kept.title, kept.shortcut, kept.texts = said.title, said.shortcut, said.texts
    kept.for_bot, kept.active = said.for_bot, said.active
    kept.save()
    kept.inboxes.set(said.inboxes)
    wanted = list(dict.fromkeys(said.examples))
    present = {(example.language, example.text): example for example in kept.examples.all()}
    gone = [example.pk for key, example in present.items() if key not in set(wanted)]
    kept.examples.filter(pk__in=gone).delete()
    CannedExample.objects.bulk_create(
        CannedExample(canned_reply=kept, language=language, text=text)
        for language, text in wanted
        if (language, text) not in present
    )
    return kept


def delete(*, canned: CannedReply) -> None:
    """Messages that were made from it stay."""
    canned.delete()


def count_use(*, canned: CannedReply) -> None:
    """One more message was made from it. Not a change: matchers stay as they are."""
    CannedReply.objects.filter(pk=canned.pk).update(uses=F("uses") + 1)
