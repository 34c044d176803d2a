"""What an adapter folder may hold, its name, and a weaker copy of it. Files only: no torch, no database.

An adapter is `adapter_config.json` + `adapter_model.safetensors`. Anything that could run code when it is loaded
(pickles in every disguise) is refused, and so is a config that is not a plain LoRA.
"""

import hashlib
import json
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from finetune.records import EngineUnavailable

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
PICKLES: Final = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz"})
CODE: Final = frozenset({".py", ".so", ".pyc"})
_CONFIG_BYTES: Final = 1024 * 1024
_HEADER_BYTES: Final = 64 * 1024 * 1024
_PREFIX: Final = "base_model.model."


class AdapterRefused(EngineUnavailable):
    """The folder is no adapter we load."""


@dataclass(frozen=True)
class AdapterFiles:
    """A checked folder. `shapes` maps tensor names to shapes, without reading the tensors."""

    folder: Path
    digest: str
    base_model: str
    rank: int
    shapes: dict[str, tuple[int, ...]]

    def targets(self) -> dict[str, tuple[int, int]]:
        """Module path in the base model -> (features out, features in) that the adapter was made for."""
        inner: dict[str, int] = {}
        outer: dict[str, int] = {}
        for name, shape in self.shapes.items():
            path = name.removeprefix(_PREFIX)
            if path.endswith(".lora_A.weight") and len(shape) == 2:
                inner[path.removesuffix(".lora_A.weight")] = shape[1]
            elif path.endswith(".lora_B.weight") and len(shape) == 2:
                outer[path.removesuffix(".lora_B.weight")] = shape[0]
        return {path: (outer[path], inner[path]) for path in inner if path in outer}


def inspect(folder: Path) -> AdapterFiles:
    """Check the folder and name it. Raises AdapterRefused."""
    if not folder.is_dir():
        raise AdapterRefused(f"There is no adapter folder at {folder}.")
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICKLES | CODE:
            raise AdapterRefused(
                f"The adapter folder holds {path.name}, which can run code when it is loaded. Save the adapter as "
                "safetensors (save_pretrained does) and remove that file."
            )
    config = _read_config(folder / CONFIG)
    shapes = _read_shapes(folder / WEIGHTS)
    return AdapterFiles(
        folder=folder,
        digest=_digest(folder),
        base_model=str(config.get("base_model_name_or_path") or "")[:300],
        rank=int(config.get("r") or 0) if str(config.get("r") or 0).isdigit() else 0,
        shapes=shapes,
    )


def inspect_weights(folder: Path) -> None:
    """Whether the weights are whole, whatever else is in the folder (a checkpoint). Raises AdapterRefused."""
    _read_shapes(folder / WEIGHTS)


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise AdapterRefused(f"The adapter folder has no {CONFIG}.")
    if path.stat().st_size > _CONFIG_BYTES:
        raise AdapterRefused(f"{CONFIG} is larger than any real one.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise AdapterRefused(f"{CONFIG} cannot be read: {error}") from error
    if not isinstance(config, dict) or str(config.get("peft_type", "")).upper() != "LORA":
        raise AdapterRefused("Only LoRA adapters can be served (peft_type LORA).")
    return config


def _read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The safetensors header: 8 bytes of length, then JSON. Sizes are checked against the file."""
    if not path.is_file():
        raise AdapterRefused(f"The adapter folder has no {WEIGHTS}.")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(_HEADER_BYTES, size - 8):
                raise ValueError("the header is longer than the file")
            header = json.loads(file.read(length))
        shapes = {
            str(name): tuple(int(n) for n in row["shape"]) for name, row in header.items() if name != "__metadata__"
        }
        end = max((int(row["data_offsets"][1]) for name, row in header.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, struct.error) as error:
        raise AdapterRefused(f"{WEIGHTS} is damaged: {error}") from error
    if not shapes or end != size - 8 - length:
        raise AdapterRefused(f"{WEIGHTS} is cut off or empty: copy it again.")
    return shapes


def _digest(folder: Path) -> str:
    """SHA-256 over names and contents of both files."""
    total = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        content = hashlib.sha256()
        with (folder / name).open("rb") as file:
            while block := file.read(1024 * 1024):
                content.update(block)
        total.update(f"{name}\x00{content.hexdigest()}\n".encode())
    return total.hexdigest()


def scale(source: Path, target: Path, factor: float) -> None:
    """The same weights in a new folder, so much of their way from the base model. Raises AdapterRefused, OSError."""
    config = _read_config(source / CONFIG)
    target.mkdir(parents=True)
    shutil.copyfile(source / WEIGHTS, target / WEIGHTS)
    scaled = {**config, "lora_alpha": round(float(config.get("lora_alpha") or 0) * factor, 6)}
    (target / CONFIG).write_text(json.dumps(scaled, indent=2, sort_keys=True), encoding="utf-8")
    inspect(target)
