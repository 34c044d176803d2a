"""Finds what can answer one question: search in the documents' words, choose passages, weigh the evidence.

Pure but for the `Searcher` it is given. It writes nothing and decides nothing: `answering` does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chatbot.conversations import evidence as evidences
from chatbot.conversations.glossary import in_english
from chatbot.conversations.understanding import Part
from chatbot.conversations.wording import other_words
from finetune.ranking import Candidate, archived, asks_past, rank
from finetune.records import ContextPassage
from finetune.terms import Idf
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

WordsOf = Callable[[str], Idf]
"""Index version -> how telling a term is in it."""


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
    """Search, look closer at the best, keep the few that may answer, and say how sure one may be."""
    english = "" if base(language) == "en" else in_english(part.query, base(language))
    reading = native(part.query, history, english)
    result = searcher.search(reading.query, history=reading.history, k=HITS, collections=collections)
    if english and not any(base(hit.lang) == base(language) for hit in result.hits):
        reading = translated(part.query, history, english)
        result = searcher.search(reading.query, history=reading.history, k=HITS, collections=collections)
    hits = current(result.hits, part.query)
    idf = words_of(result.index_version)
    competent = result.competence > COMPETENT or bool(reading.lookup)
    similarity = searcher.similarity if competent else None
    ranked = rank(part.query, _passages(hits), lookup=reading.lookup, similarity=similarity)
    chosen = choose(hits, ranked)
    passages = _passages(chosen)
    ranked = rank(part.query, passages, lookup=reading.lookup, similarity=similarity)
    asked = reading.lookup or part.query
    weighed = evidences.weigh(asked, passages, chosen, ranked, idf=idf)
    return Found(part, reading.lookup, result, chosen, passages, weighed)


def native(question: str, history: Sequence[Turn], english: str) -> Reading:
    """The question as it is; other words for it, and English ones, count as if the customer had said them before."""
    also = " ".join(filter(None, [other_words(question), english]))
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
