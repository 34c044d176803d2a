"""Loads a causal language model and its tokenizer from a hub name or a folder. HEAVY: imports torch.

Safetensors only, no remote code. Every way this can fail becomes a LoadError whose message says what to do.
"""

from finetune import threads

threads.prepare_environment()

import logging  # noqa: E402
import os  # noqa: E402
from collections.abc import Iterable  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final, Literal  # noqa: E402

import torch  # noqa: E402

from finetune.memory import available_bytes, gib, is_out_of_memory  # noqa: E402
from finetune.records import EngineUnavailable  # noqa: E402

logger = logging.getLogger(__name__)

DType = Literal["", "float32", "bfloat16", "float16"]
_FILES: Final = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
_PICKLED: Final = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
_HEADROOM: Final = 1.15
_OTHER: Final = "Choose another GENERATOR_MODEL, or leave it empty to answer without a model."


class LoadError(EngineUnavailable):
    """The model cannot be served."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode on its device. `positions` is the longest sequence it knows, in tokens."""

    model: Any
    tokenizer: Any
    name: str
    folder: Path
    device: torch.device
    dtype: torch.dtype
    positions: int
    end_tokens: frozenset[int]


def choose_device(wanted: str = "") -> torch.device:
    """The device of that name, or CUDA where there is one, else the CPU. Raises LoadError."""
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise LoadError(f"{wanted!r} is no device: write cpu, cuda or cuda:0.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LoadError(
            "GENERATOR_DEVICE asks for CUDA, but this torch sees no GPU. Install the CUDA build of torch "
            "(docs/generators.md), or leave GENERATOR_DEVICE empty."
        )
    return device


def choose_dtype(wanted: DType, device: torch.device, *, cpu_flags: Iterable[str]) -> torch.dtype:
    """16 bits where the hardware computes with them, else float32.

    Measured with native bfloat16 (avx512_bf16): equal speed at one answer, 1.2 times at eight, half the memory.
    Without it a CPU emulates bfloat16, so float32 stays.
    """
    if wanted:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if {"avx512_bf16", "amx_bf16"} & set(cpu_flags) else torch.float32


def computes_bfloat16(device: torch.device) -> bool:
    """Whether training there may compute with bfloat16. Emulated, a step takes twenty times as long (AVX2)."""
    return choose_dtype("", device, cpu_flags=cpu_flags()) == torch.bfloat16


def cpu_flags() -> frozenset[str]:
    """Instruction sets of this CPU as Linux names them; empty elsewhere."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


def load(name: str, *, device: str = "", dtype: DType = "") -> LoadedModel:
    """Load `name`, a folder or a hub name such as Qwen/Qwen3-0.6B. Downloads show a bar on stderr. Raises LoadError."""
    if not name.strip():
        raise LoadError("No model is named: set GENERATOR_MODEL to a hub name or a folder.")
    target = choose_device(device)
    number = choose_dtype(dtype, target, cpu_flags=cpu_flags())
    folder = find(name)
    check_files(folder, name)
    check_memory(folder, name, target, number)
    torch.set_num_threads(threads.model_threads())
    try:
        return _load(name, folder, target, number)
    except LoadError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise LoadError(f"{name} does not fit into the memory of {target.type}. {_OTHER}", lasting=False) from error
        logger.debug("Loading %s failed.", name, exc_info=True)
        raise LoadError(f"{name} cannot be loaded: {_first_line(error)} {_OTHER}") from error


def find(name: str) -> Path:
    """The folder of the model; downloads it from the hub when `name` is no folder. Raises LoadError."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise LoadError(f"There is no folder {name}. Check GENERATOR_MODEL.")
    return _download(name)


def _download(name: str) -> Path:
    from huggingface_hub import errors as hub
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except hub.GatedRepoError as error:
        raise LoadError(f"{name} wants its licence accepted first: do so on its hub page and set HF_TOKEN.") from error
    except hub.RepositoryNotFoundError as error:
        raise LoadError(f"The hub knows no model {name} (or it is private). Check GENERATOR_MODEL.") from error
    except hub.HFValidationError as error:
        raise LoadError(f"{name!r} is neither a folder nor a hub name like Qwen/Qwen3-0.6B.") from error
    except (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled, hub.HfHubHTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno == 28:
            raise LoadError(f"The disk is full: {name} cannot be stored.", lasting=False) from error
        why = "HF_HUB_OFFLINE is set and the model is not here yet" if _offline() else "the model hub is out of reach"
        raise LoadError(
            f"{name} cannot be fetched: {why}. Check the network, or copy the model's folder to this machine and set "
            "GENERATOR_MODEL to its path.",
            lasting=False,
        ) from error
    except Exception as error:  # httpx and others below the hub's client
        raise LoadError(f"{name} cannot be fetched: {_first_line(error)}", lasting=False) from error


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}


def check_files(folder: Path, name: str) -> None:
    """Refuse a folder that is no model, or a model that only comes as a pickle. Raises LoadError."""
    if not (folder / "config.json").is_file():
        raise LoadError(f"{name} has no config.json, so it is no model for transformers. {_OTHER}")
    if not any(folder.glob("*.safetensors")):
        if any(True for pattern in _PICKLED for _ in folder.glob(pattern)):
            raise LoadError(
                f"{name} comes only as a pickle, which could run code on this machine. Use a model with safetensors, "
                "or convert it in a place you trust."
            )
        raise LoadError(f"{name} has no weights (*.safetensors). Download it again. {_OTHER}")


def check_memory(folder: Path, name: str, device: torch.device, dtype: torch.dtype) -> None:
    """Refuse weights that cannot fit before the kernel kills the process over them. Raises LoadError."""
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    # Weights are nearly always stored with 16 bits; a wrong guess only moves the early warning.
    needed = int(stored * (2 if dtype == torch.float32 else 1) * _HEADROOM)
    free = available_bytes(device)
    if free is not None and needed > free and needed > 512 * 1024**2:
        raise LoadError(
            f"{name} needs about {gib(needed)} of memory and {gib(free)} are free on {device.type}. Free some, take a "
            "smaller model, or let another machine serve it (OPENAI_BASE_URL).",
            lasting=False,
        )


def _load(name: str, folder: Path, device: torch.device, dtype: torch.dtype) -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if len(tokenizer) == 0 or not tokenizer("a", add_special_tokens=False)["input_ids"]:
        raise LoadError(f"{name} has no usable tokenizer. {_OTHER}")
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=dtype,
        attn_implementation=_attention(device),
        low_cpu_mem_usage=True,
    )
    model = model.to(device).eval()
    model.requires_grad_(False)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        name=name,
        folder=folder,
        device=device,
        dtype=dtype,
        positions=int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 1_000_000),
        end_tokens=end_tokens(model, tokenizer),
    )


def _attention(device: torch.device) -> str:
    import importlib.util

    return "flash_attention_2" if device.type == "cuda" and importlib.util.find_spec("flash_attn") else "sdpa"


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: what the model names, the tokenizer names, and the template writes."""
    from finetune.prompt import encode, turn_end

    named = (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id)
    ends = {
        int(token) for value in named for token in (value if isinstance(value, list) else [value]) if token is not None
    }
    closing = encode(tokenizer, turn_end(tokenizer)) if tokenizer.chat_template else []
    if len(closing) == 1 and closing[0] in tokenizer.added_tokens_decoder:
        ends.add(closing[0])
    return frozenset(ends)


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return line if line.endswith((".", "!", "?")) else f"{line}."
