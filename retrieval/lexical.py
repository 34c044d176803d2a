"""The lexical arm: turns text into terms per language and scores passages with BM25.

Terms are folded so that spelling varieties meet: NFKC, lower case, accents, simplified and traditional Chinese.
European words are stemmed, Chinese and Japanese text becomes words and character pairs. Needs bm25s only to build.
"""

import json
import logging
import re
import threading
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from retrieval.languages import base

LEXICAL_GENERATION: Final = 1
"""Raise it when the same text would give other terms: indexes of an older generation are built again."""

QUERY_MAX_TERMS: Final = 512
MAX_TERM_CHARS: Final = 64
K1: Final = 1.2
B: Final = 0.75

Floats = npt.NDArray[np.float32]

_RUN = re.compile(
    r"(?P<cjk>[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff々〆]+)"
    r"|(?P<hangul>[\uac00-\ud7af]+)"
    r"|(?P<thai>[\u0e00-\u0e7f]+)"
    r"|(?P<word>(?:[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af々〆]|(?<=\w)['’](?=\w))+"
    r"(?:[.,:/\-](?=\d)\d+)*)"
)
_STEMMERS: Final = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "da": "danish", "nl": "dutch", "en": "english",
    "et": "estonian", "fi": "finnish", "fr": "french", "de": "german", "el": "greek", "hi": "hindi",
    "hu": "hungarian", "id": "indonesian", "ga": "irish", "it": "italian", "lt": "lithuanian", "ne": "nepali",
    "no": "norwegian", "nb": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "es": "spanish", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
_BM25S_STOPS: Final = {
    "en": "STOPWORDS_EN_PLUS", "de": "STOPWORDS_GERMAN", "nl": "STOPWORDS_DUTCH", "fr": "STOPWORDS_FRENCH",
    "es": "STOPWORDS_SPANISH", "pt": "STOPWORDS_PORTUGUESE", "it": "STOPWORDS_ITALIAN", "ru": "STOPWORDS_RUSSIAN",
    "sv": "STOPWORDS_SWEDISH", "no": "STOPWORDS_NORWEGIAN", "tr": "STOPWORDS_TURKISH",
}  # fmt: skip
_CJK_STOP_WORDS: Final = (
    "的 了 是 吗 呢 吧 啊 我 你 您 他 她 它 们 我们 你们 他们 请 请问 和 与 或 在 有 就 都 也 还 什么 怎么 怎样 如何 "
    "哪 哪些 哪个 几 多少 可以 能 能否 会 要 想 这 那 这个 那个 一个 对 把 被 给 让 到 从 为 因为 所以 如果 "
    "の は が を に で と も か です ます ました"
)
_CJK_STOPS: Final = frozenset(_CJK_STOP_WORDS.split())

_local = threading.local()
_heavy_lock = threading.Lock()


def terms(text: str, languages: Collection[str]) -> list[str]:
    """Terms of a text, in order, with repetitions. Words are stemmed in each of `languages` (one for a passage)."""
    found: list[str] = []
    latin = tuple(dict.fromkeys(base(language) for language in languages)) or ("",)
    for match in _RUN.finditer(folded(text)):
        run = match.group()
        if match.lastgroup == "word":
            found.extend(_word_terms(run, latin))
        elif match.lastgroup == "cjk":
            found.extend(_cjk_terms(run))
        else:
            found.extend(_pairs(run))
    return found


def folded(text: str) -> str:
    """One spelling for many: NFKC, lower case, Chinese in simplified characters."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return _to_simplified(folded) if re.search(r"[\u3400-\u9fff]", folded) else folded


@lru_cache(maxsize=65536)
def _word_terms(word: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Stems of one word. A number with separators also counts as its parts, `A-12` style identifiers stay findable."""
    word = word[:MAX_TERM_CHARS].replace("’", "'")
    if any(character.isdigit() for character in word):
        parts = [part for part in re.split(r"[.,:/\-]", word) if len(part) > 1 or part.isdigit()]
        return tuple(dict.fromkeys([word.replace(",", ""), *(parts if len(parts) > 1 else ())]))
    word = max(word.split("'"), key=len)  # l'hotel, o'clock, don't
    found: list[str] = []
    for language in languages:
        if word in _stops(language):
            continue
        stem = _stemmer(language)(word)
        found.append(_without_accents(stem))
    return tuple(dict.fromkeys(found))


def _cjk_terms(run: str) -> list[str]:
    """Words of two characters and more, and all pairs: words carry meaning, pairs forgive a wrong cut."""
    words = [word for word in _jieba().lcut_for_search(run) if len(word) > 2 and word not in _CJK_STOPS]
    return [*_pairs(run), *words]


def _pairs(run: str) -> list[str]:
    if len(run) == 1:
        return [] if run in _CJK_STOPS else [run]
    return [run[i : i + 2] for i in range(len(run) - 1) if run[i : i + 2] not in _CJK_STOPS]


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(character for character in decomposed if not "\u0300" <= character <= "\u036f")


@lru_cache(maxsize=64)
def _stops(language: str) -> frozenset[str]:
    name = _BM25S_STOPS.get(language)
    if not name:
        return frozenset()
    from bm25s import stopwords

    listed = {word.lower() for word in getattr(stopwords, name)}
    return frozenset(listed | {word.replace("'", "") for word in listed})


def _stemmer(language: str) -> Any:
    """Snowball's function for the language, one per thread (its objects are not thread-safe); identity if none."""
    name = _STEMMERS.get(language)
    if name is None:
        return _unchanged
    stemmers: dict[str, Any] = _local.__dict__.setdefault("stemmers", {})
    if name not in stemmers:
        import Stemmer

        stemmers[name] = Stemmer.Stemmer(name).stemWord
    return stemmers[name]


def _unchanged(word: str) -> str:
    return word


def _jieba() -> Any:
    with _heavy_lock:
        return _loaded_jieba()


@lru_cache(maxsize=1)
def _loaded_jieba() -> Any:
    import jieba

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()
    return jieba


def _to_simplified(text: str) -> str:
    return str(_converter().convert(text))


@lru_cache(maxsize=1)
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


@dataclass(frozen=True)
class LexicalIndex:
    """BM25 with the scores worked out per (term, passage) at build time, kept column by column.

    `data` and `rows` hold one entry per pair; the entries of term t are `offsets[t]:offsets[t + 1]`.
    """

    vocabulary: Mapping[str, int]
    data: Floats
    rows: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    passages: int

    @classmethod
    def build(cls, texts: Iterable[str], languages: Iterable[str]) -> "LexicalIndex":
        """Index passages; row n is the n-th text."""
        vocabulary: dict[str, int] = {}
        corpus = [
            [vocabulary.setdefault(term, len(vocabulary)) for term in terms(text, (language,))]
            for text, language in zip(texts, languages, strict=True)
        ]
        if not vocabulary:
            empty = np.zeros(1, np.int64)
            return cls({}, np.zeros(0, np.float32), np.zeros(0, np.int32), empty, len(corpus))
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)
        model = bm25s.BM25(method="lucene", k1=K1, b=B)
        model.index((corpus, vocabulary), show_progress=False, create_empty_token=False)
        scores = model.scores
        return cls(
            vocabulary=vocabulary,
            data=np.ascontiguousarray(scores["data"], np.float32),
            rows=np.ascontiguousarray(scores["indices"], np.int32),
            offsets=np.ascontiguousarray(scores["indptr"], np.int64),
            passages=len(corpus),
        )

    def score(self, weights: Mapping[str, float]) -> Floats:
        """BM25 of every passage (length: passages) for weighted terms; terms nobody knows count nothing."""
        total = np.zeros(self.passages, np.float32)
        for term, weight in weights.items():
            column = self.vocabulary.get(term)
            if column is None or not weight:
                continue
            begin, end = self.offsets[column], self.offsets[column + 1]
            # Rows of one term are distinct, so plain fancy addition is exact.
            total[self.rows[begin:end]] += np.float32(weight) * self.data[begin:end]
        return total

    def save(self, folder: Path) -> None:
        np.save(folder / "lexical_data.npy", self.data)
        np.save(folder / "lexical_rows.npy", self.rows)
        np.save(folder / "lexical_offsets.npy", self.offsets)
        with (folder / "lexical_terms.json").open("w", encoding="utf-8", errors="surrogatepass") as file:
            json.dump({"passages": self.passages, "terms": list(self.vocabulary)}, file, ensure_ascii=False)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        """Raises OSError, ValueError or KeyError when the files are not what `save` wrote."""
        with (folder / "lexical_terms.json").open(encoding="utf-8", errors="surrogatepass") as file:
            kept = json.load(file)
        return cls(
            vocabulary={term: number for number, term in enumerate(kept["terms"])},
            data=np.load(folder / "lexical_data.npy", mmap_mode="r", allow_pickle=False),
            rows=np.load(folder / "lexical_rows.npy", mmap_mode="r", allow_pickle=False),
            offsets=np.load(folder / "lexical_offsets.npy", allow_pickle=False),
            passages=int(kept["passages"]),
        )


def query_terms(text: str, languages: Sequence[str]) -> dict[str, float]:
    """Distinct terms of a question with their weights (1.0 each). Very long questions keep their first terms."""
    found: dict[str, float] = {}
    for term in terms(text[: 20 * QUERY_MAX_TERMS], languages):
        if len(found) >= QUERY_MAX_TERMS:
            break
        found.setdefault(term, 1.0)
    return found
