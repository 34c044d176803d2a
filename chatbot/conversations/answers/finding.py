"""Finds what can answer one question: search in the documents' words, choose passages, weigh the evidence.

Pure but for the `Searcher` it is given. It writes nothing and decides nothing: `answering` does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chatbot.conversations.answers import evidence as evidences
from chatbot.conversations.answers import places
from chatbot.conversations.answers.glossary import in_english
from chatbot.conversations.answers.understanding import Part
from chatbot.conversations.answers.wording import other_words
from finetune.ranking import Candidate, Similarity, archived, asks_past, rank
from finetune.records import ContextPassage
from finetune.terms import is_cjk
from retrieval.languages import base
from retrieval.records import Hit, Searcher, SearchResult, Turn

HITS: Final = 24
"""Passages looked at sentence by sentence."""
PASSAGES: Final = 6
"""Passages an answer is written from."""
PER_DOCUMENT: Final = 2
"""Of one document among them, while others have something to say: a long page must not push out the right one."""
SENTENCE: Final = 0.5
"""What the meaning of a passage's best sentence counts beside its place in the search (0..1)."""
COMPETENT: Final = 0.5
ENOUGH: Final = 0.5
"""From this confidence on, passages in another language are not asked."""
OWN_LANGUAGE: Final = 0.2
"""So much surer must a passage in another language be to be taken instead."""
OTHERS: Final = 2
"""Passages in the other language that are shown beside."""

WordsOf = Callable[[str], evidences.Words]
"""Index version -> the words of its documents."""


@dataclass(frozen=True)
class Found:
    """One question with the passages chosen for it, best first; `hits` and `passages` run in parallel."""

    part: Part
    lookup: str
    """The question in the documents' language where that is another."""
    result: SearchResult
    hits: tuple[Hit, ...]
    passages: tuple[ContextPassage, ...]
    evidence: evidences.Evidence
    best: Candidate | None = None


@dataclass(frozen=True)
class Reading:
    """What is searched for: the question as asked or in the documents' language, with other words beside it."""

    query: str
    history: tuple[Turn, ...]
    lookup: str = ""


def find(
    part: Part,
    *,
    searcher: Searcher,
    words_of: WordsOf,
    history: Sequence[Turn] = (),
    language: str = "en",
    collections: frozenset[str] | None = None,
) -> Found:
    """Search, look closer at the best, keep the few that may answer, and say how sure one may be.

    A question in a language that some passages are not written in is read in English for those; they are taken where
    the others do not answer.
    """
    english = "" if base(language) == "en" else _in_english(part.query, language)
    words = words_of("")
    reading = native(part.query, history, english, words)
    result = searcher.search(reading.query, history=reading.history, k=HITS, collections=collections)
    if english and not any(base(hit.lang) == base(language) for hit in result.hits):
        reading = translated(part.query, history, english)
        result = searcher.search(reading.query, history=reading.history, k=HITS, collections=collections)
    words = words_of(result.index_version)
    hits = current(result.hits, part.query)
    other = tuple(hit for hit in hits if _foreign(hit, part.query)) if reading.lookup else ()
    own = tuple(hit for hit in hits if hit not in other)
    similar = searcher.similarity if result.competence > COMPETENT else None
    unknown = words.unknown(part.query) if reading.query == part.query else ()
    here = _look(reading.query, own, similar, words, unknown, part.query)
    there: _Look | None = (
        _look(reading.lookup, other, searcher.similarity, words, unknown, part.query) if other else None
    )
    first: _Look
    second: _Look | None
    if there is not None and here.evidence.confidence < min(ENOUGH, there.evidence.confidence - OWN_LANGUAGE):
        first, second, lookup = there, here, reading.lookup
    else:
        first, second, lookup = here, there, "" if reading.query == part.query else reading.query
    seen = first.hits if second is None else (*first.hits[: PASSAGES - OTHERS], *second.hits[:OTHERS])
    return Found(part, lookup, result, seen, _passages(seen), first.evidence, first.best)


def _in_english(question: str, language: str) -> str:
    """Its words that are known in English, with the countries it names; empty when only the countries are known."""
    english = in_english(question, base(language))
    countries = [name for name in places.country_names(question) if name.isascii()]
    return " ".join([english, *countries]) if english else ""


@dataclass(frozen=True)
class _Look:
    hits: tuple[Hit, ...]
    evidence: evidences.Evidence
    best: Candidate | None


def _look(
    question: str,
    hits: Sequence[Hit],
    similarity: Similarity | None,
    words: evidences.Words,
    unknown: Sequence[str],
    original: str,
) -> _Look:
    """Choose among the hits by their sentences, then weigh the best sentence of those chosen."""
    question, original = places.by_country(question), places.by_country(original)
    also = other_words(question)
    chosen = choose(hits, rank(question, _passages(hits), context=also, similarity=similarity))
    passages = _passages(chosen)
    ranked = rank(question, passages, context=also, similarity=similarity)
    evidence = evidences.weigh(question, passages, chosen, ranked, words, unknown, original)
    return _Look(chosen, evidence, ranked[0] if ranked else None)


def _foreign(hit: Hit, question: str) -> bool:
    return is_cjk(hit.text) != is_cjk(question)


def native(question: str, history: Sequence[Turn], english: str, words: evidences.Words) -> Reading:
    """The question as it is; other words for it, and English ones, count as if the customer had said them before."""
    also = " ".join(filter(None, [words.respelled(question), other_words(question), english]))
    turns = (*history, Turn("customer", also)) if also else tuple(history)
    return Reading(question, turns, english)


def translated(question: str, history: Sequence[Turn], english: str) -> Reading:
    """For documents in another language: its words in English, the original kept for names and numbers."""
    query = " ".join(dict.fromkeys(f"{english} {other_words(question)} {other_words(english)}".split()))
    return Reading(query, (*history, Turn("customer", question)), query)


def current(hits: Sequence[Hit], question: str) -> tuple[Hit, ...]:
    """Hits without those that say they are out of date, unless that is what is asked for or all there is."""
    fresh = tuple(hit for hit in hits if not archived(_passage(1, hit)))
    return tuple(hits) if asks_past(question) or not fresh else fresh


def choose(
    hits: Sequence[Hit], ranked: Sequence[Candidate], *, count: int = PASSAGES, per_document: int = PER_DOCUMENT
) -> tuple[Hit, ...]:
    """The `count` best by their place in the search and their best sentence, with few of one document first."""
    if not hits:
        return ()
    top = max(hits[0].score, 1e-9)
    closest: dict[int, float] = {}
    for candidate in ranked:
        closest[candidate.passage] = max(closest.get(candidate.passage, 0.0), candidate.meaning or 0.0)
    order = sorted(range(len(hits)), key=lambda at: -(hits[at].score / top + SENTENCE * closest.get(at, 0.0)))
    first: list[int] = []
    seen: dict[int, int] = {}
    for at in order:
        seen[hits[at].document_id] = seen.get(hits[at].document_id, 0) + 1
        if seen[hits[at].document_id] <= per_document:
            first.append(at)
    rest = [at for at in order if at not in first]
    return tuple(hits[at] for at in [*first, *rest][:count])


def card(found: Found) -> Mapping[str, object]:
    """What is kept of a question on the answer card, as JSON."""
    return {
        "text": found.part.text,
        "query": found.part.query,
        "lookup": found.lookup,
        "confidence": found.evidence.confidence,
        "features": found.evidence.features,
        "missing": list(found.evidence.missing),
        "reasons": list(found.evidence.reasons),
        "search_ms": found.result.milliseconds,
        "passages": [
            {
                "passage_id": hit.passage_id,
                "document_id": hit.document_id,
                "title": hit.title,
                "heading": " › ".join(hit.heading_path),
                "score": round(hit.score, 4),
                "dense": hit.dense,
                "lexical": hit.lexical,
            }
            for hit in found.hits
        ],
    }


def _passages(hits: Sequence[Hit]) -> tuple[ContextPassage, ...]:
    return tuple(_passage(number, hit) for number, hit in enumerate(hits, start=1))


def _passage(number: int, hit: Hit) -> ContextPassage:
    return ContextPassage(
        number=number, title=hit.title, heading=" › ".join(hit.heading_path), text=hit.text, updated=hit.updated
    )
