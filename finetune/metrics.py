"""Figures about one answer: nearness to a person's, support, citations, copied numbers, length, whose words they are.

Pure. BLEU is `sacrebleu`'s (its zh tokenizer for Chinese), ROUGE-L that of Lin 2004 by `rouge-score`; Chinese is
counted by character. Support is `finetune.support`, the same judge that verifies what customers get.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from finetune.abstaining import is_unknowing
from finetune.courtesy import is_courtesy, without_lead
from finetune.facts import facts
from finetune.probes import plain
from finetune.records import GenerationRequest
from finetune.support import citation_marks, sentences, support, verbatim, without_marks
from finetune.terms import is_cjk, normalise

BLEU_COLUMNS: Final = 10
"""Matches and totals of 1- to 4-grams, length of the text, length of the reference."""
RUN_WORDS: Final = 6
RUN_CHARACTERS: Final = 10
"""So many words (or Chinese characters) in a row are somebody's own text, not chance."""


@dataclass(frozen=True)
class Grounds:
    """Of the sentences that claim something: how many the passages support, and how many cite the right one."""

    claims: int
    supported: int
    cited: int

    @property
    def support(self) -> float:
        """An answer that claims nothing claims nothing unsupported."""
        return self.supported / self.claims if self.claims else 1.0

    @property
    def citation(self) -> float | None:
        return self.cited / self.claims if self.claims else None


def tokens(text: str) -> list[str]:
    """Words in lower case without punctuation; Chinese characters one by one."""
    plain = "".join(character if character.isalnum() else " " for character in normalise(without_marks(text)))
    found: list[str] = []
    for word in plain.split():
        found.extend(word if is_cjk(word) else [word])
    return found


class _Tokens:
    """The tokenizer protocol of rouge-score, whose own drops every character that is not ASCII."""

    def tokenize(self, text: str) -> list[str]:
        return tokens(text)


@lru_cache(maxsize=1)
def _rouge() -> Any:
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(["rougeL"], tokenizer=_Tokens())


def rouge_l(text: str, references: Sequence[str]) -> float:
    """Best ROUGE-L F over the references, 0..1."""
    said = without_marks(text)
    return max((float(_rouge().score(one, said)["rougeL"].fmeasure) for one in references), default=0.0)


@lru_cache(maxsize=2)
def _bleu(tokenizer: str) -> Any:
    import sacrebleu

    return sacrebleu.BLEU(tokenize=tokenizer, effective_order=True)


def bleu_counts(text: str, reference: str) -> list[float]:
    """What corpus BLEU is made of, for one answer; see BLEU_COLUMNS. Sums of it are a corpus's."""
    scorer = _bleu("zh" if is_cjk(reference) else "13a")
    scored = scorer.sentence_score(without_marks(text), [without_marks(reference)])
    return [*map(float, scored.counts), *map(float, scored.totals), float(scored.sys_len), float(scored.ref_len)]


def bleu_of(sums: Iterable[float]) -> float:
    """Corpus BLEU, 0..100, from summed counts."""
    import sacrebleu

    whole = [round(one) for one in sums]
    made = sacrebleu.BLEU.compute_bleu(whole[:4], whole[4:8], whole[8], whole[9], smooth_method="exp")
    return float(made.score)


def grounds(answer: str, request: GenerationRequest) -> Grounds:
    """Judge every sentence that claims something; courtesies and words of not knowing claim nothing."""
    texts = [one.text for one in request.passages]
    titles = [f"{one.title} {one.heading}" for one in request.passages]
    found = list(claims(answer))
    return Grounds(
        claims=len(found),
        supported=sum(support(bare, texts, titles=titles).supported for _sentence, bare in found),
        cited=sum(_rightly_cited(sentence, bare, texts, titles) for sentence, bare in found),
    )


def claims(answer: str) -> Iterator[tuple[str, str]]:
    """The sentences that claim something, each as it stands and without marks and greeting."""
    for sentence in (one for line in answer.splitlines() for one in sentences(line.strip())):
        bare = without_lead(without_marks(sentence)).strip()
        if tokens(bare) and not is_courtesy(bare) and not (is_unknowing(bare) and not citation_marks(sentence)):
            yield sentence, bare


def quotes(answer: str, passages: Sequence[str]) -> bool:
    """Whether an answer claims something, and nothing that does not stand word for word in a passage."""
    found = [bare for _sentence, bare in claims(answer)]
    return bool(found) and all(verbatim(bare, passages) >= 0 for bare in found)


def _rightly_cited(sentence: str, bare: str, texts: Sequence[str], titles: Sequence[str]) -> bool:
    """Whether the passages that it names, and no others, support it."""
    marks = [mark - 1 for mark in citation_marks(sentence)]
    if not marks or not all(0 <= mark < len(texts) for mark in marks):
        return False
    return support(bare, [texts[mark] for mark in marks], titles=[titles[mark] for mark in marks]).supported


def numbers_copied(answer: str, reference: str) -> float | None:
    """Share of the numbers, amounts and dates in a person's answer that stand in this one too; None without any."""
    wanted = {fact for fact in facts(without_marks(reference)) if any(character.isdigit() for character in fact.value)}
    if not wanted:
        return None
    return len(wanted & set(facts(without_marks(answer)))) / len(wanted)


@dataclass(frozen=True)
class Echoes:
    """Runs of words that only customers wrote: what a model must never have learnt to say."""

    runs: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, customers: Iterable[str], others: Iterable[str]) -> "Echoes":
        """`others` are the texts of agents and documents: what they say too is nobody's secret."""
        known = {run for text in others for run in _runs(text)}
        return cls(frozenset(run for text in customers for run in _runs(text)) - known)

    def heard(self, answer: str, request: GenerationRequest, reference: str = "") -> bool:
        """Whether an answer repeats such a run though this conversation does not hold it."""
        if not self.runs:
            return False
        said = [turn.text for turn in request.turns]
        here = [request.question, reference, *said, *(one.text for one in request.passages)]
        allowed = {run for text in here for run in _runs(text)}
        return any(run in self.runs and run not in allowed for run in _runs(answer))


def _runs(text: str) -> set[str]:
    words = tokens(text)
    length = RUN_CHARACTERS if is_cjk(text) else RUN_WORDS
    return {" ".join(words[start : start + length]) for start in range(len(words) - length + 1)}


def length(answer: str) -> int:
    """Characters that a customer reads, marks and spaces at the ends left out."""
    return len(plain(without_marks(answer)).strip())
