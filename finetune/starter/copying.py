"""First weights that can look back: a head for "the token before", then two for "what followed it the last time".

A small model answers from passages by copying, and the two-layer circuit that copies (induction heads, Olsson et al.
2022) took longer to form by itself than we can train on a CPU: not after 2.8 million tokens, nor after 1 million tokens
of nothing but echoes. Begun from these weights it stands after 0.06 million. The idea of first weights that imitate what
training would find is mimetic initialisation (Trockman & Kolter 2023). Everything stays trainable. HEAVY: imports torch.
"""

from typing import Any, Final

import torch

SHARPNESS: Final = 2.0
"""Gain of the queries' norm in both layers: how firmly they look at one place."""
FAST: Final = 0.1
SLOW: Final = 0.02
"""Radians per position. Fast pairs of a rotary head tell places apart; slow ones compare contents over any distance."""


@torch.no_grad()
def initialise(model: Any, *, seed: int = 0) -> None:
    """Set parts of a fresh Qwen3 model (two layers or more, tied embeddings, q/k norms); the rest keeps its chance."""
    shape = model.config
    size, head = shape.hidden_size, shape.head_dim
    if shape.num_hidden_layers < 2 or size < 3 * head:
        return  # no room for the circuit
    chance = torch.Generator().manual_seed(seed)
    turned, _ = torch.linalg.qr(torch.randn(size - 1, size - 1, generator=chance))
    basis = torch.zeros(size, size - 1)
    basis[1:] = turned
    before, free = basis[:, :head], basis[:, head:]
    words = model.model.embed_tokens.weight
    # Nothing of a token itself stands where the one before is written; axis 0 is the same for all tokens.
    words -= (words @ before) @ before.T
    words[:, 0] = float(words.std()) * 16
    speeds = model.model.rotary_emb.inv_freq
    _previous(model.model.layers[0].self_attn, speeds, before, free[:, :head], head)
    _followed(model.model.layers[1].self_attn, speeds, before, free, shape)


def _previous(attention: Any, speeds: torch.Tensor, before: torch.Tensor, read: torch.Tensor, head: int) -> None:
    """Head 0 looks one place back: key and query are constants that rotation makes agree at that distance alone."""
    attention.q_proj.weight[:head] = 0
    attention.k_proj.weight[:head] = 0
    for pair, speed in enumerate(speeds):
        if speed > FAST:
            attention.q_proj.weight[pair, 0] = 1
            attention.k_proj.weight[pair, 0] = torch.cos(speed)
            attention.k_proj.weight[pair + head // 2, 0] = torch.sin(speed)
    attention.q_norm.weight.fill_(SHARPNESS)
    attention.v_proj.weight[:head] = read.T
    attention.o_proj.weight[:, :head] = before * 0.1


def _followed(attention: Any, speeds: torch.Tensor, before: torch.Tensor, free: torch.Tensor, shape: Any) -> None:
    """One head for each pair of key and value looks for places whose token before is this one, and says what is there."""
    head, group = shape.head_dim, shape.num_attention_heads // shape.num_key_value_heads
    slow = [pair for pair, speed in enumerate(speeds) if speed < SLOW]
    places = [*slow, *(pair + head // 2 for pair in slow)]
    for number in range(min(shape.num_key_value_heads, free.shape[1] // head)):
        said = free[:, number * head : (number + 1) * head]
        rows = slice(number * group * head, (number * group + 1) * head)
        query, key = torch.zeros(head, shape.hidden_size), torch.zeros(head, shape.hidden_size)
        for place, axis in zip(places, range(len(places)), strict=True):
            query[place], key[place] = free[:, axis], before[:, axis]
        attention.q_proj.weight[rows] = query
        attention.k_proj.weight[number * head : (number + 1) * head] = key
        attention.v_proj.weight[number * head : (number + 1) * head] = said.T
        attention.o_proj.weight[:, rows] = said * 0.3
    attention.q_norm.weight.fill_(SHARPNESS)
