"""How much key-value cache the batching engine takes, and how many tokens a request may have. Pure.

The library's manager dies when one request cannot fit its cache, and sizes the cache from 60 % of free memory unless
told otherwise. So the cache is planned here, every request is checked against it before it is handed over, and pages
are counted so that the manager never has to throw a running answer out.
"""

from dataclasses import dataclass
from typing import Final

from finetune.memory import gib
from finetune.records import EngineUnavailable

LEAST_PROMPT: Final = 256
LEAST_ANSWER: Final = 16


@dataclass(frozen=True)
class CachePlan:
    """Pages of `page_size` tokens; one request takes at most `request_tokens` (prompt and answer together)."""

    pages: int
    page_size: int
    request_tokens: int
    batch_tokens: int

    @property
    def tokens(self) -> int:
        return self.pages * self.page_size

    def pages_for(self, tokens: int) -> int:
        """Pages that a sequence of `tokens` holds at its end."""
        return -(-tokens // self.page_size) + 1


@dataclass(frozen=True)
class Wishes:
    """What the settings ask for: prompt and answer tokens of one request, requests decoded together."""

    context_tokens: int
    max_new_tokens: int
    batch: int


def plan_cache(
    wishes: Wishes, *, bytes_per_token: int, budget_bytes: int, positions: int, page_size: int, batch_tokens: int
) -> CachePlan:
    """As much as the wishes need, at most `budget_bytes`, at least one request. Raises EngineUnavailable."""
    request = min(wishes.context_tokens + wishes.max_new_tokens, positions)
    per_request = -(-request // page_size) + 1
    affordable = budget_bytes // (bytes_per_token * page_size) - 2  # the library keeps two pages for itself
    pages = min(per_request * wishes.batch, affordable)
    if pages < -(-(LEAST_PROMPT + LEAST_ANSWER) // page_size) + 1:
        raise EngineUnavailable(
            f"Not enough memory for a single answer: the cache may take {gib(max(0, budget_bytes))}, and one answer "
            f"needs {gib(bytes_per_token * page_size * per_request)}. Free memory, lower GENERATOR_CONTEXT_TOKENS, or "
            "choose a smaller model.",
            lasting=False,
        )
    return CachePlan(
        pages=pages,
        page_size=page_size,
        request_tokens=min(request, (pages - 1) * page_size),
        batch_tokens=batch_tokens,
    )


def answer_room(wishes: Wishes, plan: CachePlan, asked: int) -> tuple[int, int]:
    """(prompt budget, answer budget) in tokens for a request that asks for `asked` new tokens.

    A short context takes from the prompt first, but leaves it three quarters.
    """
    answer = max(1, min(asked or wishes.max_new_tokens, wishes.max_new_tokens, plan.request_tokens // 4))
    return min(wishes.context_tokens, plan.request_tokens - answer), answer


def backoff_seconds(failures: int, *, most: float = 60.0) -> float:
    """How long to wait after so many failures in a row: 1, 2, 4, … seconds."""
    return float(min(most, 2.0 ** max(0, failures - 1)))
