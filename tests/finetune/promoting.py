"""Rows on the way to a promotion: adapters, a dataset, evaluations that passed."""

import itertools
from typing import Any

from finetune.models import Adapter, Dataset, Evaluation

MODEL = "test/model"
_numbers = itertools.count(1)


def adapter(*, path: str = "", base_model: str = MODEL, **more: Any) -> Adapter:
    digest = more.pop("digest", f"{next(_numbers):064x}")
    return Adapter.objects.create(digest=digest, base_model=base_model, path=path or f"/adapters/{digest}", **more)


def evaluation(candidate: Adapter, **more: Any) -> Evaluation:
    number = next(_numbers)
    dataset = Dataset.objects.create(digest=f"{number:064x}", name=f"set {number}", folder="")
    against = more.pop("against", Adapter.objects.filter(active=True).first())
    fields = {"state": "done", "verdict": "passed", "against": against, **more}
    return Evaluation.objects.create(adapter=candidate, dataset=dataset, **fields)
