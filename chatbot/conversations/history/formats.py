"""Which format a record has, and the parser for it. Pure."""

from collections.abc import Callable
from typing import Final

from chatbot.conversations.history import chatwoot, intercom, parley, zendesk
from chatbot.conversations.history.fields import Record
from chatbot.conversations.history.records import ImportedConversation, Unusable

AUTO: Final = "auto"
PARSERS: Final[dict[str, Callable[[Record], ImportedConversation]]] = {
    parley.NAME: parley.parse,
    chatwoot.NAME: chatwoot.parse,
    zendesk.NAME: zendesk.parse,
    intercom.NAME: intercom.parse,
}
_MARKS: Final[tuple[tuple[str, Callable[[Record], bool]], ...]] = (
    (parley.NAME, parley.recognises),
    (intercom.NAME, intercom.recognises),
    (zendesk.NAME, zendesk.recognises),
    (chatwoot.NAME, chatwoot.recognises),
)


def parse(record: Record, *, format_: str = AUTO) -> ImportedConversation:
    """Raises Unusable with a sentence."""
    name = format_ if format_ != AUTO else next((name for name, fits in _MARKS if fits(record)), "")
    if not name:
        raise Unusable("this is no conversation in a format that is known (parley, chatwoot, zendesk, intercom)")
    return PARSERS[name](record)
