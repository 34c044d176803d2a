"""Where the starter model lies, when this copy of the project has one. Light to import."""

from pathlib import Path
from typing import Final

from django.conf import settings

_FOLDER: Final = Path(__file__).parent / "model"


def folder() -> str:
    """Its folder, or "" where there is none."""
    return str(_FOLDER) if (_FOLDER / "model.safetensors").is_file() else ""


def default_base() -> str:
    """What is trained where nobody names a base: GENERATOR_MODEL, or the starter model where it is shipped."""
    return str(settings.GENERATOR_MODEL) or folder()
