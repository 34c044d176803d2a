"""Which worker pools an engine survives. Light: looks at names only.

A process that forks after torch has started its threads hangs in the child (measured: two threads, 15 s and no end),
and children that each hold an engine of their own batch nothing together. So replies run on a threads pool.
"""

import sys
from collections.abc import Iterable


def pool_problem(*, pool: object, queues: Iterable[str]) -> str:
    """Why a worker with this pool must not serve these queues, as a sentence; "" when it may.

    `pool` is the name or the class that Celery was given.
    """
    name = pool if isinstance(pool, str) else f"{getattr(pool, '__module__', '')}:{getattr(pool, '__qualname__', '')}"
    if not any(word in name for word in ("prefork", "processes")):
        return ""
    if "replies" in set(queues):
        return (
            "The queue 'replies' needs the threads pool, because a loaded model does not survive a fork. Start this "
            "worker with: celery -A chatbot worker -Q replies --pool threads --concurrency 64"
        )
    if "torch" in sys.modules:
        return "torch is loaded before the worker forks, which makes its children hang: use --pool threads or solo."
    return ""
