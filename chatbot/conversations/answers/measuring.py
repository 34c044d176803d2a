"""Runs the answerer over a folder of documents and questions, for `evaluate_answers` and `fit_confidence`.

Heavy: embeds, and loads the configured engine. Reads no table and changes nothing.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from chatbot.conversations.answers import answer_metrics, finding
from chatbot.conversations.answers.answering import Answer, AnswerContext
from chatbot.conversations.answers.collection import CollectionWords
from chatbot.conversations.answers.composition import answerer_over
from chatbot.conversations.answers.understanding import understand
from finetune.records import ContextPassage
from retrieval.embedding import get_embedder
from retrieval.evaluation import Question, read_questions
from retrieval.throwaway import ThrowawaySearcher
from retrieval.vectors import VectorStore

Progress = Callable[[str, int, int], None]
PATIENCE_SECONDS = 3600.0


def evaluate_answers(
    folder: Path, *, vectors: Path, limit: int = 0, hidden: bool = True, progress: Progress
) -> dict[str, Any]:
    """The report of docs/benchmarks.md. `hidden` asks each answerable question again with the documents that answer it
    taken away: what should happen then is an abstention. Raises BadDataset, EmbedderUnavailable."""
    questions = _spread(list(read_questions(folder)), limit)
    searcher, words = _index(folder, vectors, progress)
    current = words
    answerer = answerer_over(searcher, words_of=lambda _version: current, patience=PATIENCE_SECONDS)
    answered: list[answer_metrics.Answered] = []
    without: list[answer_metrics.Answered] = []
    milliseconds: list[float] = []
    engines: set[str] = set()
    for number, question in enumerate(questions, start=1):
        started = time.perf_counter()
        answer = answerer.answer(AnswerContext(question=question.text, history=question.history))
        milliseconds.append(1000 * (time.perf_counter() - started))
        engines.add(answer.engine)
        answered.append(_judged(question, answer, answerable=bool(question.relevant)))
        if hidden and question.relevant:
            searcher.hidden = frozenset(gold.doc_id for gold in question.relevant)
            current = words.without(searcher.texts(searcher.hidden))
            unknowing = answerer.answer(AnswerContext(question=question.text, history=question.history))
            without.append(_judged(question, unknowing, answerable=False))
            searcher.hidden, current = frozenset(), words
        progress("questions", number, len(questions))
    report = answer_metrics.summarise(answered)
    if without:
        report["abstention_hidden"] = answer_metrics.summarise(without)["abstention"]
        report["auroc_hidden"] = answer_metrics.auroc(
            [one.confidence for one in answered if one.answerable], [one.confidence for one in without]
        )
    p50, p95 = np.percentile(np.array(milliseconds), [50, 95])
    report["latency_ms"] = {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}
    report["engine"] = "+".join(sorted(filter(None, engines)))
    return report


def confidence_rows(
    folder: Path, *, vectors: Path, limit: int, progress: Progress
) -> list[tuple[dict[str, float], bool]]:
    """(signs, whether the best sentence stands in a passage that answers) for each question, as asked and again with
    the documents of the answer hidden."""
    questions = _spread([one for one in read_questions(folder) if one.relevant], limit)
    searcher, words = _index(folder, vectors, progress)
    rows = []
    for number, question in enumerate(questions, start=1):
        understood = understand(question.text, question.history)
        for hide in (False, True) if understood.intent == "question" else ():
            searcher.hidden = frozenset(gold.doc_id for gold in question.relevant) if hide else frozenset()
            known = words.without(searcher.texts(searcher.hidden)) if hide else words
            found = finding.find(
                understood.parts[0],
                searcher=searcher,
                words_of=_always(known),
                history=question.history,
                language=understood.language,
            )
            if found.best is not None:
                best = found.hits[found.best.passage].passage_id
                right = not hide and any(searcher.covers(best, gold) for gold in question.relevant)
                rows.append((found.evidence.features, right))
        progress("questions", number, len(questions))
    return rows


def _always(words: CollectionWords) -> finding.WordsOf:
    return lambda _version: words


def _index(folder: Path, vectors: Path, progress: Progress) -> tuple[ThrowawaySearcher, CollectionWords]:
    searcher = ThrowawaySearcher(
        folder, get_embedder(settings.EMBEDDER_MODEL), store=VectorStore(vectors), progress=progress
    )
    return searcher, CollectionWords(searcher.texts())


def _spread(questions: list[Question], limit: int) -> list[Question]:
    if not 0 < limit < len(questions):
        return questions
    return [questions[number * len(questions) // limit] for number in range(limit)]


def _judged(question: Question, answer: Answer, *, answerable: bool) -> answer_metrics.Answered:
    passages = tuple(
        ContextPassage(number=one.number, title=one.title, heading=one.heading, text=one.text) for one in answer.sources
    )
    confidence = answer.confidence if answer.decision in ("answer", "abstain") or answer.sources else 0.0
    return answer_metrics.Answered(
        text=answer.text,
        decision=answer.decision,
        confidence=confidence,
        references=question.answers,
        answerable=answerable,
        passages=passages,
    )
