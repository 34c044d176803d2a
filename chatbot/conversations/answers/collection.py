"""What is known of the words of this company's documents: how telling each is, and which words no document holds.

`CollectionWords` counts; `LiveWords` keeps the count of the active index version and renews it beside the answers.
"""

import logging
import math
import re
import threading
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from django.db import DatabaseError, connections

from chatbot.conversations.answers import places, wording
from finetune import stopwords
from finetune.terms import flat_idf, is_stopword, normalise, term_set, terms
from retrieval.models import Passage

logger = logging.getLogger(__name__)

SAMPLE: Final = 3000
"""Passages counted; more hardly move the figures and cost time."""
_WORD: Final = re.compile(r"[a-z][a-z'’-]+|[\u4e00-\u9fff]+")
_SPELLED_FROM: Final = 5
_TWO_SLIPS_FROM: Final = 8


class CollectionWords:
    """Counts over passages. Without passages a term's own form decides, and no word is unknown."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._count: Counter[str] = Counter()
        self._spellings: Counter[str] = Counter()
        self._total = 0
        for text in texts:
            self._total += 1
            self._count.update(term_set(text))
            self._spellings.update(set(re.findall(r"[a-z]{4,}", normalise(text))))

    def without(self, texts: Iterable[str]) -> "CollectionWords":
        """The count as it would be had these passages not been there."""
        less = CollectionWords(texts)
        left = CollectionWords()
        left._count, left._spellings = self._count - less._count, self._spellings - less._spellings
        left._total = self._total - less._total
        return left

    def idf(self, term: str) -> float:
        """Weight of a term, 0 (in every passage) to 1 (in none)."""
        if not self._total:
            return min(1.0, flat_idf(term) / 1.4)
        return math.log((self._total + 1) / (self._count[term] + 0.5)) / math.log((self._total + 1) / 0.5)

    def unknown(self, question: str) -> tuple[str, ...]:
        """Words of a question that no document holds: not slips of the pen, not places, not the story around it."""
        if not self._total:
            return ()
        words = [
            word
            for token in _WORD.findall(normalise(question))
            for word in (_chinese_words(token) if token[0] >= "\u4e00" else (token,))
        ]
        return tuple(word for word in dict.fromkeys(words) if not self._is_known(word))

    def _is_known(self, word: str) -> bool:
        content = terms(word)
        if not content or word in stopwords.STORY or is_stopword(word):
            return True
        if word[0] >= "\u4e00":
            return all(self._count[term] for term in content)
        return (
            any(self._count[term] for term in content)
            or wording.has_other_words(word)
            or places.is_place(word)
            or bool(self.spelled(word))
        )

    def spelled(self, word: str) -> str:
        """The word of the documents that a misspelled one stands for; empty when there is none."""
        from rapidfuzz import process
        from rapidfuzz.distance import DamerauLevenshtein

        if len(word) < _SPELLED_FROM or word in self._spellings:
            return ""
        slips = 1 if len(word) < _TWO_SLIPS_FROM else 2
        alike = [one for one in self._spellings if one[0] == word[0] and abs(len(one) - len(word)) <= slips]
        best = process.extractOne(word, alike, scorer=DamerauLevenshtein.distance, score_cutoff=slips)
        return str(best[0]) if best else ""

    def respelled(self, question: str) -> str:
        """Corrections of the words of a question that no document holds, joined; empty when there are none."""
        found = [self.spelled(word) for word in _WORD.findall(normalise(question)) if word.isascii()]
        return " ".join(word for word in found if word)


@lru_cache(maxsize=4096)
def _chinese_words(run: str) -> tuple[str, ...]:
    """Nouns of two characters and more, as a segmenter cuts and tags them. Verbs are left out: the segmenter joins
    them with what stands around, and no document holds "充满电要"."""
    import jieba
    from jieba import posseg

    jieba.setLogLevel(logging.WARNING)
    return tuple(word for word, flag in posseg.lcut(run) if len(word) > 1 and flag in ("n", "nz", "nr", "nt"))


class LiveWords:
    """The words of the active version. Counting runs on a thread of its own; until it is done the old count serves."""

    def __init__(self) -> None:
        self._words = CollectionWords()
        self._version = ""
        self._lock = threading.Lock()

    def of(self, index_version: str) -> CollectionWords:
        if index_version and index_version != self._version and self._lock.acquire(blocking=False):
            first = not self._version
            counting = threading.Thread(target=self._renew, args=(index_version,), name="count-words", daemon=True)
            counting.start()
            if first:
                counting.join(5)
        return self._words

    def _renew(self, index_version: str) -> None:
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
