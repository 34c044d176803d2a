"""The review queue: most valuable first with a random slice between; who approved what. Safe with many reviewers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chatbot.accounts import audit
from chatbot.training.harvest_reading import redactor_for
from chatbot.training.harvesting import digest_of, flags_of
from chatbot.training.models import Provenance
from chatbot.training.redaction import Redactor
from chatbot.training.supporting import measure
from finetune.models import Example
from finetune.requests import from_json

EVERY: Final = 5
"""One in so many of the queue is of the random slice."""
_State = Example.State


class ReviewRefused(ValueError):
    """The message is a sentence for the reviewer."""


@dataclass(frozen=True)
class Filters:
    state: str = _State.PENDING
    kind: str = ""
    origin: str = ""
    language: str = ""
    flag: str = ""
    limit: int = 50
    offset: int = 0


def queue(filters: Filters = Filters()) -> list[Example]:
    narrowed = {name: getattr(filters, name) for name in ("kind", "origin", "language") if getattr(filters, name)}
    rows = list(Example.objects.filter(state=filters.state, **narrowed).order_by("-value", "pk"))
    rows = [row for row in rows if not filters.flag or filters.flag in row.flags]
    chance = [row for row in rows if row.by_chance]
    return interleaved([row for row in rows if not row.by_chance], chance)[filters.offset :][: filters.limit]


def interleaved(first: list[Example], chance: list[Example]) -> list[Example]:
    """Every fifth is of the slice, by its digest: its order must not follow the value."""
    slice_ = sorted(chance, key=lambda row: row.digest)
    mixed: list[Example] = []
    rest = list(reversed(first))
    for row in slice_:
        while rest and len(mixed) % EVERY != EVERY - 1:
            mixed.append(rest.pop())
        mixed.append(row)
    return [*mixed, *reversed(rest)]


def approve(*, examples: Iterable[Example] | Example, by: str, note: str = "") -> list[int]:
    """Ids that this call approved; others were decided by somebody else meanwhile."""
    chosen = _many(examples)
    if any("personal_data" in one.flags for one in chosen):
        raise ReviewRefused(_("Personal data may be left in this example. Edit it, or reject it."))
    return _decide(chosen, _State.APPROVED, by, note)


def reject(*, examples: Iterable[Example] | Example, by: str, note: str = "") -> list[int]:
    return _decide(_many(examples), _State.REJECTED, by, note)


def _many(examples: Iterable[Example] | Example) -> list[Example]:
    return [examples] if isinstance(examples, Example) else list(examples)


@transaction.atomic
def _decide(examples: list[Example], state: str, by: str, note: str, **more: Any) -> list[int]:
    """A conditional update for each: only what still waits, with the text that the reviewer saw."""
    changed = [
        one.pk
        for one in examples
        if Example.objects.filter(pk=one.pk, state=_State.PENDING, digest=one.digest).update(
            state=state, reviewed_by=by, reviewed_at=timezone.now(), note=note[:500], **more
        )
    ]
    if changed:
        audit.record(actor=by, action=f"training.{state}", target="examples", detail={"examples": changed})
    return changed


@transaction.atomic
def edit(*, example: Example, answer: str, by: str, note: str = "") -> Example:
    """A new text for the answer: redacted again, its support measured again. It still waits for approval."""
    if not answer.strip():
        raise ReviewRefused(_("Write an answer, or reject the example."))
    request = from_json(example.request)
    text = _redactor(example).redact(answer.strip()).text
    measured = measure(text, request.passages)
    digest = digest_of(example.request, measured.marked, example.rejected)
    if Example.objects.filter(digest=digest).exclude(pk=example.pk).exists():
        raise ReviewRefused(_("There is an example with just this text. Merge the two."))
    kept = [flag for flag in example.flags if flag in ("near_duplicate", "trigger_phrase")]
    flags = flags_of(request.question, measured.marked, supported=measured.supported, passages=bool(request.passages))
    changed = Example.objects.filter(pk=example.pk, state=_State.PENDING, digest=example.digest).update(
        answer=measured.marked, digest=digest, support=measured.share, flags=[*kept, *flags], note=note[:500]
    )
    if changed != 1:
        raise ReviewRefused(_("Somebody else has changed or decided this example. Load it again."))
    audit.record(actor=by, action="training.edit", target=f"example {example.pk}", detail={"support": measured.share})
    example.refresh_from_db()
    return example


def _redactor(example: Example) -> Redactor:
    origin = Provenance.objects.filter(example=example).select_related("conversation__contact").first()
    if origin is None or origin.conversation is None:
        return Redactor()
    return redactor_for(origin.conversation, from_json(example.request).passages)


def merge(*, example: Example, into: Example, by: str) -> list[int]:
    """The same thing said twice: one stays, the other is rejected and points to it."""
    if example.pk == into.pk:
        raise ReviewRefused(_("Choose another example to merge into."))
    return _decide([example], _State.REJECTED, by, "", merged_into=into)
