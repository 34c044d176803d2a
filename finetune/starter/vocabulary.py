"""More tokens for a tokenizer that a model has learnt with already: the old merges stay as they are, new ones follow.

The shipped tokenizer learnt from generated text alone, so real English costs it twice and real Chinese four times the
tokens it should. A merge that comes after all others only joins what they have made, so that old text still falls into
the tokens the model knows, or into joints of them. No torch here; `growing.with_vocabulary` gives the model its rows.
"""

import copy
import heapq
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from finetune.starter.slots import common_characters

Pair = tuple[str, str]

SEEN: Final = 3
"""Words seen less often teach nothing but themselves."""
PUNCTUATION: Final = "，。？！：；（）「」《》、“”‘’【】…—·￥"
_CHINESE: Final = "\u2e80-\u2fdf\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_WORD: Final = re.compile(f"[{_CHINESE}]|[^{_CHINESE}]+")
"""A Chinese character stands alone: names are copied best character by character, so none is joined to the next."""


class CannotGrow(ValueError):
    """The model cannot be grown so; the message is a sentence."""


def grown(core_json: dict[str, Any], texts: Iterable[str], size: int) -> dict[str, Any]:
    """The parsed tokenizer.json with up to `size` tokens: everyday Chinese first, then the most frequent merges.

    Of the characters those that the texts show most often come first, should `size` not hold them all. Ends with fewer
    tokens where the texts give no more merges. Always the same for the same texts. Raises CannotGrow.
    """
    from tokenizers import Tokenizer

    _check(core_json)
    book = _Book(core_json)
    if size <= book.size:
        raise CannotGrow(f"This vocabulary has {book.size} tokens already and can only grow, not shrink to {size}.")
    before = Tokenizer.from_str(json.dumps(core_json))
    words = _words(before, texts)
    characters = sorted(common_characters(), key=lambda character: -words[character])
    for character in (*PUNCTUATION, *characters):
        _add_character(book, [token.value for token in before.model.tokenize(_written(character))], size)
    model = Tokenizer.from_str(json.dumps(book.written(core_json))).model
    seen = ((_written(word), count) for word, count in sorted(words.items()) if count >= SEEN)
    _go_on(book, [([token.value for token in model.tokenize(word)], count) for word, count in seen], size)
    return book.written(core_json)


def leaves(core_json: dict[str, Any], known: Mapping[str, int]) -> dict[str, list[str]]:
    """For each token that is not `known`: the known tokens that it is joined from, in order."""
    joined: dict[str, Pair] = {}
    for merge in core_json["model"]["merges"]:
        left, right = _pair(merge)
        joined.setdefault(left + right, (left, right))
    found: dict[str, list[str]] = {}

    def parts(token: str) -> list[str]:
        if token in known:
            return [token]
        if token not in found:
            left, right = joined[token]
            found[token] = parts(left) + parts(right)
        return found[token]

    return {token: parts(token) for token in core_json["model"]["vocab"] if token not in known}


class _Book:
    """Tokens and merges, the old ones first."""

    def __init__(self, core: dict[str, Any]) -> None:
        self._marks = {str(mark["content"]): int(mark["id"]) for mark in core.get("added_tokens") or ()}
        # Marks that stand outside the model's own tokens would be a gap below the new ones, and gaps are warned about.
        self.ids: dict[str, int] = {**core["model"]["vocab"], **self._marks}
        self.merges = [_pair(merge) for merge in core["model"]["merges"]]
        self._known = set(self.merges)
        self.size = max(self.ids.values()) + 1

    def add(self, pair: Pair) -> bool:
        """False where the two must stay apart, because written text would become a mark of the conversation."""
        token = "".join(pair)
        if token in self._marks:
            return False
        if token not in self.ids:
            self.ids[token] = self.size
            self.size += 1
        # A merge said twice would count from its later place, behind merges that came after it.
        if pair not in self._known:
            self._known.add(pair)
            self.merges.append(pair)
        return True

    def written(self, core: dict[str, Any]) -> dict[str, Any]:
        made = copy.deepcopy(core)
        made["model"]["vocab"] = dict(sorted(self.ids.items(), key=lambda item: item[1]))
        made["model"]["merges"] = [list(pair) for pair in self.merges]
        return made


def _check(core: dict[str, Any]) -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    model: dict[str, Any] = core.get("model") or {}
    plain = not (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"))
    in_bytes = all("ByteLevel" in _types(core.get(part)) for part in ("pre_tokenizer", "decoder"))
    if (
        model.get("type", "BPE") != "BPE"
        or not plain
        or not in_bytes
        or not set(ByteLevel.alphabet()) <= model["vocab"].keys()
    ):
        raise CannotGrow("Only a byte-level BPE tokenizer, as Qwen and Llama 3 have, can be given more tokens.")


def _types(part: dict[str, Any] | None) -> set[str]:
    if not part:
        return set()
    inner = [*part.get("pretokenizers", ()), *part.get("decoders", ())]
    return {str(part.get("type"))}.union(*(_types(one) for one in inner))


def _pair(merge: str | list[str]) -> Pair:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _written(text: str) -> str:
    """The letters that stand for the bytes of a text in a byte-level tokenizer."""
    from tokenizers.pre_tokenizers import ByteLevel

    return "".join(piece for piece, _place in ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text))


def _words(tokenizer: Any, texts: Iterable[str]) -> Counter[str]:
    """How often each word is seen. Digits are left out: a number is copied, never known by heart."""
    from tokenizers.decoders import ByteLevel

    read, pieces = ByteLevel(), Counter[str]()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        pieces.update(piece for piece, _place in tokenizer.pre_tokenizer.pre_tokenize_str(normal))
    words: Counter[str] = Counter()
    for piece, count in pieces.items():
        for word in _WORD.findall(read.decode([piece])):
            if not any(letter.isdigit() for letter in word):
                words[word] += count
    return words


def _add_character(book: _Book, parts: list[str], size: int) -> None:
    """Join the bytes of a character from its first one on, where there is room for it and for what lies between.

    Every such merge begins with the first byte of a character and goes no further than its last one, so that no two
    characters get in each other's way.
    """
    joints = ["".join(parts[:end]) for end in range(2, len(parts) + 1)]
    if book.size + sum(joint not in book.ids for joint in joints) > size:
        return
    left = parts[0]
    for right in parts[1:]:
        book.add((left, right))
        left += right


def _go_on(book: _Book, words: list[tuple[list[str], int]], size: int) -> None:
    """Byte-pair encoding: join the most frequent pair, the first by its text among equals, until there are `size`."""
    counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)
    for number, (parts, count) in enumerate(words):
        for pair in pairwise(parts):
            counts[pair] += count
            places[pair].add(number)
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    while queue and book.size < size:
        claimed, best = heapq.heappop(queue)
        # A count that has changed since stands in the queue once more as it is now.
        if -claimed != counts[best] or not claimed or not book.add(best):
            continue
        changed: set[Pair] = set()
        for number in places.pop(best):
            parts, count = words[number]
            for pair in pairwise(parts):
                counts[pair] -= count
                changed.add(pair)
            parts[:] = _joined(parts, best)
            for pair in pairwise(parts):
                counts[pair] += count
                places[pair].add(number)
                changed.add(pair)
        for pair in changed:
            if counts[pair]:
                heapq.heappush(queue, (-counts[pair], pair))


def _joined(parts: list[str], best: Pair) -> list[str]:
    made: list[str] = []
    place = 0
    while place < len(parts):
        length = 2 if tuple(parts[place : place + 2]) == best else 1
        made.append("".join(parts[place : place + length]))
        place += length
    return made
