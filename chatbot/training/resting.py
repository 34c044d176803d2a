"""What rests on a contact on the learning side: examples, diagnoses, and what was made of them."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from chatbot.conversations.models import Contact
from chatbot.training.harvest_reading import group_of
from chatbot.training.models import Diagnosis, Provenance, Vote
from finetune.models import Example
from finetune.tainting import AT_ONCE, Lineage, lineage

BECAUSE: Final = gettext_noop("A customer whose conversations it rests on was erased.")
"""Why a dataset or an adapter is tainted; the pages say it in the reader's language."""


def examples_of(contact: Contact) -> list[int]:
    """By whatever still leads to one of the contact's rows, and by the opaque name of the contact's examples."""
    ours = Q(contact=contact) | Q(conversation__contact=contact)
    ours |= Q(trigger__conversation__contact=contact) | Q(target__conversation__contact=contact)
    ours |= Q(suggestion__conversation__contact=contact)
    found = set(Provenance.objects.filter(ours).values_list("example_id", flat=True))
    found |= set(Example.objects.filter(group=group_of(contact)).values_list("pk", flat=True))
    found |= set(diagnoses_of(contact).exclude(example=None).values_list("example_id", flat=True))
    return sorted(found)


def diagnoses_of(contact: Contact) -> QuerySet[Diagnosis]:
    return Diagnosis.objects.filter(
        Q(message__conversation__contact=contact) | Q(suggestion__conversation__contact=contact)
    )


def diagnosis_names(contact: Contact) -> list[str]:
    """As the audit log names them."""
    return [f"diagnosis {key}" for key in diagnoses_of(contact).values_list("pk", flat=True)]


def lineage_of(contact: Contact) -> Lineage:
    """For a look before it is erased."""
    return lineage(examples_of(contact))


def delete(*, contact: Contact, example_ids: Collection[int]) -> Counter[str]:
    """Rows of this side that are about the contact, before the examples are wiped.

    Where examples came from, why answers were bad, and votes on answers to their questions, which bear their digests.
    """
    counts: Counter[str] = Counter(diagnoses_of(contact).delete()[1])
    for part in _parts(sorted(example_ids)):
        counts.update(Diagnosis.objects.filter(example__in=part).delete()[1])
        digests = list(Example.objects.filter(pk__in=part).values_list("digest", flat=True))
        counts.update(Vote.objects.filter(question__in=digests).delete()[1])
        counts.update(Provenance.objects.filter(example__in=part).delete()[1])
    return counts


def _parts(keys: list[int]) -> Iterator[list[int]]:
    return (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))
