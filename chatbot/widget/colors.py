"""Readable colours from an inbox's one colour: contrast of at least 4.5 to 1 (WCAG AA), in light and in dark. Pure."""

import re
from dataclasses import dataclass
from typing import Final

Rgb = tuple[int, int, int]

AA: Final = 4.5
LIGHT: Final[Rgb] = (255, 255, 255)
INK: Final[Rgb] = (23, 24, 28)
DARK: Final[Rgb] = (38, 40, 48)
"""The lightest surface of the dark theme that accents stand on."""
_DEFAULT: Final[Rgb] = (31, 111, 235)


@dataclass(frozen=True)
class Palette:
    """Hex colours: the brand, text on it, its shade, and the brand as text on light and on dark surfaces."""

    brand: str
    on_brand: str
    depth: str
    """Black or white: mixed into the brand it never costs contrast."""
    on_light: str
    on_dark: str


def palette(color: str) -> Palette:
    """From `#rrggbb`; anything else gives the default colour."""
    brand = _parse(color)
    on_brand = LIGHT if contrast(LIGHT, brand) >= AA or contrast(LIGHT, brand) >= contrast(INK, brand) else INK
    if contrast(on_brand, brand) < AA:
        brand = _towards(brand, (0, 0, 0) if on_brand == LIGHT else LIGHT, against=on_brand)
    return Palette(
        _hex(brand),
        _hex(on_brand),
        "#000000" if on_brand == LIGHT else "#ffffff",
        _hex(_towards(brand, (0, 0, 0), against=LIGHT)),
        _hex(_towards(brand, LIGHT, against=DARK)),
    )


def contrast(one: Rgb, other: Rgb) -> float:
    """Contrast ratio of WCAG, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Rgb) -> float:
    parts = [c / 255 for c in color]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _towards(color: Rgb, end: Rgb, *, against: Rgb) -> Rgb:
    """The first colour on the way to `end` that is readable on `against`."""
    for step in range(41):
        mixed = _mix(color, end, step / 40)
        if contrast(mixed, against) >= AA:
            return mixed
    return end


def _mix(color: Rgb, end: Rgb, share: float) -> Rgb:
    r, g, b = (round(c + (e - c) * share) for c, e in zip(color, end, strict=True))
    return r, g, b


def _parse(color: str) -> Rgb:
    match = re.fullmatch(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", color.strip())
    return (int(match[1], 16), int(match[2], 16), int(match[3], 16)) if match else _DEFAULT


def _hex(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
