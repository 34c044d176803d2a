"""Facts that an answer must not change: amounts, times, dates, addresses of every kind, names and product codes.

Pure. A fact is equal when its normal form is equal: 1,000 g is 1000 g, 三十天 is 30 days, 2 p.m. is 14:00. It finds
what is written, it does not compute (one week is not seven days).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from finetune.terms import is_stopword, normalise

FactKind = Literal["number", "money", "percent", "time", "date", "email", "phone", "url", "name", "code"]


@dataclass(frozen=True)
class Fact:
    """`unit` is a measure or a currency, empty when none was written."""

    kind: FactKind
    value: str
    unit: str = ""


_WORDS_EN: Final = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100"}
_DIGITS_ZH: Final = dict(zip("零一二三四五六七八九", range(10), strict=True)) | {"两": 2, "兩": 2, "〇": 0}
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
_UNITS: Final = {
    form: name
    for name, forms in {
        "second": "second seconds sec secs 秒 秒钟",
        "minute": "minute minutes min mins 分钟 分鐘",
        "hour": "hour hours hr hrs 小时 小時 个小时",
        "day": "day days 天 日 个工作日 工作日 个自然日 自然日",
        "week": "week weeks 周 星期 个星期 週",
        "month": "month months 个月 個月",
        "year": "year years yr yrs 年",
        "g": "g gram grams 克",
        "kg": "kg kilo kilos kilogram kilograms 公斤 千克",
        "mm": "mm millimetre millimetres millimeter millimeters 毫米",
        "cm": "cm centimetre centimetres centimeter centimeters 厘米 公分",
        "m": "metre metres meter meters 米",
        "km": "km kilometre kilometres kilometer kilometers 公里",
        "l": "litre litres liter liters 升",
        "ml": "ml 毫升",
        "c": "°c ℃ 摄氏度",
        "time": "times 次",
        "piece": "piece pieces 件",
        "gb": "gb",
        "mb": "mb",
        "w": "watt watts 瓦",
        "wh": "wh",
        "mah": "mah",
        "bar": "bar",
        "star": "star stars 星",
    }.items()
    for form in forms.split()
}
_CURRENCY: Final = {
    "$": "usd",
    "us$": "usd",
    "usd": "usd",
    "dollar": "usd",
    "dollars": "usd",
    "美元": "usd",
    "€": "eur",
    "eur": "eur",
    "euro": "eur",
    "euros": "eur",
    "欧元": "eur",
    "£": "gbp",
    "gbp": "gbp",
    "pounds": "gbp",
    "英镑": "gbp",
    "¥": "cny",
    "rmb": "cny",
    "cny": "cny",
    "yuan": "cny",
    "元": "cny",
    "人民币": "cny",
    "chf": "chf",
    "jpy": "jpy",
    "日元": "jpy",
    "hk$": "hkd",
    "港元": "hkd",
    "港币": "hkd",
}

_NUMBER: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?"
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(
    r"https?://[^\s<>\"'）)，。；、]+|\bwww\.[\w-]+(?:\.[\w-]+)+[^\s<>\"'）)，。；、]*"
    r"|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|example|shop|store|eu|de|cn|co\.uk|info|dev|app)\b(?:/[^\s<>\"'）)，。；、]*)?",
    re.I,
)
_PHONE: Final = re.compile(
    r"(?<![A-Za-z0-9.])(?:\+\d{1,3}[\s().-]*)?(?:\(?\d{2,5}\)?[\s./-]?){2,5}\d{2,5}(?![A-Za-z0-9])"
)
_ISO: Final = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b")
_DATE_ZH: Final = re.compile(r"(?:(\d{4})\s*年\s*)?(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]")
_MONTH: Final = "|".join(sorted((name for name in _MONTHS if name != "may"), key=len, reverse=True)) + "|may"
_DATE_EN: Final = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\b\.?,?(?:\s+(\d{{4}}))?"
    rf"|\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,?\s+(\d{{4}}))?",
    re.I,
)
_CLOCK: Final = re.compile(
    r"(?<![\d:.])(\d{1,2})(?:[:：](\d{2}))?\s*(a\.?m\.?|p\.?m\.?)(?![a-z])|(?<![\d:.])(\d{1,2})[:：](\d{2})(?![\d:])",
    re.I,
)
_CLOCK_ZH: Final = re.compile(
    r"(上午|下午|晚上|早上|中午|凌晨)?\s*(\d{1,2}|[一二三四五六七八九十两]{1,3})\s*[点點](?:钟|鐘)?(?:\s*(\d{1,2})\s*分|(半))?"
)
_PERCENT: Final = re.compile(rf"({_NUMBER})\s*(?:%|％|percent\b|per cent\b)", re.I)
_CURRENCY_BEFORE: Final = "|".join(
    re.escape(mark) for mark in sorted(_CURRENCY, key=len, reverse=True) if not mark.isalpha()
) + (r"|\b(?:usd|eur|gbp|rmb|cny|chf|jpy)")
_CURRENCY_AFTER: Final = "|".join(re.escape(mark) for mark in sorted(_CURRENCY, key=len, reverse=True))
_MONEY: Final = re.compile(rf"(?:({_CURRENCY_BEFORE})\s*({_NUMBER})|({_NUMBER})\s*({_CURRENCY_AFTER})(?![a-z]))", re.I)
_UNIT: Final = "|".join(re.escape(form) for form in sorted(_UNITS, key=len, reverse=True))
_WORD_NUMBER: Final = "|".join(sorted(_WORDS_EN, key=len, reverse=True))
_QUALIFIER: Final = r"(?:(?:full|business|working|calendar|consecutive|whole|more|extra|additional)[\s-]+)?"
_MEASURE: Final = re.compile(
    rf"(?<![A-Za-z0-9.-])({_NUMBER}|(?:{_WORD_NUMBER})\b)[\s-]*{_QUALIFIER}({_UNIT})(?![a-z])", re.I
)
_MEASURE_ZH: Final = re.compile(rf"([一二三四五六七八九十两百]{{1,4}})\s*({_UNIT})")
_RANGE: Final = re.compile(
    rf"(?<![A-Za-z0-9.:])({_NUMBER})\s*(?:[-–—~～至到]|to|and)\s*({_NUMBER})[\s-]*{_QUALIFIER}({_UNIT}|{_CURRENCY_AFTER}|%|％)(?![a-z])",
    re.I,
)
_RANGE_BEFORE: Final = re.compile(
    rf"({_CURRENCY_BEFORE})\s*({_NUMBER})\s*(?:[-–—~～至到]|to|and)\s*({_NUMBER})(?![\w.,]*\d)", re.I
)
_BARE: Final = re.compile(rf"(?<![\w.,:/-])({_NUMBER})(?![\w/]|[:.,-]\d)")
_BARE_CJK: Final = re.compile(rf"(?<![\da-zA-Z.,:/-])({_NUMBER})(?=[\u4e00-\u9fff])")
_CODE: Final = re.compile(r"\b(?=[A-Za-z-]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\b|\b[A-Z]{2,}-\d+\b")
_NAME: Final = re.compile(r"(?:[A-Z][\w'’&]*)(?:[ -](?:[A-Z][\w'’&]*|\d{1,4}(?![\d.,:%])))*")


def _number(text: str) -> str:
    """The plain form of a written number: 1,000.50 and 1000.5 are the same."""
    word = normalise(text).strip()
    if word in _WORDS_EN:
        return _WORDS_EN[word]
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", word):
        word = word.replace(",", "")
    word = word.replace(",", ".")
    return word.rstrip("0").rstrip(".") if "." in word else str(int(word)) if word.isdigit() else word


def number_zh(text: str) -> str:
    """A Chinese number below a thousand as digits: 三十 is 30."""
    total, digit = 0, 0
    for character in text:
        if character == "十":
            total, digit = total + (digit or 1) * 10, 0
        elif character == "百":
            total, digit = total + (digit or 1) * 100, 0
        else:
            digit = _DIGITS_ZH.get(character, 0)
    return str(total + digit)


def _clock(hour: str, minute: str | None, half: str | None) -> str:
    value = int(number_zh(hour) if not hour.isdigit() else hour)
    mark = normalise(half or "").replace(".", "")
    if mark in {"pm", "下午", "晚上"} and value < 12:
        value += 12
    if mark in {"am", "凌晨"} and value == 12:
        value = 0
    return f"{value:02d}:{int(minute or 0):02d}"


def _iso(year: str | None, month: int, day: int) -> str:
    return f"{int(year):04d}-{month:02d}-{day:02d}" if year else f"{month:02d}-{day:02d}"


class _Finder:
    """Takes facts out of a text one kind after the other; what one kind took, the next does not see."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[Fact] = []

    def take(self, pattern: re.Pattern[str], make: object) -> None:
        def replace(match: re.Match[str]) -> str:
            facts = make(match)  # type: ignore[operator]
            if not facts:
                return match[0]
            self.found.extend(facts)
            return " " * len(match[0])

        self.text = pattern.sub(replace, self.text)


def _phones(match: re.Match[str]) -> list[Fact]:
    digits = re.sub(r"\D", "", match[0])
    return [Fact("phone", digits)] if 7 <= len(digits) <= 15 and re.search(r"[\s()./-]|^\+|^[01]", match[0]) else []


def _dates_en(match: re.Match[str]) -> list[Fact]:
    day, month, year = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
    return [Fact("date", _iso(year, _MONTHS[month.casefold()], int(day)))] if 1 <= int(day) <= 31 else []


def _clocks(match: re.Match[str]) -> list[Fact]:
    hour, minute, half = (match[1], match[2], match[3]) if match[1] else (match[4], match[5], None)
    return [Fact("time", _clock(hour, minute, half))] if int(hour) < 25 else []


def _clocks_zh(match: re.Match[str]) -> list[Fact]:
    minute = "30" if match[4] else match[3]
    return [Fact("time", _clock(match[2], minute, match[1]))]


def _unit(text: str) -> tuple[FactKind, str]:
    form = normalise(text)
    if form in {"%", "percent", "per cent"}:
        return "percent", ""
    return ("money", _CURRENCY[form]) if form in _CURRENCY else ("number", _UNITS[form])


def _ranges(match: re.Match[str]) -> list[Fact]:
    kind, unit = _unit(match[3])
    return [Fact(kind, _number(match[1]), unit), Fact(kind, _number(match[2]), unit)]


def _numbers(text: str) -> tuple[list[Fact], str]:
    """Facts with digits in `text`, and the text without them."""
    finder = _Finder(text)
    take = finder.take
    take(_EMAIL, lambda m: [Fact("email", normalise(m[0].rstrip(".")))])
    take(_URL, lambda m: [Fact("url", _url(m[0]))])
    take(_ISO, lambda m: [Fact("date", _iso(m[1], int(m[2]), int(m[3])))])
    take(_DATE_ZH, lambda m: [Fact("date", _iso(m[1], int(m[2]), int(m[3])))])
    take(_DATE_EN, _dates_en)
    take(_CLOCK, _clocks)
    take(_CLOCK_ZH, _clocks_zh)
    take(_RANGE, _ranges)
    take(
        _RANGE_BEFORE,
        lambda m: [Fact("money", _number(m[2]), _unit(m[1])[1]), Fact("money", _number(m[3]), _unit(m[1])[1])],
    )
    take(_PERCENT, lambda m: [Fact("percent", _number(m[1]))])
    take(
        _MONEY,
        lambda m: [Fact("money", _number(m[2] or m[3]), _CURRENCY[normalise(m[1] or m[4])])],
    )
    take(_PHONE, _phones)
    take(_MEASURE, lambda m: [Fact("number", _number(m[1]), _UNITS[normalise(m[2])])])
    take(_MEASURE_ZH, lambda m: [Fact("number", number_zh(m[1]), _UNITS[normalise(m[2])])])
    take(_CODE, lambda m: [Fact("code", normalise(m[0]))])
    names_text = finder.text
    take(_BARE, lambda m: [Fact("number", _number(m[1]))])
    take(_BARE_CJK, lambda m: [Fact("number", _number(m[1]))])
    return finder.found, names_text


def _url(text: str) -> str:
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", normalise(text)).rstrip("/.,;:!?")


def _strip_marks(text: str) -> str:
    return re.sub(r"\[\d+\]", " ", text)


@lru_cache(maxsize=8192)
def facts(text: str) -> frozenset[Fact]:
    """Every fact of a text except names (see `names`). Citation marks like [1] are none."""
    return frozenset(_numbers(_strip_marks(text))[0])


@lru_cache(maxsize=4096)
def names(text: str, *, inner_only: bool = True) -> frozenset[str]:
    """Names with capital letters, case folded ("trailhead 3"). `inner_only` skips a sentence's first word.

    Words that a sentence merely begins with are no names; a text in capitals has none.
    """
    text = _strip_marks(text)
    letters = [character for character in text if character.isalpha()]
    if letters and sum(1 for character in letters if character.isupper()) > 0.6 * len(letters) and len(letters) > 6:
        return frozenset()
    _, left = _numbers(text)
    found = set()
    for match in _NAME.finditer(left):
        words = match[0].split(" ")
        before = left[: match.start()].rstrip(" \"'“‘(*_-")
        starts = not before or before[-1] in ".!?:;。！？：；\n•|–"
        if starts and inner_only and len(words) == 1:
            continue
        while words and is_stopword(words[0]):
            words = words[1:]
        while words and is_stopword(words[-1]):
            words = words[:-1]
        name = normalise(" ".join(words)).replace("’", "'").removesuffix("'s")
        if len(name) > 1 and not name.isdigit() and name not in _MONTHS and not is_stopword(name):
            found.add(name)
    return frozenset(found)


def _holds(have: frozenset[Fact], fact: Fact) -> bool:
    if fact in have:
        return True
    if fact.kind == "number":
        same = [other for other in have if other.value == fact.value]
        if not fact.unit:
            return bool(same)
        return any(other.kind == "number" and not other.unit for other in same)
    if fact.kind == "money":
        return any(other.value == fact.value and other.kind == "number" and not other.unit for other in have)
    if fact.kind == "date":
        return any(
            other.kind == "date" and (other.value.endswith(fact.value) or fact.value.endswith(other.value))
            for other in have
        )
    if fact.kind == "phone":
        return any(other.kind == "phone" and other.value[-7:] == fact.value[-7:] for other in have)
    if fact.kind == "url":
        return any(other.kind == "url" and other.value.split("?")[0] == fact.value.split("?")[0] for other in have)
    return False


def missing_facts(text: str, sources: Iterable[str]) -> frozenset[Fact]:
    """Facts of `text` that none of `sources` holds."""
    have: frozenset[Fact] = frozenset().union(*(facts(source) for source in sources))
    return frozenset(fact for fact in facts(text) if not _holds(have, fact))


def missing_names(text: str, sources: Iterable[str]) -> frozenset[str]:
    """Names of `text` that none of `sources` writes, whatever their case."""
    have = " ".join(re.sub(r"\s+", " ", normalise(source)) for source in sources)
    return frozenset(
        name for name in names(text) if not re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", have)
    )
