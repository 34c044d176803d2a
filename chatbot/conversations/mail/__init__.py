"""E-mail in a conversation: to customers who have left (`outgoing`, `sending`), and their answers (`receiving`).

A customer's address is written to only where it was vouched for or given in that very conversation. Nothing here
trusts an e-mail: the unguessable key in the address that it was sent to is the only proof of where it belongs.
"""

from django.conf import settings


def available() -> bool:
    """Whether e-mails can be sent. Where they cannot, nobody may be asked for an address."""
    return bool(settings.EMAIL_ENABLED)


def answerable() -> bool:
    """Whether answers find their way back. Where they do not, an e-mail only leads to the chat."""
    return bool(settings.INBOUND_EMAIL_DOMAIN)
