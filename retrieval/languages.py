"""Which language a text or a customer's question is in. Scripts decide where they can; statistics only for the rest.

Answers with an ISO 639-1 code, `zh-hant` for Chinese in traditional characters, and "" when nobody could tell.
"""

import re
import threading
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

SAMPLE_CHARS: Final = 4000
"""A language shows within this many characters."""
_SHORT_WORDS: Final = 4

_HAN: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_KANA: Final = re.compile(r"[\u3040-\u30ff]")
_SCRIPTS: Final = (
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
)
_LETTER: Final = re.compile(r"[^\W\d_]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_NOISE: Final = re.compile(r"https?://\S+|\S+@\S+|`[^`]*`")

# Characters that exist in one of the two Chinese orthographies only, among the most frequent.
_TRADITIONAL: Final = frozenset(
    "們個來為時說國對會過學這後樣發經間問實點見體關還沒開長動從現進應當與無東車電話員應買賣錢貨運單訂費請謝嗎該讓給誰"
    "處號樓鐘條種類產雙書係統機網頁聯絡讀寫聽視頻圖傳遞歲歷歐亞臺灣灣總結約組織級細終練緊線練納純"
)
_SIMPLIFIED: Final = frozenset(
    "们个来为时说国对会过学这后样发经间问实点见体关还没开长动从现进应当与无东车电话员买卖钱货运单订费请谢吗该让给谁"
    "处号楼钟条种类产双书统机网页联络读写听视频图传递岁历欧亚台湾总结约组织级细终练紧线纳纯"
)
_ONLY_TRADITIONAL: Final = _TRADITIONAL - _SIMPLIFIED
_ONLY_SIMPLIFIED: Final = _SIMPLIFIED - _TRADITIONAL

_identifier: Any = None
_identifier_lock = threading.Lock()


def detect(text: str, *, among: Collection[str] = (), default: str = "") -> str:
    """Language of a text. `among` (languages the index holds) breaks ties for text too short to be sure of."""
    sample = _NOISE.sub(" ", text[:SAMPLE_CHARS])
    if by_script := _by_script(sample):
        return by_script
    words = _WORD.findall(sample)
    if not words:
        return default
    return _by_statistics(" ".join(words), len(words), frozenset(among), default)


def base(language: str) -> str:
    """`zh-hant` -> `zh`, `pt-BR` -> `pt`."""
    return re.split(r"[-_]", language.strip().lower(), maxsplit=1)[0]


def _by_script(sample: str) -> str:
    letters = len(_LETTER.findall(sample))
    if not letters:
        return ""
    kana, han = len(_KANA.findall(sample)), len(_HAN.findall(sample))
    # A CJK character says about as much as four letters, so product names in Latin letters do not outvote it.
    if 4 * (kana + han) >= letters - kana - han and kana + han:
        if kana * 10 >= kana + han:
            return "ja"
        return "zh-hant" if _is_traditional(sample) else "zh"
    for language, pattern in _SCRIPTS:
        if 2 * len(pattern.findall(sample)) >= letters:
            return language
    return ""


def _is_traditional(sample: str) -> bool:
    traditional = sum(character in _ONLY_TRADITIONAL for character in sample)
    return traditional > sum(character in _ONLY_SIMPLIFIED for character in sample)


@lru_cache(maxsize=4096)
def _by_statistics(text: str, words: int, among: frozenset[str], default: str) -> str:
    allowed = frozenset(base(one) for one in among)
    ranked = _rank(text)
    if not ranked:
        return default
    best, score = ranked[0]
    own_letters = not text.isascii()
    if best in allowed or own_letters or (words >= _SHORT_WORDS and (score >= _sure(words) or not allowed)):
        return best
    if not allowed or base(default) in allowed:
        return default
    # Too little to be sure, and not a language of the documents: the likeliest one of theirs.
    return next((language for language, _score in ranked if language in allowed), default)


def _sure(words: int) -> float:
    """The probability asked for before a language outside the index is believed: short texts mislead."""
    return 0.95 if words < 2 * _SHORT_WORDS else 0.5


def _rank(text: str) -> list[tuple[str, float]]:
    """(language, probability), likeliest first."""
    global _identifier
    with _identifier_lock:
        if _identifier is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            _identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        return [(str(language), float(score)) for language, score in _identifier.rank(text.lower())]
