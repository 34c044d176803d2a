"""How freely the bot of an inbox answers: which of its answers go to an agent as drafts instead. Pure.

Decided before a word is written, so that no customer sees text that is withheld. Only real answers are weighed: what
the bot does not know, asks back or answers with an agreed text is said as ever.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

Withheld = Literal["", "unsure", "review"]


@dataclass(frozen=True)
class Dial:
    """`auto_confidence`: below it an answer is `unsure`. `review_share`: so many of the others are reviewed."""

    auto_confidence: float = 0.0
    review_share: float = 0.0
    message_id: int = 0
    """The customer's message; the same message is always decided alike, so that a second attempt changes nothing."""

    def withholds(self, confidence: float) -> Withheld:
        if confidence < self.auto_confidence:
            return "unsure"
        return "review" if in_review(self.message_id, self.review_share) else ""

    def card(self) -> dict[str, Any]:
        """The setting that a withheld answer was drawn with: figures over drafts weigh it by this later."""
        return {"auto_confidence": self.auto_confidence, "review_share": self.review_share}


def in_review(message_id: int, share: float) -> bool:
    """Whether this message is one of the share. A fixed draw: raising the share only adds messages."""
    drawn = int.from_bytes(hashlib.sha256(f"review:{message_id}".encode()).digest()[:8])
    return drawn < share * 2**64
