"""Makes rows for tests, one small function per noun; every argument has a default."""

import itertools
from typing import Any

from django.utils import timezone

from chatbot.accounts.models import User
from chatbot.conversations import services
from chatbot.conversations.models import AnswerCard, Citation, Contact, Conversation, Inbox, Message

_numbers = itertools.count(1)


def inbox(**kwargs: Any) -> Inbox:
    number = next(_numbers)
    return Inbox.objects.create(
        **{"name": f"Shop {number}", "allowed_origins": ["http://shop.test"], "company": "Shop", **kwargs}
    )


def contact(*, inbox: Inbox | None = None, **kwargs: Any) -> Contact:
    return Contact.objects.create(inbox=inbox or globals()["inbox"](), **kwargs)


def conversation(*, inbox: Inbox | None = None, contact: Contact | None = None, **kwargs: Any) -> Conversation:
    contact = contact or globals()["contact"](inbox=inbox)
    return Conversation.objects.create(inbox=contact.inbox, contact=contact, **kwargs)


def user(*, role: str = "agent", **kwargs: Any) -> User:
    from django.contrib.auth.models import Group

    number = next(_numbers)
    made = User.objects.create_user(
        username=kwargs.pop("username", f"{role}{number}"), password="secret-words", **kwargs
    )
    made.groups.add(Group.objects.get_or_create(name=role)[0])
    return made


def agent_there(*inboxes: Inbox, **kwargs: Any) -> User:
    """An agent of these inboxes whose desk is open."""
    made = user(last_seen_at=timezone.now(), **kwargs)
    for one in inboxes:
        one.members.add(made)
    return made


def posted(conversation: Conversation, text: str = "How long do refunds take?", client_id: str = "") -> services.Posted:
    return services.post_customer_message(
        conversation_id=conversation.pk, client_id=client_id or f"client-{next(_numbers):06d}", text=text
    )


def bot_reply(
    text: str = "Refunds take 5 days [1].", *, kind: str = Message.Kind.TEXT, hand_off: str = ""
) -> services.BotReply:
    citation = Citation(number=1, passage_id=7, document_id=3, title="Refunds", text="Refunds take 5 days.")
    return services.BotReply(
        text=text,
        kind=kind,
        offer_person=kind == Message.Kind.ABSTAIN,
        hand_off=hand_off,
        citations=(citation,) if kind == Message.Kind.TEXT else (),
        card=AnswerCard(decision="answer", confidence=0.9),
    )
