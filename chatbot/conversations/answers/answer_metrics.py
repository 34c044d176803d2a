"""Figures about answers: how near they are to a person's, how far passages support them, and when they abstain. Pure.

Token F1 is SQuAD's (Rajpurkar et al. 2016) without the removal of articles, ROUGE-L that of Lin 2004 by `rouge-score`,
BLEU that of `sacrebleu`. Chinese is counted by character.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chatbot.conversations.answers.exam import HONEST
from finetune.metrics import rouge_l, tokens
from finetune.records import ContextPassage
from finetune.support import sentences, support


@dataclass(frozen=True)
class Answered:
    """One question: what was said, what a person said (one or more wordings), and whether it can be answered."""

    text: str
    decision: str
    confidence: float
    references: tuple[str, ...]
    answerable: bool
    passages: tuple[ContextPassage, ...]


def token_f1(text: str, references: Sequence[str]) -> float:
    """Best F1 over the references, 0..1."""
    return max((_f1(tokens(text), tokens(reference)) for reference in references), default=0.0)


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    shared = sum((Counter(said) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(said), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def bleu(texts: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU, 0..100, on our tokens, so that every language is cut the same way."""
    import sacrebleu

    if not texts:
        return 0.0
    most = max(len(group) for group in references)
    columns = [[" ".join(tokens(group[min(at, len(group) - 1)])) for group in references] for at in range(most)]
    scored = sacrebleu.corpus_bleu([" ".join(tokens(text)) for text in texts], columns, tokenize="none", force=True)
    return float(scored.score)


def supported_share(text: str, passages: Sequence[ContextPassage]) -> tuple[int, int]:
    """(supported sentences, sentences)."""
    texts, titles = [one.text for one in passages], [f"{one.title} {one.heading}" for one in passages]
    said = [sentence for line in text.splitlines() for sentence in sentences(line.strip()) if tokens(sentence)]
    return sum(support(sentence, texts, titles=titles).supported for sentence in said), len(said)


def summarise(answered: Sequence[Answered]) -> dict[str, Any]:
    """Answer figures over what was answered though it can be; abstention over what cannot."""
    known = [one for one in answered if one.answerable and one.references]
    spoken = [one for one in known if one.decision not in HONEST]
    unknown = [one for one in answered if not one.answerable]
    supported = [supported_share(one.text, one.passages) for one in spoken]
    return {
        "n": len(answered),
        "answerable": len(known),
        "answered": len(spoken),
        "unanswerable": len(unknown),
        "token_f1": _mean([token_f1(one.text, one.references) for one in spoken]),
        "rouge_l": _mean([rouge_l(one.text, one.references) for one in spoken]),
        "sacrebleu": round(bleu([one.text for one in spoken], [one.references for one in spoken]), 2),
        "token_f1_all": _mean(
            [token_f1(one.text, one.references) if one.decision not in HONEST else 0.0 for one in known]
        ),
        "supported_sentences": _ratio(sum(good for good, _all in supported), sum(count for _good, count in supported)),
        "abstention": _mean([float(one.decision not in ("answer",)) for one in unknown]),
        "false_abstention": _mean([float(one.decision in HONEST) for one in known]),
        "auroc": auroc(
            [one.confidence for one in answered if one.answerable],
            [one.confidence for one in answered if not one.answerable],
        ),
    }


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Probability that an answerable question gets the higher confidence; None without both kinds."""
    if not positive or not negative:
        return None
    from sklearn.metrics import roc_auc_score

    labels = [1] * len(positive) + [0] * len(negative)
    return round(float(roc_auc_score(labels, [*positive, *negative])), 4)


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
