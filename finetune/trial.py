"""Which side of a trial a conversation is on. Pure: the same everywhere, with nothing to look up or to keep."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """A canary as engines see it: `folder` of the adapter, `share` of the conversations (0..1)."""

    promotion_id: int
    digest: str
    folder: str
    share: float


def side(*, key: str, promotion_id: int, share: float) -> bool:
    """Whether the conversation with this key is answered by the canary. Never without a key.

    Every trial draws anew, so that the same customers are not always the ones who try. Raising the share only adds
    conversations.
    """
    if not key:
        return False
    drawn = int.from_bytes(hashlib.sha256(f"canary:{promotion_id}:{key}".encode()).digest()[:8])
    return drawn < share * 2**64
