"""Attention of a packed batch, one sequence at a time: what continuous batching lacks on a CPU. HEAVY.

The library packs all sequences into one row and, without flash attention, lets every token look at all keys of all
sequences behind a mask. That work grows with the square of the batch: 16 answers to 640-token prompts came at 61
tokens per second on one thread, and with this at 294. The arithmetic is the same.
"""

from typing import Any, Final

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.integrations.eager_paged import eager_paged_attention_forward

NAME: Final = "paged|eager"
"""The library's manager takes only its own names, so this one's function is replaced."""


def register() -> None:
    """Make the library use `forward` for `NAME`; safe to call twice."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, forward)


def forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """query [1, heads, tokens, width]; key and value [1, kv heads, tokens, width]; gives [1, tokens, heads, width].

    The mask [1, 1, tokens, keys] is cut into each sequence's own square, so causality and sliding windows hold.
    """
    cache = kwargs.get("cache")
    if cache is None or hasattr(module, "sinks") or kwargs.get("block_table") is not None:
        result: tuple[torch.Tensor, torch.Tensor | None] = eager_paged_attention_forward(
            module, query, key, value, attention_mask, scaling, **kwargs
        )
        return result
    key, value = cache.update(key_states=key, value_states=value, layer_idx=module.layer_idx, kwargs=kwargs)
    queries, keys = kwargs["cu_seq_lens_q"].tolist(), kwargs["cu_seq_lens_k"].tolist()
    single = (1, key.shape[1], -1, query.shape[-1])
    out = torch.empty_like(query)
    for begin, end, first, last in zip(queries, queries[1:], keys, keys[1:], strict=False):
        if begin == end:
            continue
        # One new token: the heads that share keys become rows, which spares the kernel a copy of the keys.
        rows = single if end - begin == 1 else query.shape
        out[:, :, begin:end] = scaled_dot_product_attention(
            query[:, :, begin:end].reshape(*rows[:2], -1, rows[-1]),
            key[:, :, first:last],
            value[:, :, first:last],
            attn_mask=None if attention_mask is None else attention_mask[..., begin:end, first:last],
            scale=scaling,
            enable_gqa=rows[1] != key.shape[1],
        ).reshape(1, query.shape[1], end - begin, -1)
    return out.transpose(1, 2).contiguous(), None
