"""More layers, tokens and places for a model that has learnt already. HEAVY.

A new layer stands behind the one it copies, with the last matrix of its attention and of its feed-forward part at zero,
so that the grown model says exactly what the model before it said and goes on learning from there (block expansion, Wu
et al. 2024, "LLaMA Pro"). A new token begins as the mean of the tokens it is joined from.
"""

import copy
import json
import re
from typing import Any, Final

import torch

from finetune.starter import vocabulary
from finetune.starter.vocabulary import CannotGrow as CannotGrow

_LAYER: Final = re.compile(r"(.*\blayers\.)(\d+)(\..*)")
_LAST: Final = ("o_proj.weight", "down_proj.weight")
_APART: Final = 0.5
"""How far new tokens stand from the mean of their parts, measured by how far the old ones stand from each other."""


def grown(model: Any, layers: int) -> Any:
    """A new model with `layers` layers, spread evenly among the old ones. Raises CannotGrow."""
    before = int(model.config.num_hidden_layers)
    if not before < layers <= 2 * before:
        raise CannotGrow(f"A model of {before} layers can grow to {before + 1} to {2 * before}, not to {layers}.")
    places = origins(before, layers)
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = [model.config.layer_types[origin] for origin, _new in places]
    made = type(model)(config).to(dtype=model.dtype)
    state = model.state_dict()
    wanted = made.state_dict()
    if not any(name.endswith(_LAST) for name in wanted):
        raise CannotGrow(f"{type(model).__name__} names its layers otherwise than Llama and Qwen do.")
    made.load_state_dict({name: _origin(name, places, state) for name in wanted})
    return made


def origins(before: int, after: int) -> list[tuple[int, bool]]:
    """For each layer of the grown model: which one it copies, and whether it is new."""
    more = after - before
    doubled = {round((number + 1) * before / more) - 1 for number in range(more)}
    return [(layer, new) for layer in range(before) for new in ((False, True) if layer in doubled else (False,))]


def _origin(name: str, places: list[tuple[int, bool]], state: dict[str, torch.Tensor]) -> torch.Tensor:
    found = _LAYER.fullmatch(name)
    if found is None:
        return state[name]
    origin, new = places[int(found[2])]
    tensor = state[f"{found[1]}{origin}{found[3]}"]
    return torch.zeros_like(tensor) if new and name.endswith(_LAST) else tensor.clone()


@torch.no_grad()
def with_vocabulary(model: Any, before_tokenizer: Any, after_tokenizer: Any, *, seed: int = 0) -> Any:
    """The model with a row for each token that `after_tokenizer` has more; the rows of all others stay as they are."""
    known, ids = before_tokenizer.get_vocab(), after_tokenizer.get_vocab()
    parts = vocabulary.leaves(json.loads(after_tokenizer.backend_tokenizer.to_str()), known)
    if not parts:
        return model
    if (rows := max(ids.values()) + 1) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)
    said, head = model.get_input_embeddings().weight, model.get_output_embeddings()
    chance = torch.Generator().manual_seed(seed)
    for table in [said] if head is None or head.weight is said else [said, head.weight]:
        new = [[known[one] for one in leaves] for leaves in parts.values()]
        table[[ids[token] for token in parts]] = _joined(table, known, new, chance).to(table.dtype)
    return model


@torch.no_grad()
def with_tokenizer(model: Any, before_tokenizer: Any, after_tokenizer: Any, *, seed: int = 0) -> Any:
    """The model with another tokenizer: rows of the tokens that both have are kept, every other one begins as the mean
    of those it would have been cut into (fast vocabulary transfer, Gee et al. 2022). Raises CannotGrow.

    Both must be byte-level and their end and padding marks the same, so that the head's rows are those of the table.
    """
    head, old = model.get_output_embeddings(), model.get_input_embeddings().weight.detach().float().clone()
    if head is not None and head.weight is not model.get_input_embeddings().weight:
        raise CannotGrow("Only a model whose head is its table of tokens can be given another tokenizer.")
    known, ids = before_tokenizer.get_vocab(), after_tokenizer.get_vocab()
    core = before_tokenizer.backend_tokenizer.model
    kept = {token: known[token] for token in ids if token in known}
    parts = {token: [known[one.value] for one in core.tokenize(token)] for token in ids if token not in kept}
    rows = torch.zeros(max(ids.values()) + 1, old.shape[1])
    rows[[ids[token] for token in kept]] = old[list(kept.values())]
    if parts:
        chance = torch.Generator().manual_seed(seed)
        rows[[ids[token] for token in parts]] = _joined(old, known, list(parts.values()), chance)
    model.resize_token_embeddings(len(rows), mean_resizing=False)
    model.get_input_embeddings().weight.copy_(rows)
    for name in ("eos_token_id", "pad_token_id"):
        setattr(model.config, name, getattr(after_tokenizer, name))
        setattr(model.generation_config, name, getattr(after_tokenizer, name))
    return model


def _joined(table: Any, known: dict[str, int], parts: list[list[int]], chance: torch.Generator) -> torch.Tensor:
    """Where new tokens begin: each at the mean of the rows of its parts, and a little apart from it."""
    old = table[sorted(known.values())].float()
    return torch.stack([table[one].float().mean(0) for one in parts]) + _noise(old, len(parts), chance)


def _noise(old: torch.Tensor, count: int, chance: torch.Generator) -> torch.Tensor:
    """Tokens of the same parts can be told apart, which copying needs, and none leaves the space that all others fill.

    It spreads as the old rows do in every direction: where they agree (an axis that is the same for all, the space in
    which the token before is written, see `copying.py`) it adds nothing.
    """
    values, directions = torch.linalg.eigh(torch.cov(old.T))
    drawn = torch.randn(count, old.shape[1], generator=chance)
    noise: torch.Tensor = _APART * (drawn * values.clamp(min=0).sqrt()) @ directions.T
    return noise


def with_positions(model: Any, length: int) -> None:
    """Let it read `length` tokens, which it then has to learn. Raises CannotGrow where it knows each place by heart."""
    if length <= model.config.max_position_embeddings:
        return
    if not getattr(model.config, "rope_parameters", None):
        raise CannotGrow(f"This model can read {model.config.max_position_embeddings} tokens and never more.")
    model.config.max_position_embeddings = length
