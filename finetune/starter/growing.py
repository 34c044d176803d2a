"""More layers for a model that has learnt already: copies that add nothing at first. HEAVY.

A new layer stands behind the one it copies, with the last matrix of its attention and of its feed-forward part at zero,
so that the grown model says exactly what the model before it said and goes on learning from there (block expansion, Wu
et al. 2024, "LLaMA Pro").
"""

import copy
import re
from typing import Any, Final

import torch

_LAYER: Final = re.compile(r"(.*\blayers\.)(\d+)(\..*)")
_LAST: Final = ("o_proj.weight", "down_proj.weight")


class CannotGrow(ValueError):
    """The model cannot be grown so; the message is a sentence."""


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
