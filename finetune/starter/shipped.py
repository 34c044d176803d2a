"""Where the starter model lies, when this copy of the project has one. Light to import."""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "model"


def folder() -> str:
    """Its folder, or "" where there is none."""
    return str(_FOLDER) if (_FOLDER / "model.safetensors").is_file() else ""
