"""Content terms of a text: stems of words, pairs of Chinese characters, with the words of customer service merged.

Pure. Used to ask how much of one text another one covers; it is no search analyser and keeps no word order.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from finetune import stopwords

Idf = Callable[[str], float]

_CJK: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
_TOKEN: Final = re.compile(rf"[{_CJK}]+|\d+(?:[.,:]\d+)*|[^\W\d_{_CJK}]+(?:['’][^\W\d_{_CJK}]+)*")
_CJK_RUN: Final = re.compile(rf"[{_CJK}]+")
_CJK_CHAR: Final = re.compile(rf"[{_CJK}]")

_STOP_ZH: Final = re.compile("|".join(sorted(stopwords.CHINESE, key=len, reverse=True)))  # longest first

# Words that customers and documents use for the same thing. The first of each row stands for the row. Latin rows hold
# words as written (stemmed below); Chinese rows are replaced before the text is cut into pairs.
_SAME_EN: Final = (
    "price prices cost costs costing fee fees charge charges charged pay expensive pricing priced",
    "ship shipping ships shipped shipment deliver delivery deliveries delivered delivers dispatch dispatched",
    "return returns returning returned",
    "refund refunds refunded reimburse reimbursement reimbursed",
    "warranty warranties guarantee guarantees guaranteed",
    "phone telephone hotline",
    "email e-mail",
    "cancel cancelling canceling cancellation cancelled canceled cancels",
    "open opening opens opened hours",
    "buy bought purchase purchased purchases purchasing order ordered ordering orders",
    "repair repairs repaired repairing fix fixed fixing mend",
    "broken defective faulty damaged damage defect defects fault",
    "exchange exchanged exchanging swap swapped",
    "login log-in signin sign-in",
    "country countries abroad international internationally overseas worldwide",
    "shop store stores shops",
    "discount discounts reduction reduced coupon voucher promo promotion",
    "waterproof waterproofing watertight",
    "wash washing washed washable laundry",
    "invoice invoices receipt receipts bill",
    "address addresses located location locations",
    "delete deleting deleted erase erasing deletion remove removing",
    "days day",
    "weight weigh weighs heavy",
    "job jobs career careers vacancy vacancies hiring",
)
_SAME_ZH: Final = (
    ("价格", "多少钱", "价钱", "费用", "收费", "价位", "售价"),
    ("配送", "送货", "寄送", "发货", "派送", "快递", "邮寄", "运送", "送达"),
    ("退货", "退回", "退换货", "退换"),
    ("退款", "退钱"),
    ("保修", "质保", "保固", "三包"),
    ("电话", "热线", "号码"),
    ("邮箱", "电子邮件", "邮件地址", "电邮"),
    ("营业时间", "开门", "营业", "开放时间", "上班时间"),
    ("购买", "下单", "订购", "买"),
    ("维修", "修理", "返修"),
    ("地址", "位于", "位置"),
    ("门店", "实体店", "店铺", "商店"),
    ("优惠", "折扣", "打折"),
    ("注销", "删除账户", "删除帐号"),
    ("账户", "账号", "帐号", "帐户"),
    ("清洗", "洗涤", "水洗", "机洗"),
)
_ZH_CANON: Final = {word: row[0] for row in _SAME_ZH for word in row[1:]}
_ZH_SAME: Final = re.compile("|".join(sorted(_ZH_CANON, key=len, reverse=True)))


@lru_cache(maxsize=8)
def _stemmer(language: str) -> Any:
    import Stemmer  # a worker's dependency, so not at the top

    stemmer = Stemmer.Stemmer(language)
    stemmer.maxCacheSize = 0  # the cache of PyStemmer is not safe across threads; ours is
    return stemmer


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Stem of one case-folded word; words with digits stay."""
    if any(character.isdigit() for character in word) or _CJK_CHAR.search(word):
        return word
    plain = word.replace("’", "'")
    if plain.endswith("'s"):
        plain = plain[:-2]
    return str(_stemmer("english").stemWord(plain))


@lru_cache(maxsize=1)
def _canon() -> dict[str, str]:
    table: dict[str, str] = {}
    for row in _SAME_EN:
        words = row.split()
        for word in words:
            table.setdefault(stem(word), stem(words[0]))
    return table


@lru_cache(maxsize=1)
def _same() -> dict[str, tuple[str, ...]]:
    return {stem(row.split()[0]): tuple(dict.fromkeys(stem(word) for word in row.split())) for row in _SAME_EN}


def forms(term: str) -> tuple[str, ...]:
    """The stems that a term stands for: its whole row of words for the same thing, or itself."""
    return _same().get(term, (term,))


@lru_cache(maxsize=1)
def _rows() -> dict[str, tuple[str, ...]]:
    return {word: tuple(row.split()) for row in _SAME_EN for word in row.split()}


def alike(word: str) -> tuple[str, ...]:
    """Other words, as written, that customers and documents use for the same thing as this lower-case one."""
    return tuple(other for other in _rows().get(word, ()) if other != word)


@lru_cache(maxsize=1)
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def normalise(text: str) -> str:
    """NFKC, case folded: full-width forms and ligatures become plain."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_stopword(word: str) -> bool:
    word = normalise(word).replace("’", "'")
    return word in stopwords.ENGLISH or word in stopwords.OTHER


def _cjk_terms(run: str) -> Iterable[str]:
    run = _ZH_SAME.sub(lambda match: f" {_ZH_CANON[match[0]]} ", run)
    for piece in _STOP_ZH.sub(" ", run).split():
        if len(piece) == 1:
            yield piece
        for left, right in pairwise(piece):
            yield left + right


@lru_cache(maxsize=4096)
def terms(text: str) -> tuple[str, ...]:
    """Content terms in order, with repeats: stems, numbers (separators of thousands dropped), Chinese pairs."""
    found: list[str] = []
    canon = _canon()
    for token in _TOKEN.findall(normalise(text)):
        if _CJK_CHAR.match(token):
            token = str(_simplifier().convert(token))
            found.extend(_cjk_terms(token))
        elif token[0].isdigit():
            found.append(re.sub(r"(?<=\d),(?=\d{3}\b)", "", token))
        elif token.replace("’", "'") not in stopwords.ENGLISH and token not in stopwords.OTHER and len(token) > 1:
            root = stem(token)
            found.append(canon.get(root, root))
    return tuple(found)


def term_set(text: str) -> frozenset[str]:
    return frozenset(terms(text))


def is_cjk(text: str) -> bool:
    """Whether at least a quarter of the letters are Chinese, Japanese or Korean."""
    if text.isascii():  # asked of every sentence of every passage
        return False
    letters = sum(map(str.isalpha, text))
    return letters > 0 and sum(map(str.isalpha, _CJK_CHAR.findall(text))) * 4 >= letters


def flat_idf(term: str) -> float:
    """The weight of a term when nothing is known of the collection: words with digits and long words say more."""
    if any(character.isdigit() for character in term):
        return 1.2
    if _CJK_CHAR.match(term):
        return 1.0 if len(term) > 1 else 0.5
    return 0.6 + 0.1 * min(len(term), 8)


def coverage(wanted: Iterable[str], present: frozenset[str], idf: Idf = flat_idf) -> float:
    """Share (0..1) of the weight of `wanted` that `present` holds; 0 when nothing is wanted."""
    weights = {term: idf(term) for term in wanted}
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in present) / total if total else 0.0
