"""Answers and losses of many prompts at once: greedy, in padded batches, on any causal language model. HEAVY: torch.

The likeliest token is always taken, so the same prompt gives the same answer as serving does. Rows that have ended
leave the batch. It loads nothing and knows neither adapters nor conversations.
"""

from finetune import threads

threads.prepare_environment()

import time  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from typing import Any, Final  # noqa: E402

import torch  # noqa: E402
from transformers import DynamicCache  # noqa: E402

BATCH_TOKENS: Final = 12_288
"""Prompt tokens of one batch, padding included; on a GPU eight times as many."""
BATCH_MOST: Final = 24
TURNS: Final = 4
"""So often in a row the same tokens come before an answer counts as one that goes round in circles."""
TURN_LONGEST: Final = 24
LEAST_CIRCLING: Final = 12
"""Tokens of the shortest circle with all its turns: a row of dots is none yet."""
LOOK_EVERY: Final = 4

Ids = Sequence[int]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Decoded:
    """`seconds` is this answer's part of its batch: computing time on a CPU, passed time on a GPU."""

    tokens: tuple[int, ...]
    ended: bool
    seconds: float


@dataclass(frozen=True)
class Scored:
    """Sum of the negative log-likelihoods of an answer's tokens, and how many there are."""

    nll: float
    tokens: int


def batches(lengths: Sequence[int], *, budget: int, most: int = BATCH_MOST) -> Iterator[list[int]]:
    """Indexes of rows of about the same length, longest first, so that little is padding."""
    waiting = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    while waiting:
        size = max(1, min(most, budget // max(1, lengths[waiting[0]])))
        yield waiting[:size]
        waiting = waiting[size:]


def circles(tokens: Ids) -> bool:
    """Whether an answer ends in the same few tokens over and over: nothing else will come, and serving ends it too."""
    for turn in range(1, TURN_LONGEST + 1):
        tail = tokens[-max(TURNS * turn, LEAST_CIRCLING) :]
        if len(tail) < TURNS * turn or len(tail) < LEAST_CIRCLING:
            return False
        if tail[turn:] == tail[:-turn]:
            return True
    return False


@torch.inference_mode()
def decode(
    model: Any, prompts: Sequence[Ids], *, ends: frozenset[int], new_tokens: int, progress: Progress = lambda _n: None
) -> list[Decoded]:
    """One answer for each prompt, in their order. One that goes round in circles is left as it is, not `ended`."""
    found: list[Decoded | None] = [None] * len(prompts)
    device = _device(model)
    for rows in batches([len(one) for one in prompts], budget=_budget(device)):
        begun = _clock(device)
        written = _batch(model, [prompts[row] for row in rows], ends, new_tokens)
        seconds = (_clock(device) - begun) / len(rows)
        for row, (tokens, ended) in zip(rows, written, strict=True):
            found[row] = Decoded(tuple(tokens), ended, seconds)
        progress(len(rows))
    return [one for one in found if one is not None]


def _batch(model: Any, prompts: list[Ids], ends: frozenset[int], new_tokens: int) -> list[tuple[list[int], bool]]:
    ids, mask = _left_padded(prompts, _device(model))
    cache = DynamicCache(config=model.config)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    logits = _forward(model, ids, mask, positions, cache)
    written: list[list[int]] = [[] for _ in prompts]
    alive, ended = list(range(len(prompts))), set[int]()
    stops = torch.tensor(sorted(ends), device=ids.device)
    for step in range(1, new_tokens + 1):
        following = logits.argmax(-1)
        said = (~torch.isin(following, stops)).tolist()
        for row, token, more in zip(alive, following.tolist(), said, strict=True):
            written[row].append(token) if more else ended.add(row)
        going = torch.tensor(
            [row not in ended and not (step % LOOK_EVERY == 0 and circles(written[row])) for row in alive],
            device=ids.device,
        )
        alive = [row for row, goes in zip(alive, going.tolist(), strict=True) if goes]
        if not alive or step == new_tokens:
            break
        if not bool(going.all()):
            kept = going.nonzero().flatten()
            cache.batch_select_indices(kept)
            following, mask, positions = following[kept], mask[kept], positions[kept]
        mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
        positions = positions[:, -1:] + 1
        logits = _forward(model, following[:, None], mask, positions, cache)
    return [(tokens, row in ended) for row, tokens in enumerate(written)]


def _forward(model: Any, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return out.logits[:, -1]


@torch.inference_mode()
def score(model: Any, pairs: Sequence[tuple[Ids, Ids]], *, progress: Progress = lambda _n: None) -> list[Scored]:
    """How likely each answer is after its prompt: what training on answers alone minimises."""
    found: list[Scored | None] = [None] * len(pairs)
    device = _device(model)
    for rows in batches([len(prompt) + len(answer) for prompt, answer in pairs], budget=_budget(device)):
        for row, one in zip(rows, _scored(model, [pairs[row] for row in rows], device), strict=True):
            found[row] = one
        progress(len(rows))
    return [one for one in found if one is not None]


def _scored(model: Any, pairs: list[tuple[Ids, Ids]], device: torch.device) -> list[Scored]:
    ids, mask = _left_padded([[*prompt, *answer] for prompt, answer in pairs], device)
    longest = max(len(answer) for _prompt, answer in pairs)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=longest + 1)
    scores = torch.log_softmax(out.logits[:, -longest - 1 : -1].float(), dim=-1)
    each = scores.gather(-1, ids[:, -longest:, None]).squeeze(-1)
    return [
        Scored(-float(each[row, longest - len(answer) :].sum()), len(answer))
        for row, (_prompt, answer) in enumerate(pairs)
    ]


def _left_padded(rows: list[Any], device: torch.device) -> tuple[Any, Any]:
    widest = max(len(row) for row in rows)
    ids = torch.tensor([[0] * (widest - len(row)) + list(row) for row in rows], device=device)
    mask = torch.tensor([[0] * (widest - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask


def _device(model: Any) -> torch.device:
    return torch.device(model.device)


def _budget(device: torch.device) -> int:
    return BATCH_TOKENS * (8 if device.type == "cuda" else 1)


def _clock(device: torch.device) -> float:
    """Processor time, which other programs on this machine do not lengthen; on a GPU the time that passes."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()
