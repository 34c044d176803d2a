"""The passages that a question is answered from today: the search of the answerer, and what an agent was shown.

An example has to look like what is served: several passages, most of them beside the point, in the order of the search.
Heavy where it searches; whoever only merges imports nothing heavy.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from chatbot.conversations.answers.understanding import Understanding
from finetune.records import ContextPassage
from retrieval.records import Turn

logger = logging.getLogger(__name__)

Find = Callable[[Understanding, Sequence[Turn], frozenset[str] | None], tuple[ContextPassage, ...]]
MOST: Final = 6


def nothing(
    _understood: Understanding, _history: Sequence[Turn], _collections: frozenset[str] | None
) -> tuple[ContextPassage, ...]:
    """A search over no documents."""
    return ()


def searching() -> Find:
    """The answerer's own search over the active index; finds nothing where there is no index."""
    from chatbot.conversations.answers.composition import found_for

    def find(
        understood: Understanding, history: Sequence[Turn], collections: frozenset[str] | None
    ) -> tuple[ContextPassage, ...]:
        try:
            return found_for(understood, history=history, collections=collections)
        except (RuntimeError, OSError) as error:  # no index yet, or one that cannot be read
            logger.warning("Passages could not be searched for: %s", error)
            return ()

    return find


def merged(found: Sequence[ContextPassage], cited: Sequence[ContextPassage]) -> tuple[ContextPassage, ...]:
    """What was found in its order, then what the agent was shown and is missing; never without the latter. Pure."""
    every = {_key(one): one for one in (*found, *cited)}
    needed = list(dict.fromkeys(map(_key, cited)))[:MOST]
    beside = [key for key in every if key not in needed][: MOST - len(needed)]
    kept = [one for key, one in every.items() if key in needed or key in beside]
    return tuple(replace(one, number=number) for number, one in enumerate(kept, start=1))


def _key(passage: ContextPassage) -> str:
    return " ".join(passage.text.split())
