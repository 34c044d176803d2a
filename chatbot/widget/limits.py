"""How much one visitor, one address and one inbox may ask for. The arithmetic is `conversations.rates`."""

from typing import Final

from chatbot.conversations.rates import Limit, Rate, holder_of, rate_of, take

_OPINIONS: Final = Rate(20, 3600)


def message(*, visitor_id: int, address: str, inbox_id: int) -> None:
    """Count one message. Raises OverLimit."""
    take(
        (
            Limit(rate_of("LIMIT_MESSAGES_PER_VISITOR"), "messages.visitor", str(visitor_id)),
            Limit(rate_of("LIMIT_MESSAGES_PER_ADDRESS"), "messages.address", holder_of(address)),
            Limit(rate_of("LIMIT_MESSAGES_PER_INBOX"), "messages.inbox", str(inbox_id)),
        )
    )


def conversation(*, address: str) -> None:
    """Count one new conversation. Raises OverLimit."""
    take((Limit(rate_of("LIMIT_CONVERSATIONS_PER_ADDRESS"), "conversations", holder_of(address)),))


def opinion(*, visitor_id: int) -> None:
    """Count one rating of a conversation, or one address left. Raises OverLimit."""
    take((Limit(_OPINIONS, "opinions", str(visitor_id)),))


def connection(*, address: str) -> None:
    """Count one new socket. Raises OverLimit."""
    take((Limit(rate_of("LIMIT_CONNECTIONS_PER_ADDRESS"), "connections", holder_of(address)),))
