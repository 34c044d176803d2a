"""Fits the small logistic model of `evidence.py`. Pure; every set counts the same, whatever its size."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chatbot.conversations.answers.evidence import FEATURES

Rows = Sequence[tuple[Mapping[str, float], bool]]


class TooLittle(Exception):
    """There is nothing to tell apart. The message is a sentence."""


def fit(sets: Mapping[str, Rows]) -> dict[str, Any]:
    """{coefficients, intercept, auroc: set -> when fitted on the other sets, rows}. Raises TooLittle."""
    usable = {name: rows for name, rows in sets.items() if len({right for _signs, right in rows}) == 2}
    if not usable:
        raise TooLittle("No set has both questions that are answered rightly and others; give larger sets.")
    weights, intercept = _model(usable)
    return {
        "coefficients": dict(zip(FEATURES, weights, strict=True)),
        "intercept": intercept,
        "auroc": {name: _left_out(usable, name) for name in usable if len(usable) > 1},
        "rows": {name: len(rows) for name, rows in sets.items()},
    }


def _arrays(rows: Rows) -> tuple[Any, Any]:
    return np.array([[signs[name] for name in FEATURES] for signs, _right in rows]), np.array([y for _s, y in rows])


def _model(sets: Mapping[str, Rows]) -> tuple[list[float], float]:
    from sklearn.linear_model import LogisticRegression

    parts = [_arrays(rows) for rows in sets.values()]
    share = np.concatenate([np.full(len(y), 1000.0 / len(y)) for _x, y in parts])
    model = LogisticRegression(C=1.0, max_iter=5000)
    model.fit(np.concatenate([x for x, _y in parts]), np.concatenate([y for _x, y in parts]), sample_weight=share)
    return [round(float(one), 3) for one in model.coef_[0]], round(float(model.intercept_[0]), 3)


def _left_out(sets: Mapping[str, Rows], name: str) -> float:
    from sklearn.metrics import roc_auc_score

    weights, intercept = _model({other: rows for other, rows in sets.items() if other != name})
    signs, right = _arrays(sets[name])
    return round(float(roc_auc_score(right, signs @ np.array(weights) + intercept)), 4)
