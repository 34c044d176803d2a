"""Which language the widget speaks, which way it runs, and which of an inbox's own texts fit it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.conf import settings
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

_RTL: Final = {"ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"}


def clean(tag: str | None) -> str:
    """A language tag in lower case, or nothing when it is none."""
    tag = (tag or "").strip().lower().replace("_", "-")
    return tag if len(tag) <= 16 and tag.replace("-", "").isalnum() and tag.isascii() else ""


def for_texts(tag: str | None) -> str:
    """The catalogue to use for the product's own words: the nearest one there is, else the default."""
    try:
        return get_supported_language_variant(clean(tag) or settings.LANGUAGE_CODE)
    except LookupError:
        return settings.LANGUAGE_CODE


def of_headers(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The first language an ASGI client accepts that has a catalogue, else the default."""
    accepted = b",".join(value for name, value in headers if name == b"accept-language").decode("latin-1")
    return preferred(accepted)


def preferred(accept_language: str) -> str:
    for tag, _quality in parse_accept_lang_header(accept_language):
        try:
            return get_supported_language_variant(tag)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def direction(tag: str) -> str:
    """`rtl` or `ltr`."""
    return "rtl" if tag.split("-")[0] in _RTL else "ltr"


def pick(texts: object, tag: str) -> Any:
    """The entry of {"en": …, "zh-hans": …} that fits best: exact, same catalogue, same base language, default, any."""
    if not isinstance(texts, Mapping) or not texts:
        return None
    known = {str(name).lower(): value for name, value in texts.items()}
    tag = clean(tag)
    base = tag.split("-")[0]
    wanted = [tag, for_texts(tag) if base == for_texts(tag).split("-")[0] else "", base]
    wanted += [name for name in known if name.split("-")[0] == base]
    wanted += [settings.LANGUAGE_CODE, *known]
    return next(known[name] for name in wanted if name in known)
