"""How telling a word is in this company's documents: a word that every passage holds tells none apart.

`CollectionWords` counts; `LiveWords` keeps the count of the active index version and renews it beside the answers.
"""

import logging
import math
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Final

from django.db import DatabaseError, connections

from finetune.terms import flat_idf, term_set
from retrieval.models import Passage

logger = logging.getLogger(__name__)

SAMPLE: Final = 3000
"""Passages counted; more hardly move the figures and cost time."""


class CollectionWords:
    """Weights of terms, 0 (in every passage) to 1 (in none). Without passages a term's own form decides."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._count: Counter[str] = Counter()
        self._total = 0
        for text in texts:
            self._total += 1
            self._count.update(term_set(text))

    def idf(self, term: str) -> float:
        if not self._total:
            return min(1.0, flat_idf(term) / 1.4)
        return math.log((self._total + 1) / (self._count[term] + 0.5)) / math.log((self._total + 1) / 0.5)


class LiveWords:
    """The words of the active version. Counting runs on a thread of its own; until it is done the old count serves."""

    def __init__(self) -> None:
        self._words = CollectionWords()
        self._version = ""
        self._lock = threading.Lock()

    def of(self, index_version: str) -> CollectionWords:
        if index_version and index_version != self._version and self._lock.acquire(blocking=False):
            first = not self._version
            counting = threading.Thread(target=self._count, args=(index_version,), name="count-words", daemon=True)
            counting.start()
            if first:
                counting.join(5)
        return self._words

    def _count(self, index_version: str) -> None:
        try:
            rows = Passage.objects.filter(retired=False).order_by("pk")
            step = max(1, rows.count() // SAMPLE)
            chosen = list(rows.values_list("pk", flat=True))[::step]
            found = Passage.objects.filter(pk__in=chosen[:SAMPLE]).values_list("text", "document__title")
            self._words = CollectionWords(f"{title}\n{text}" for text, title in found.iterator())
            self._version = index_version
        except DatabaseError as error:
            logger.warning("The words of the documents could not be counted: %s", error)
        finally:
            connections.close_all()
            self._lock.release()
