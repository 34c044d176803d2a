"""A trial tried before customers meet it: both sides answer the same questions through the engine that serves.

Loads a model (by way of the engine). Shows that the canary answers under its own name and drops nothing; whether its
answers are good is the gate's business, and later the customers'.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from statistics import fmean
from typing import Any, Final

from finetune.engine_pool import get_engine
from finetune.models import Promotion
from finetune.records import GenerationRequest, GenerationResult
from finetune.trial import side

LOAD_SECONDS: Final = 300.0


def rehearse(requests: Sequence[GenerationRequest], trial: Promotion) -> dict[str, Any]:
    """Answers of each side, how many failed or came from the wrong side, and mean seconds. Waits for the engines."""
    engine, digest = get_engine(), trial.adapter.digest if trial.adapter else ""
    before = trial.before.digest if trial.before else ""
    engine.wait_until_settled(LOAD_SECONDS)
    keys = {chosen: _key(trial, chosen=chosen) for chosen in (True, False)}
    if not _ready(replace(requests[0], key=keys[True], max_new_tokens=2), digest):
        return {"canary": 0, "usual": 0, "failed": 0, "problem": "The canary's engine did not become ready."}
    answers: dict[bool, list[GenerationResult]] = {True: [], False: []}
    for number, request in enumerate(requests):
        chosen = number % 2 == 0
        answers[chosen].append(engine.generate(replace(request, key=keys[chosen])).result)
    sound = {
        chosen: [one for one in answers[chosen] if one.finish_reason != "error" and one.adapter == name]
        for chosen, name in ((True, digest), (False, before))
    }
    return {
        "share": trial.share,
        "canary": len(sound[True]),
        "usual": len(sound[False]),
        "failed": len(requests) - len(sound[True]) - len(sound[False]),
        "problems": _problems(answers, {True: digest, False: before}),
        "seconds": {name: _mean(sound[chosen]) for name, chosen in (("canary", True), ("usual", False))},
    }


def _problems(answers: dict[bool, list[GenerationResult]], wanted: dict[bool, str]) -> list[str]:
    """What was wrong, each once."""
    found = [
        one.error or f"{one.engine} answered with {one.adapter[:12] or 'no adapter'} instead of {wanted[chosen][:12]}"
        for chosen, results in answers.items()
        for one in results
        if one.finish_reason == "error" or one.adapter != wanted[chosen]
    ]
    return list(dict.fromkeys(found))[:5]


def _key(trial: Promotion, *, chosen: bool) -> str:
    """A conversation on that side."""
    keys = (f"rehearsal {number}" for number in count())
    return next(key for key in keys if side(key=key, promotion_id=trial.pk, share=trial.share) == chosen)


def _ready(request: GenerationRequest, digest: str) -> bool:
    until = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < until:
        if get_engine().generate(request).result.adapter == digest:
            return True
        time.sleep(0.5)
    return False


def _mean(results: Sequence[GenerationResult]) -> float | None:
    return round(fmean(one.seconds for one in results), 3) if results else None
