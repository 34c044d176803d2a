"""Finds passages for probes by shared words, so that asking the same exam again shows the same passages.

Not the search that serves: an adapter is examined on answering from passages, and what was found must not change with
the index, the embedder or a setting. Reads the database; needs no model.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from finetune.probes import says
from finetune.records import ContextPassage
from finetune.terms import coverage, term_set
from retrieval.models import Document, Passage

MOST: Final = 4000
"""Passages looked through; of a greater collection an even sample, and all of the documents that are named."""
SHOWN: Final = 3


@dataclass(frozen=True)
class Shown:
    """A passage as search gives it to a generator, but for its number."""

    key: str
    title: str
    heading: str
    text: str
    updated: str

    def numbered(self, number: int) -> ContextPassage:
        return ContextPassage(number, self.title, self.heading, self.text, self.updated)


class Shelf:
    """The passages of the documents that answer today."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        """`keys` are documents that must be there whole."""
        ready = Passage.objects.filter(retired=False, document__status=Document.Status.READY).select_related("document")
        wanted = [_shown(row) for row in ready.filter(document__key__in=set(keys))]
        taken = {id(one) for one in wanted}
        rest = [_shown(row) for row in ready.exclude(document__key__in=set(keys)).order_by("text_hash")[:MOST]]
        self.passages = [*wanted, *(one for one in rest if id(one) not in taken)]
        self._terms = [term_set(f"{one.title} {one.heading} {one.text}") for one in self.passages]
        counts = Counter(term for terms in self._terms for term in terms)
        self._idf = {term: math.log(1 + len(self.passages) / count) for term, count in counts.items()}

    def keys(self) -> set[str]:
        return {one.key for one in self.passages}

    def ranked(self, question: str) -> list[Shown]:
        """Best first."""
        wanted = term_set(question)
        scores = [coverage(wanted, terms, lambda term: self._idf.get(term, 1.0)) for terms in self._terms]
        order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))
        return [self.passages[at] for at in order]

    def for_answer(
        self, question: str, sources: Sequence[str], wanted: Sequence[Sequence[str]], forbidden: Sequence[str]
    ) -> tuple[ContextPassage, ...]:
        """Passages of the sources that say what is wanted, among others; empty where they do not say it."""
        ranked = self.ranked(question)
        from_sources = [one for one in ranked if one.key in set(sources)]
        chosen = from_sources[:1]
        for group in wanted:
            if not _said(chosen, group):
                chosen += [one for one in from_sources if _said([one], group)][:1]
        if not chosen or not all(_said(chosen, group) for group in wanted):
            return ()
        others = [one for one in ranked if one not in chosen and not _said([one], forbidden)]
        return shuffled([*chosen, *others[: max(0, SHOWN - len(chosen))]], question)

    def beside(self, question: str) -> tuple[ContextPassage, ...]:
        """What comes nearest to a question that cannot be answered."""
        return shuffled(self.ranked(question)[:SHOWN], question)


def shuffled(passages: Sequence[Shown], seed: str) -> tuple[ContextPassage, ...]:
    """Numbered in an order that has nothing to do with which one is right."""
    mixed = sorted(passages, key=lambda one: hashlib.sha256(f"{seed} {one.text}".encode("utf-8", "replace")).digest())
    return tuple(one.numbered(number) for number, one in enumerate(mixed, start=1))


def _said(passages: Sequence[Shown], phrases: Sequence[str]) -> bool:
    return any(says(f"{one.heading}\n{one.text}", phrase) for one in passages for phrase in phrases)


def _shown(row: Passage) -> Shown:
    document = row.document
    return Shown(
        key=document.key,
        title=document.title or document.key,
        heading=" › ".join(str(part) for part in row.heading_path),
        text=f"{row.context}\n{row.text}" if row.context else row.text,
        updated=document.updated.isoformat() if document.updated else "",
    )
