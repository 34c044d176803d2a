"""Erases a customer: rows, files, copies, and what was learnt from them. A kill at any point leaves it resumable.

`erase` begins and goes on; `go_on` finishes what a killed process began, from the steps that the row says are done. A
step is one transaction with its mark. Adapters are marked and go on answering until they are replaced by one that was
trained without the erased examples: no weight is changed here, and nothing is claimed to be forgotten by a model.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from chatbot.accounts import audit
from chatbot.conversations import erasing
from chatbot.conversations.erasing import Trace
from chatbot.conversations.models import Contact
from chatbot.training import page_work, resting
from chatbot.training.models import Erasure
from finetune import datasets, tainting

logger = logging.getLogger(__name__)

ATTEMPTS: Final = 8
"""At the rows of a customer who is writing at this moment: whoever was first has to end before."""
FORMAT: Final = 1
Step = Callable[[Erasure], None]


class ErasureRefused(ValueError):
    """The message is a sentence for people."""


def subject_of(contact_id: int) -> str:
    """Tells nobody who it was, and is the same again."""
    return salted_hmac("training.erasure", str(contact_id), algorithm="sha256").hexdigest()


def pseudonym(subject: str) -> str:
    return f"erased-{subject[:12]}"


# --- Beginning -------------------------------------------------------------------------------------------
def erase(*, contact: Contact, by: str, reason: str = "") -> Erasure:
    """Erase the contact, once: again gives the same receipt. Raises ErasureRefused."""
    return go_on(erasure=_begin(contact, by, reason))


def known(*, contact_id: int) -> Erasure | None:
    """The erasure of this contact, done or under way."""
    return Erasure.objects.filter(subject=subject_of(contact_id)).first()


@transaction.atomic
def _begin(contact: Contact, by: str, reason: str) -> Erasure:
    """The row that survives a kill; from here on the clock would finish it.

    One that was finished although the contact is there, as after a restored backup, begins anew. No lock on a row
    that is under way: its steps hold that one first, and the contact after it.
    """
    now = Contact.objects.select_for_update(of=("self",)).filter(pk=contact.pk).first()
    begun = known(contact_id=contact.pk)
    if begun is not None and (now is None or begun.finished_at is None):
        return begun
    if now is None:
        raise ErasureRefused(_("There is no such customer any more."))
    wanted = {"asked_by": by[:150], "reason": _without_names(reason, now)[:200], "contact_number": now.pk}
    if begun is None:
        begun = Erasure.objects.create(subject=subject_of(now.pk), **wanted)
    else:
        again = Erasure.objects.filter(pk=begun.pk, finished_at__isnull=False)
        again.update(**wanted, at=timezone.now(), finished_at=None, work={})
    audit.record(actor=by, action="training.contact.erase", target=f"erasure {begun.pk}")
    return begun


def _without_names(reason: str, contact: Contact) -> str:
    """The receipt outlives the customer: what names them in the reason does not get into it."""
    words = {contact.name.strip(), *contact.name.split(), contact.email, contact.external_id or ""}
    without = audit.replacer([word for word in words if len(word) > 1], "[…]")
    return without("".join(one if one.isprintable() else " " for one in reason).strip())


def preview(*, contact: Contact) -> dict[str, Any]:
    """The receipt that an erasure would give: the same on the rows, taken back. Files and copies are not touched."""
    seen = Erasure(subject=subject_of(contact.pk), contact_number=contact.pk)
    with transaction.atomic():
        _rows(seen)
        transaction.set_rollback(True)
    return dict(seen.receipt)


# --- Going on ----------------------------------------------------------------------------------------------
def go_on(*, erasure: Erasure) -> Erasure:
    """Every step that is not done, in order. Safe in two processes at once: one waits for the other's step."""
    for name, step in STEPS:
        _once(erasure.pk, name, step)
    erasing.forget_the_journal()
    erasure.refresh_from_db()
    return erasure


def finish_all() -> int:
    """The clock's turn: what killed processes left, and what became of tainted data since. Returns the former."""
    unfinished = list(Erasure.objects.filter(finished_at=None).order_by("pk"))
    for erasure in unfinished:
        try:
            go_on(erasure=erasure)
        except (DatabaseError, OSError):
            logger.exception("Erasure %d could not go on; it is tried again.", erasure.pk)
    tainting.catch_up()
    datasets.sweep()
    return len(unfinished)


def _once(key: int, name: str, step: Step) -> None:
    """The step and its mark, in one transaction; again where somebody who wrote at this moment was first."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                erasure = Erasure.objects.select_for_update().get(pk=key)
                if erasure.finished_at is None and name not in erasure.work.get("done", []):
                    erasure.work["done"] = [*erasure.work.get("done", []), name]
                    step(erasure)
                    erasure.save()
            return
        except (IntegrityError, OperationalError) as error:
            if attempt == ATTEMPTS:
                raise
            logger.info("Step %s of erasure %d meets another change and begins again: %s", name, key, error)


# --- The steps ---------------------------------------------------------------------------------------------
def _rows(erasure: Erasure) -> None:
    """All that the database holds, at once: nobody ever sees half of it, and nothing can be added afterwards."""
    contact = erasing.lock(contact_id=erasure.contact_number or 0)
    if contact is None:  # deleted by somebody else
        erasure.receipt = {"rows": {}}
        return
    found = erasing.trace(contact=contact)
    examples = resting.examples_of(contact)
    targets, words = erasing.names(contact=contact, found=found)
    targets += resting.diagnosis_names(contact)
    removed = resting.delete(contact=contact, example_ids=examples)
    tainted = tainting.taint(example_ids=examples, because=resting.BECAUSE)
    removed.update(erasing.delete(contact=contact, found=found))
    lines = audit.pseudonymise(targets=targets, words=words, pseudonym=pseudonym(erasure.subject))
    erasure.work |= found.as_json()
    erasure.receipt = {
        "rows": dict(sorted(removed.items())),
        "audit_lines": lines,
        "emails": erasing.caught(found),
        "examples": len(tainted.examples),
        "datasets": [*tainted.datasets],
        "adapters": [*tainted.adapters],
        "runs": [*tainted.runs],
        "evaluations": [*tainted.evaluations],
    }


def _files(erasure: Erasure) -> None:
    tainting.remove_files(evaluations=erasure.receipt.get("evaluations", []))


def _copies(erasure: Erasure) -> None:
    found = Trace.from_json(erasure.work)
    erasing.forget_copies(found)
    page_work.forget(talk.pk for talk in found.talks)
    erasing.tell(found)


def _end(erasure: Erasure) -> None:
    """From here on nothing says whom it was about."""
    erasure.finished_at = timezone.now()
    erasure.contact_number, erasure.work = None, {}


STEPS: Final[tuple[tuple[str, Step], ...]] = (
    ("rows", _rows),
    ("files", _files),
    ("copies", _copies),
    ("end", _end),
)


# --- The receipt -------------------------------------------------------------------------------------------
def receipt(erasure: Erasure) -> dict[str, Any]:
    """As JSON, to be filed: nothing in it says who it was."""
    finished = erasure.finished_at
    return {
        "format": FORMAT,
        "erasure": erasure.pk,
        "subject": erasure.subject,
        "asked_by": erasure.asked_by,
        "reason": erasure.reason,
        "asked_at": erasure.at.isoformat(timespec="seconds"),
        "finished_at": finished.isoformat(timespec="seconds") if finished else None,
        **erasure.receipt,
    }
