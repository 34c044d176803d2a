"""How much one visitor, one address and one inbox may ask for. The arithmetic is `conversations.rates`."""

from chatbot.conversations.rates import Limit, holder_of, rate_of, take


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


def connection(*, address: str) -> None:
    """Count one new socket. Raises OverLimit."""
    take((Limit(rate_of("LIMIT_CONNECTIONS_PER_ADDRESS"), "connections", holder_of(address)),))
