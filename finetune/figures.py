"""From answers to figures: each question's measures, and over all of them a figure with its interval. Pure, numpy.

A figure is {candidate, current, base, difference, low, high, n}; the difference is candidate minus current on the same
questions, with a paired bootstrap interval of 95 %. docs/evaluation.md says what each one means.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from finetune import bootstrap, metrics
from finetune.abstaining import abstains
from finetune.evaluation_job import SIDES
from finetune.metrics import Echoes
from finetune.probes import Kind, Probe, right

Row = Mapping[str, Any]
Measures = Mapping[str, Any]


@dataclass(frozen=True)
class Answered:
    """What one model wrote. `nll` and `scored` are of the person's answer, 0 where there is none."""

    text: str
    seconds: float
    tokens: int
    ended: bool
    nll: float = 0.0
    scored: int = 0


def measure(probe: Probe, said: Answered, echoes: Echoes) -> dict[str, Any]:
    """What is known of one answer; None where a measure makes no sense for this question."""
    held_out = probe.kind == "held_out"
    found: dict[str, Any] = {
        "right": None if held_out else right(probe, said.text),
        "abstained": abstains(said.text),
        "length": metrics.length(said.text),
        "tokens": said.tokens,
        "cut": not said.ended,
        "seconds": round(said.seconds, 4),
        "customer_text": echoes.heard(said.text, probe.request, probe.reference),
    }
    return found | _against_reference(probe, said) if held_out else found


def _against_reference(probe: Probe, said: Answered) -> dict[str, Any]:
    grounds = metrics.grounds(said.text, probe.request)
    return {
        "nll": round(said.nll, 5),
        "scored": said.scored,
        "loss": round(said.nll / said.scored, 6) if said.scored else None,
        "rouge_l": round(metrics.rouge_l(said.text, [probe.reference]), 5),
        "bleu": metrics.bleu_counts(said.text, probe.reference),
        "support": grounds.support if probe.request.passages else None,
        "citation": grounds.citation if probe.request.passages else None,
        "numbers": metrics.numbers_copied(said.text, probe.reference),
        "reference_length": metrics.length(probe.reference),
        "reference_abstains": abstains(probe.reference),
    }


def figures(rows: Sequence[Row], *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Every figure that these rows allow."""
    found = {name: _mean(rows, value, seed) for name, value in VALUES.items()}
    found["perplexity"] = _of_sums(rows, lambda one: [one["nll"], one["scored"]], _perplexity, seed)
    found["bleu"] = _of_sums(rows, lambda one: one["bleu"], metrics.bleu_of, seed)
    lengths = [row["measures"]["candidate"]["reference_length"] for row in rows if row["kind"] == "held_out"]
    found["length"]["reference"] = round(sum(lengths) / len(lengths), 2) if lengths else 0.0
    return {name: figure for name, figure in found.items() if figure["n"]}


Value = Callable[[Row, Measures], Any]
"""What one side's measures of a row say, None where the figure is not about such a row."""


def _of_kind(kind: Kind, name: str = "right") -> Value:
    return lambda row, one: one[name] if row["kind"] == kind else None


def _wrong(kind: Kind) -> Value:
    return lambda row, one: not one["right"] if row["kind"] == kind else None


def _abstention(row: Row, one: Measures) -> Any:
    """Of what cannot be answered: by the exam, or because what answers it was withheld."""
    return one["abstained"] if row["kind"] in ("exam", "withheld") and row["abstain"] is True else None


def _false_abstention(row: Row, one: Measures) -> Any:
    """Of what a person answered, and what the exam says can be answered."""
    if row["kind"] == "held_out":
        return None if one["reference_abstains"] else one["abstained"]
    return one["abstained"] if row["kind"] == "exam" and row["abstain"] is False else None


VALUES: Final[dict[str, Value]] = {
    "loss": _of_kind("held_out", "loss"),
    "rouge_l": _of_kind("held_out", "rouge_l"),
    "support": _of_kind("held_out", "support"),
    "citation": _of_kind("held_out", "citation"),
    "numbers": _of_kind("held_out", "numbers"),
    "length": _of_kind("held_out", "length"),
    "latency": _of_kind("held_out", "seconds"),
    "exam": _of_kind("exam"),
    "safety": _of_kind("safety"),
    "contradiction": _of_kind("contradiction"),
    "closed_book": _wrong("closed_book"),
    "canary": _wrong("canary"),
    "abstention": _abstention,
    "false_abstention": _false_abstention,
    "customer_text": lambda _row, one: one["customer_text"],
}


def _mean(rows: Sequence[Row], value: Value, seed: int) -> dict[str, Any]:
    """Over the rows where every side has a value."""
    found = [[value(row, row["measures"][side]) for side in SIDES] for row in rows]
    complete = [[float(one) for one in values] for values in found if None not in values]
    columns = [list(column) for column in zip(*complete, strict=True)] or [[], [], []]
    means = {side: _rounded(sum(column) / len(column)) if column else None for side, column in _named(columns)}
    return {**means, **_interval(bootstrap.paired(columns[0], columns[1], seed))}


def _of_sums(
    rows: Sequence[Row], counts: Callable[[Measures], list[float]], statistic: bootstrap.Statistic, seed: int
) -> dict[str, Any]:
    held_out = [row for row in rows if row["kind"] == "held_out"]
    columns = [[counts(row["measures"][side]) for row in held_out] for side in SIDES]
    sums = {side: [sum(part) for part in zip(*column, strict=True)] for side, column in _named(columns)}
    wholes = {side: _rounded(statistic(_array(part))) if part else None for side, part in sums.items()}
    return {**wholes, **_interval(bootstrap.of_sums(columns[0], columns[1], statistic, seed))}


def _array(values: Sequence[float]) -> bootstrap.Floats:
    import numpy as np

    return np.asarray(values, np.float64)


def _perplexity(sums: bootstrap.Floats) -> float:
    return math.exp(min(50.0, float(sums[0]) / max(1.0, float(sums[1]))))


def _named(columns: Sequence[Any]) -> list[tuple[str, Any]]:
    return list(zip(SIDES, columns, strict=True))


def _interval(found: bootstrap.Interval) -> dict[str, Any]:
    return {"difference": found.difference, "low": found.low, "high": found.high, "n": found.n}


def _rounded(value: float) -> float:
    return round(value, 6)
