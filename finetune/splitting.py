"""Which examples train and which examine. Pure.

What belongs together stays together: examples of one group (a customer), and texts that are nearly the same, form a
cluster that is never on both sides. The newest clusters are held out, because that is what the model will meet.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

NEAR: Final = 0.7
"""Jaccard similarity of word trigrams from which two texts count as nearly the same (Broder 1997, shingles)."""
_WORDS: Final = re.compile(r"[\u3400-\u9fff]|\w+")


@dataclass(frozen=True)
class Row:
    """An example as the split sees it. `key` is unique."""

    key: str
    group: str
    at: datetime
    text: str


def shingles(text: str) -> frozenset[str]:
    """Runs of three words; of Chinese, three characters. A shorter text is one shingle."""
    words = _WORDS.findall(text.casefold())
    return frozenset(" ".join(words[start : start + 3]) for start in range(max(1, len(words) - 2)))


def near_pairs(texts: Sequence[str], near: float = NEAR) -> list[tuple[int, int]]:
    """Indices (left < right) of texts that are nearly the same. Only texts that share a shingle are compared."""
    sets = [shingles(text) for text in texts]
    holders: dict[str, list[int]] = defaultdict(list)
    pairs = []
    for index, mine in enumerate(sets):
        shared: dict[int, int] = defaultdict(int)
        for one in mine:
            for other in holders[one]:
                shared[other] += 1
            holders[one].append(index)
        for other, count in shared.items():
            if count / (len(mine) + len(sets[other]) - count) >= near:
                pairs.append((other, index))
    return pairs


def clusters(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that must stay on one side, in the order of their first row."""
    parent = list(range(len(rows)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        parent[root(index)] = root(first.setdefault(row.group, index))
    for left, right in near_pairs([row.text for row in rows]):
        parent[root(right)] = root(left)
    found: dict[int, list[Row]] = defaultdict(list)
    for index, row in enumerate(rows):
        found[root(index)].append(row)
    return list(found.values())


def held_out(rows: Iterable[Row], share: float) -> frozenset[str]:
    """Keys of the rows that examine: whole clusters, newest first, while they fit into `share` of the rows (0..1)."""
    ordered = sorted(rows, key=lambda row: (row.at, row.key), reverse=True)
    room = round(share * len(ordered))
    chosen: set[str] = set()
    newest_first = sorted(
        clusters(ordered), key=lambda cluster: max((row.at, row.key) for row in cluster), reverse=True
    )
    for cluster in newest_first:
        if len(chosen) + len(cluster) <= room:
            chosen.update(row.key for row in cluster)
    return frozenset(chosen)
