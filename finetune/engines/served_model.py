"""A loaded model with at most one LoRA adapter, and the library's batching managers over it. HEAVY.

Nothing here may run while a manager of this model runs: an adapter set during generation corrupts every answer. The
engine (`batching`) stops the manager first and takes a new one after, so no cached prefix outlives its weights.
"""

import gc
import importlib.util
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

import torch

from finetune import base_model, garbage, lending
from finetune.adapter_files import AdapterFiles, AdapterRefused
from finetune.engines import paged_attention
from finetune.engines.admission import CachePlan, Wishes, plan_cache
from finetune.memory import available_bytes, is_out_of_memory
from finetune.records import EngineConfig, EngineUnavailable

logger = logging.getLogger(__name__)

_START_SECONDS: Final = 120.0
_CPU_SHARE: Final = 0.4
_CUDA_SHARE: Final = 0.8


class ServedModel:
    """Call its methods from one thread at a time, with no manager running."""

    def __init__(self, config: EngineConfig, *, weights: Callable[[], base_model.LoadedModel] | None = None) -> None:
        """`weights` gives a bare model; by default it is loaded from its files."""
        importlib.import_module("peft")  # early, because it stays
        garbage.settle()
        self._config = config
        self._weights = weights or partial(_load, config)
        self.loaded = self._weights()
        self.adapter: AdapterFiles | None = None
        self._peft: Any = None
        self.wishes = Wishes(config.context_tokens, config.max_new_tokens, config.batch)
        self.plan = self._plan()

    def _plan(self) -> CachePlan:
        loaded = self.loaded
        text = loaded.model.config.get_text_config()
        cuda = loaded.device.type == "cuda"
        heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        free = available_bytes(loaded.device) or 2 * 1024**3
        asked = self._config.options.get("cache_gib", 0.0)
        return plan_cache(
            self.wishes,
            bytes_per_token=2 * text.num_hidden_layers * heads * width * loaded.dtype.itemsize,
            budget_bytes=int(asked * 1024**3) if asked else int(free * (_CUDA_SHARE if cuda else _CPU_SHARE)),
            positions=loaded.positions,
            page_size=256 if _flash(loaded.device) else 16,
            batch_tokens=max(2048 if cuda else 512, self.wishes.batch),
        )

    def use(self, adapter: AdapterFiles | None) -> None:
        """Switch to the adapter, or to the bare base model. Raises EngineUnavailable, with the earlier state back."""
        if adapter is not None:
            self._check_fits(adapter)
        before = self.adapter
        self._unload()
        if adapter is None:
            return
        try:
            self._load(adapter)
        except Exception as error:
            logger.warning("Loading adapter %s failed; the model is loaded again.", adapter.digest[:12], exc_info=True)
            self._fresh_base()
            if before is not None:
                self._load(before)
            raise EngineUnavailable(
                f"The adapter {adapter.digest[:12]} cannot be loaded: {type(error).__name__}. The one before it stays.",
                lasting=not is_out_of_memory(error),
            ) from error

    def _unload(self) -> None:
        if self._peft is not None:
            self.loaded = replace(self.loaded, model=self._peft.unload())
            self._peft = None
        self.adapter = None

    def _load(self, adapter: AdapterFiles) -> None:
        from peft import PeftModel

        self._peft = PeftModel.from_pretrained(
            self.loaded.model, str(adapter.folder), adapter_name="active", is_trainable=False, use_safetensors=True
        )
        self._peft.set_adapter("active", inference_mode=True)
        self._peft.eval()
        self.adapter = adapter

    def _fresh_base(self) -> None:
        """A failed load may leave half an adapter inside the layers: start from the files again."""
        self._peft = None
        self.adapter = None
        self.loaded = self._weights()

    def lent(self) -> tuple[base_model.LoadedModel, lending.Tensors]:
        """What a second model over these weights is made of (`finetune.lending`). A manager may run meanwhile."""
        return self.loaded, lending.tensors_of(self.loaded.model)

    def _check_fits(self, adapter: AdapterFiles) -> None:
        targets = adapter.targets()
        modules = _plain_names(self.loaded.model)
        for path, (outer, inner) in targets.items():
            module = modules.get(path)
            weight = getattr(getattr(module, "base_layer", module), "weight", None)
            if weight is None or tuple(weight.shape) not in ((outer, inner), (inner, outer)):
                raise AdapterRefused(
                    f"The adapter {adapter.digest[:12]} was trained for another base model "
                    f"({adapter.base_model or 'unnamed'}), not for {self.loaded.name}."
                )

    def start_manager(self) -> Any:
        """A running manager with an empty cache. Its thread is a daemon when the calling thread is one.

        Raises EngineUnavailable when the cache cannot be made or the architecture cannot be batched.
        """
        try:
            return self._start_manager()
        except EngineUnavailable:
            raise
        except Exception as error:
            raise _unavailable(self.loaded.name, error) from error

    def _start_manager(self) -> Any:
        import transformers

        plan = self.plan
        settings: dict[str, Any] = {"do_sample": False, "eos_token_id": sorted(self.loaded.end_tokens) or -1}
        generation = cast(Any, transformers.GenerationConfig)(max_new_tokens=16, **settings)
        manager = self.loaded.model.init_continuous_batching(
            generation_config=generation,
            continuous_batching_config=transformers.ContinuousBatchingConfig(
                page_size=plan.page_size,
                num_blocks=plan.pages,
                max_batch_tokens=plan.batch_tokens,
                max_requests_per_batch=self.wishes.batch,
                # Safe: prefixes live as long as the manager, and the manager as long as the adapter.
                allow_block_sharing=True,
                # Without this the library asks the hub for attention kernels.
                auto_switch_to_flash=False,
            ),
        )
        manager.start()
        deadline = time.monotonic() + _START_SECONDS
        while manager.batch_processor is None:
            if not manager.is_running() or time.monotonic() > deadline:
                raise _unavailable(self.loaded.name, manager.background_thread_status.fatal_error)
            time.sleep(0.002)
        return manager


def _load(config: EngineConfig) -> base_model.LoadedModel:
    loaded = base_model.load(config.model, device=config.device, dtype=config.dtype)
    if loaded.device.type == "cpu":
        paged_attention.register()
        loaded.model.set_attn_implementation(paged_attention.NAME)
    return loaded


def stop_manager(manager: Any, *, timeout: float) -> bool:
    """End a manager and its thread at once; False when the thread did not end in time.

    The library collects garbage and empties the device's cache at the end of it; doing it twice made half of the time
    that a change of adapter takes.
    """
    try:
        manager.stop(block=True, timeout=timeout, hard_stop=True)
    except Exception as error:  # noqa: BLE001 - a manager that died has nothing left to stop
        logger.debug("A manager did not stop cleanly: %s", error)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return not manager.is_running()


def _unavailable(name: str, error: BaseException | None) -> EngineUnavailable:
    if error is not None and is_out_of_memory(error):
        return EngineUnavailable(
            f"Not enough memory to serve {name}: lower GENERATOR_BATCH or GENERATOR_CONTEXT_TOKENS.", lasting=False
        )
    return EngineUnavailable(f"{name} cannot be served in batches: {error or 'its engine did not start'}.")


def _plain_names(model: Any) -> dict[str, Any]:
    """Modules by the names they have without an adapter in them."""
    return {name.replace(".base_layer", ""): module for name, module in model.named_modules() if ".lora_" not in name}


def _flash(device: torch.device) -> bool:
    return device.type == "cuda" and importlib.util.find_spec("flash_attn") is not None
