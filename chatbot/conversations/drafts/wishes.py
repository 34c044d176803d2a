"""An agent's wish for a draft ("shorter", "offer the refund"): what becomes of it without a model that could read it.

Pure. A generative engine is given the wish with the question; the extractive one only knows how to be shorter, and says
so of anything else. Nothing is ever added that no passage says.
"""

import re
from typing import Final

from django.utils.translation import gettext as _

from finetune.support import sentences

_SHORTER: Final = re.compile(r"\b(short|shorter|brief|briefer|concise|less)\b|短|简|精简", re.IGNORECASE)
_NO_MODEL: Final = ("extractive", "")


def applied(text: str, wish: str, *, engine: str) -> tuple[str, str]:
    """The draft after the wish, and what the agent should know about it (empty: nothing)."""
    if not wish.strip() or engine not in _NO_MODEL:
        return text, ""
    if _SHORTER.search(wish):
        return shorter(text), ""
    return text, _("The present engine quotes the documents and cannot do this; it is the usual draft.")


def shorter(text: str) -> str:
    """The first half of the sentences, at least one."""
    said = sentences(text)
    kept = said[: max(1, (len(said) + 1) // 2)] if len(said) > 1 else said
    glue = "" if re.search(r"[。！？]", text) else " "
    return glue.join(one.strip() for one in kept) if said else text
