"""Bytes to text: character sets, line ends, forbidden characters, titles and dates. Pure but for the detector."""

import codecs
import re
import unicodedata
from datetime import date
from typing import Final

from retrieval.extraction.outcomes import BINARY, MAX_TITLE, Extracted, Refused

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE: Final = 64 * 1024
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
# Characters that turn the reading direction or hide text; they never carry a fact.
_INVISIBLE: Final = re.compile(r"[\u200b\u2060\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_HEADING: Final = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ["january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sep sept", "october oct", "november nov", "december dec"], start=1,
    )
    for name in names.split()
}  # fmt: skip
_SAYS_UPDATED: Final = re.compile(
    r"(?:last\s+(?:updated?|changed|modified|reviewed|revised)|updated(?:\s+on)?"
    r"|最后更新|最近更新|更新日期|更新于|更新时间|最後更新|修订日期)\s*[:：]?\s*(?:on\s+)?[*_]*\s*"
    r"(?:(?P<iso>\d{4}-\d{1,2}-\d{1,2})|(?P<zh>\d{4}\s*年\s*\d{1,2}\s*月\s*\d{1,2}\s*日)"
    r"|(?P<dmy>\d{1,2}\.?\s+[A-Za-z]+\.?,?\s+\d{4})|(?P<mdy>[A-Za-z]+\.?\s+\d{1,2},?\s+\d{4}))",
    re.IGNORECASE,
)


def decode(data: bytes, declared: str = "") -> str:
    """Text of unknown encoding. Order: byte order mark, UTF-8, what was declared, a detector. Raises Refused."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").lstrip("\ufeff")
    if b"\x00" in data[:_SAMPLE] and (guess := _utf16_without_mark(data)):
        return data.decode(guess, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A handful of broken bytes in a long UTF-8 file is damage, not another encoding.
        if error.start > 2000 and data.decode("utf-8", "replace").count("\ufffd") * 500 < len(data):
            return data.decode("utf-8", "replace")
    for name in (declared, _detected(data)):
        if not name:
            continue
        try:
            return data.decode(name)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    raise Refused(BINARY)


def _utf16_without_mark(data: bytes) -> str:
    sample = data[: _SAMPLE & ~1]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(len(sample) // 2, 1)
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _detected(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE], cp_exclusion=["cp037", "cp500", "cp1026", "cp424", "cp273", "cp1140"]).best()
    if best is None:
        return ""
    # Its supersets decode everything the older Chinese sets do, and more.
    return {"gb2312": "gb18030", "gbk": "gb18030", "hz": "gb18030"}.get(best.encoding, best.encoding)


def clean(text: str) -> str:
    """Unix line ends; no NUL, control or direction-changing characters; at most one blank line in a row."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n").replace("\u2028", "\n")
    text = _INVISIBLE.sub("", _CONTROL.sub("", text)).encode("utf-8", "replace").decode("utf-8")
    lines = [line.rstrip() for line in text.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def is_mostly_printable(text: str) -> bool:
    """False for binary data that happened to decode."""
    sample = text[:20_000]
    odd = sum(1 for char in sample if unicodedata.category(char) in ("Cc", "Cn", "Co") and char not in "\t\n\r\x0c")
    return odd * 20 <= len(sample) + 20


def one_line(text: str, limit: int = MAX_TITLE) -> str:
    return " ".join(clean(text).split())[:limit]


def first_heading(markdown: str) -> str:
    match = _HEADING.search(markdown[:20_000])
    return one_line(re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", match[1])) if match else ""


def says_updated(markdown: str) -> date | None:
    """The date after words such as "Last updated:" or 最后更新, at the top or the bottom of the text."""
    ends = markdown[:1500] + "\n" + markdown[-800:]
    match = _SAYS_UPDATED.search(ends)
    return parse_date(match[0][match.start(match.lastgroup) - match.start() :]) if match and match.lastgroup else None


def parse_date(text: str) -> date | None:
    """ISO, Chinese, `12 March 2026` or `March 12, 2026` (each may be followed by more); None for anything else."""
    numbers = [int(number) for number in re.findall(r"\d+", text[:40])]
    word = re.search(r"[A-Za-z]{3,}", text[:40])
    try:
        if re.match(r"\s*\d{4}\s*[-/.年]", text) and len(numbers) >= 3:
            return date(*numbers[:3])
        if word and word[0].lower() in _MONTHS and len(numbers) >= 2:
            return date(numbers[1], _MONTHS[word[0].lower()], numbers[0])
    except (ValueError, OverflowError):
        return None
    return None


def extract_text(data: bytes, *, charset: str = "", name: str = "") -> Extracted:
    """A plain text file: its lines are kept; the first short line is the title."""
    text = decode(data, charset)
    if not is_mostly_printable(text):
        raise Refused(BINARY)
    body = clean(text)
    first = body.lstrip().split("\n", 1)[0].strip()
    title = one_line(first) if 0 < len(first) <= 120 and not first.endswith((".", "。", ",", ";")) else ""
    return Extracted(body, title=title, updated=says_updated(body))
