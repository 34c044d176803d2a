"""A second model over the same weights: modules of its own, tensors that are shared and never written. HEAVY.

One engine holds one adapter, because an adapter sits inside the layers. So two adapters that answer at the same time
need two sets of layers, but the weights below them only once. Changes no default of torch while it builds: another
engine of this process is computing.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from finetune.base_model import LoadedModel
from finetune.records import EngineUnavailable

Tensors = dict[str, torch.Tensor]


def tensors_of(model: Any) -> Tensors:
    """Parameters and buffers by the names they have without an adapter. Not while an adapter goes in or out."""
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return {_plain(name): tensor for name, tensor in named if ".lora_" not in name and ".modules_to_save." not in name}


def borrowed(loaded: LoadedModel, tensors: Tensors) -> LoadedModel:
    """A model like `loaded` over `tensors`, with a tokenizer of its own. Raises EngineUnavailable."""
    from transformers import AutoTokenizer

    with torch.device("meta"):
        model: Any = type(loaded.model)(copy.deepcopy(loaded.model.config))
    missing = [name for name in _hang_in(model, tensors) if name]
    if missing:
        raise EngineUnavailable(f"{loaded.name} cannot be served twice: {missing[0]} has no weights.")
    model.generation_config = copy.deepcopy(loaded.model.generation_config)
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(loaded.folder, trust_remote_code=False)
    return replace(loaded, model=model, tokenizer=tokenizer)


def _hang_in(model: Any, tensors: Tensors) -> Iterator[str]:
    """Exchange every tensor of the skeleton; gives the names of those that were not lent."""
    for path, module in list(model.named_modules()):
        for leaf in list(module._parameters):
            if module._parameters[leaf] is not None:
                name = f"{path}.{leaf}".removeprefix(".")
                if name in tensors:
                    module._parameters[leaf] = tensors[name]
                else:
                    yield name
        for leaf in list(module._buffers):
            if module._buffers[leaf] is not None:
                name = f"{path}.{leaf}".removeprefix(".")
                if name in tensors:  # small, and some models renew theirs as texts grow: a copy
                    module._buffers[leaf] = tensors[name].clone()
                else:
                    yield name


def _plain(name: str) -> str:
    return name.replace(".base_layer.", ".").replace(".original_module.", ".")
