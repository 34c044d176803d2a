"""Finds personal data with a form of its own: addresses of all kinds, numbers with a check digit, order numbers. Pure.

phonenumbers and python-stdnum judge what looks like a phone, card, account or identity number. English and Chinese.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import phonenumbers
from stdnum import iban, luhn
from stdnum.cn import ric
from stdnum.us import ssn


@dataclass(frozen=True)
class Span:
    """`type` is EMAIL, PHONE, CARD, IBAN, ORDER, NAME, ADDRESS, URL, IP or ID; offsets count characters."""

    type: str
    start: int
    end: int
    text: str


TYPES: Final = ("EMAIL", "URL", "IBAN", "CARD", "ID", "IP", "ORDER", "PHONE", "ADDRESS", "NAME")
"""Where two overlap, the earlier type wins."""
REGIONS: Final = (None, "US", "GB", "DE", "CN")
"""Countries whose national way of writing a phone number is known; international ones are always."""

_URL_END: Final = r"[^\s<>\"'，。；！？）)\]]"
_PATTERNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("EMAIL", re.compile(r"[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.)+[A-Za-z]{2,24}(?![\w@])")),
    ("URL", re.compile(rf"(?:https?://|www\.){_URL_END}+", re.I)),
    (
        "ORDER",
        re.compile(
            r"(?:\b(?:order|invoice|tracking|parcel|shipment|ticket|booking|reservation|return|rma|customer|account)s?\b"
            r"|订单|運單|运单|快递|单号|发票|包裹|客户)"
            r"[ ]?(?:number|no\.?|nr\.?|id|code|编号|号码|单号|号)?[ ]?(?:is|was|[:：#=]|是|为)?[ ]?#?"
            r"(?P<value>(?=[A-Z-]{0,8}\d)[A-Z\d]{1,6}(?:-?[A-Z\d]{2,}){1,4})(?![\w-])",
            re.I,
        ),
    ),
    ("ORDER", re.compile(r"(?<![\w&])(?P<value>[A-Za-z]{1,4}\d{5,14})(?!\w)")),
    ("ORDER", re.compile(r"(?<![\w&])(?P<value>#\d{4,14}|[A-Z]{2,5}-\d{4,12}(?:-\d+)*)(?!\w)")),
    (
        "ID",
        re.compile(
            r"(?:passport|driver'?s? licen[cs]e|licen[cs]e|身份证|护照)\D{0,14}(?P<value>[A-Z]{0,3}\d{6,12}[A-Z]?)",
            re.I,
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"\b\d{1,6}[a-zA-Z]?,? (?:[A-Z][\w'.’-]*,? ){1,4}(?:St(?:reet)?|Ave(?:nue)?|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Square|Terrace|Close|Crescent|Parkway|Highway|Row|Walk)\b\.?"
            r"(?:,? (?:Apt|Apartment|Unit|Suite|Flat|#)\.? ?\w{1,5})?(?:[,\n ]{1,3}[A-Z][\w.'’-]*){0,3}(?:[, ]{1,2}[A-Z]{2})?(?:[, ]{1,2}\d{5}(?:-\d{4})?\b|[, ]{1,2}[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b)?"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"\b[A-ZÄÖÜ][\w’'-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|gade|gatan|vej|katu|straat|laan|gata|utca)\s?\d{1,4}\s?[a-z]?\b(?:,? ?\d{4,5} [A-ZÄÖÜ][\w-]+)?"
            r"|\b(?:rue|avenue|boulevard|calle|via|avenida|rua|Rue|Avenue|Boulevard|Calle|Via|Avenida|Rua) (?:[\w'’.-]+ ){1,4}\d{1,4}\b"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"(?:\b\d{1,6},? )?(?:[^\W\d_][\w.’'-]*,? ){0,3}\d{0,6},? ?\bApt\.? ?\d{1,5}\b"
            r"(?:[,\n ]{1,3}(?:[A-Z][\w.’'-]*)){0,4}(?:[,\n ]{1,3}[A-Z]{2}\b)?(?:[,\n ]{1,3}\d{3,6}(?:-\d{3,4})?\b)?",
            re.I,
        ),
    ),
    ("ADDRESS", re.compile(r"\bP\.? ?O\.? ?Box \d{1,7}\b", re.I)),
    (
        "ADDRESS",
        re.compile(
            r"\b(?:zip|postcode|postal code|post code|plz|邮编|郵編)(?: code)?\s?(?:is|[:：])?\s?(?P<value>[A-Z\d][A-Z\d -]{2,8}\d[A-Z\d]{0,2}|\d{4,6})\b",
            re.I,
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"(?:[\u4e00-\u9fff]{2,8}?(?:省|自治区))?(?:[\u4e00-\u9fff]{2,7}?(?:市|自治州))?(?:[\u4e00-\u9fff]{1,7}?(?:区|县|镇|乡))?"
            r"[\u4e00-\u9fff]{1,10}?(?:路|街|大道|巷|弄|胡同|村|小区|花园)\s?\d{1,5}\s?(?:号|弄|栋|幢|楼)(?:\s?[\dA-Za-z一二三四五六七八九十]{1,4}\s?(?:号楼|号|栋|幢|座|单元|楼|层|室|户)){0,4}(?:\s?\d{2,4}室?)?"
        ),
    ),
)
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30}\b")
_DIGITS: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){11,18}(?!\w)")
_CN_ID: Final = re.compile(r"(?<!\w)\d{17}[\dXx](?!\w)")
_SSN: Final = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_IPV4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6: Final = re.compile(r"(?<![\w:])[\da-fA-F]{0,4}(?::[\da-fA-F]{0,4}){2,7}(?![\w:])")
_PHONE_CUE: Final = re.compile(
    r"(?:phone|mobile|call|number is|tel|whatsapp|contact me (?:at|on)|电话|手机|号码|微信)\D{0,20}(?P<value>\+?\(?\d[\d\s().x-]{6,20}\d)",
    re.I,
)
_CN_MOBILE: Final = re.compile(r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")


def find(text: str) -> list[Span]:
    """All of them, overlaps and all, in no order."""
    found = [_span(kind, match) for kind, pattern in _PATTERNS for match in pattern.finditer(text)]
    return [*found, *_numbers(text), *_phones(text)]


def _span(kind: str, match: re.Match[str]) -> Span:
    group = "value" if "value" in match.re.groupindex else 0
    start, end = match.span(group)
    value = match.string[start:end]
    trimmed = value.rstrip(".,;:!?") if kind == "URL" else value.strip(" ,\n")
    start += len(value) - len(value.lstrip(" ,\n")) if kind != "URL" else 0
    return Span(kind, start, start + len(trimmed), trimmed)


def _numbers(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        if value := _iban(match[0]):
            yield Span("IBAN", match.start(), match.start() + len(value), value)
    for match in _DIGITS.finditer(text):
        if luhn.is_valid(re.sub(r"[ -]", "", match[0])):
            yield _span("CARD", match)
    yield from (_span("ID", match) for match in _CN_ID.finditer(text) if ric.is_valid(match[0].upper()))
    yield from (_span("ID", match) for match in _SSN.finditer(text) if ssn.is_valid(match[0]))
    for pattern in (_IPV4, _IPV6):
        yield from (_span("IP", match) for match in pattern.finditer(text) if _is_ip(match[0]))


def _iban(text: str) -> str:
    """The longest beginning that checks: words may follow after a space."""
    words = text.split(" ")
    for end in range(len(words), 0, -1):
        candidate = " ".join(words[:end])
        if iban.is_valid(candidate):
            return candidate
    return ""


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return len(text) > 4


def _phones(text: str) -> Iterator[Span]:
    if sum(character.isdigit() for character in text) < 7:
        return
    yield from (_span("PHONE", match) for match in _CN_MOBILE.finditer(text))
    yield from (_span("PHONE", match) for match in _PHONE_CUE.finditer(text))
    for region in REGIONS:
        for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID):
            yield Span("PHONE", match.start, match.end, match.raw_string)


@cache
def priority(kind: str) -> int:
    return TYPES.index(kind)


def apart(found: list[Span]) -> list[Span]:
    """Without overlaps, in order: the earlier type wins, then the longer span."""
    kept: list[Span] = []
    for one in sorted(found, key=lambda span: (priority(span.type), span.start - span.end, span.start)):
        if one.text and all(one.end <= other.start or one.start >= other.end for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda span: span.start)
