"""What the desk's lists show: rows of a view in pages, counts, search. Reads only, and only what the asker may see.

Lists of people who wait are in the order in which they should be answered, all others newest first. Pages go by keys,
not by numbers: rows that come in meanwhile neither repeat nor hide any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from chatbot.accounts.models import User
from chatbot.conversations import access, desk_events, rows
from chatbot.conversations.models import Contact, Conversation, Inbox, Mention, Message, ReadMark

PAGE: Final = 50
FOUND: Final = 30
EXCERPT: Final = 70
_WORDS: Final = 8
_State = Conversation.State


@dataclass(frozen=True)
class Page:
    rows: tuple[desk_events.RowOut, ...]
    next: str = ""


# --- Views -----------------------------------------------------------------------------------------------
def _view(view: str, user: User, now: datetime) -> Q:
    """The conversations of a view. Snoozed ones are in `snoozed`, `all` and `mentions` alone."""
    awake = Q(snoozed_until=None) | Q(snoozed_until__lte=now)
    match view:
        case "waiting":
            return awake & Q(state=_State.WAITING)
        case "mine":
            return awake & Q(state__in=[_State.WAITING, _State.AGENT], assignee=user)
        case "team":
            return awake & Q(state__in=[_State.WAITING, _State.AGENT], team__members=user)
        case "bot":
            return Q(state=_State.BOT, last_seq__gt=0)
        case "resolved":
            return Q(state=_State.RESOLVED)
        case "snoozed":
            return Q(snoozed_until__gt=now) & ~Q(state=_State.RESOLVED)
        case "mentions":
            return Q(notes__mentions__user=user)
        case _:
            return Q(last_seq__gt=0)


def page(*, user: User, view: str, inbox: int | None = None, tag: str = "", after: str = "") -> Page:
    """One page of a view; `after` is the `next` of the page before, and what cannot be read begins anew."""
    now = timezone.now()
    found = access.conversations(user).filter(_view(view, user, now))
    if view in ("team", "mentions"):
        found = found.distinct()
    if inbox is not None:
        found = found.filter(inbox=inbox)
    if tag:
        found = found.filter(tags__name__iexact=tag)
    waiting = view == "waiting"
    found = found.annotate(since=_since() if waiting else Coalesce("last_message_at", "created_at"))
    found = found.order_by("-priority", "since", "pk") if waiting else found.order_by("-since", "-pk")
    if (place := _place(after)) is not None:
        found = found.filter(_beyond(place, waiting=waiting))
    taken = list(rows.with_parts(found)[: PAGE + 1])
    shown = taken[:PAGE]
    more = _key(shown[-1]) if len(taken) > PAGE else ""
    return Page(tuple(_rows(shown, user)), more)


def _since() -> Coalesce:
    return Coalesce("unanswered_since", "waiting_since", "last_message_at", "created_at")


def _key(conversation: Conversation) -> str:
    since: datetime = conversation.since  # type: ignore[attr-defined]  # annotated by `page`
    return f"{conversation.priority}|{since.isoformat()}|{conversation.pk}"


def _place(after: str) -> tuple[int, datetime, int] | None:
    priority, _sep, rest = after.partition("|")
    since, _sep, number = rest.partition("|")
    try:
        moment = parse_datetime(since)
        if moment is None or timezone.is_naive(moment):
            return None
        return int(priority), moment, int(number)
    except (ValueError, OverflowError):
        return None


def _beyond(place: tuple[int, datetime, int], *, waiting: bool) -> Q:
    priority, since, number = place
    if waiting:
        later = Q(since__gt=since) | Q(since=since, pk__gt=number)
        return Q(priority__lt=priority) | (Q(priority=priority) & later)
    return Q(since__lt=since) | Q(since=since, pk__lt=number)


def _rows(conversations: Sequence[Conversation], user: User) -> list[desk_events.RowOut]:
    marks = dict(
        ReadMark.objects.filter(user=user, conversation__in=[one.pk for one in conversations]).values_list(
            "conversation_id", "seq"
        )
    )
    return [rows.row_out(one, read_seq=marks.get(one.pk, 0)) for one in conversations]


def row(*, conversation_id: int, user: User) -> desk_events.RowOut:
    conversation = rows.with_parts(Conversation.objects.filter(pk=conversation_id)).get()
    return _rows([conversation], user)[0]


def counts(*, user: User) -> desk_events.Counts:
    """Rows of each view; one query, and one for what has not been read of mentions."""
    now = timezone.now()
    views = ("waiting", "mine", "bot", "snoozed")
    mine = access.conversations(user).exclude(state=_State.RESOLVED)
    found = mine.aggregate(**{view: Count("pk", filter=_view(view, user, now)) for view in views})
    found["team"] = mine.filter(_view("team", user, now)).distinct().count()
    unread = Mention.objects.filter(
        user=user, seen_at=None, note__conversation__in=access.conversations(user).values("pk")
    ).count()
    return desk_events.Counts(views=found, unread_mentions=unread)


# --- Search ----------------------------------------------------------------------------------------------
def search(*, user: User, query: str, ref: int) -> desk_events.Found:
    """Conversations whose messages or contact hold all the words, newest first; and contacts that do."""
    words = [word for word in query.replace("\x00", "").split() if word][:_WORDS]
    if not words:
        return desk_events.Found(ref=ref, rows=())
    mine = access.conversations(user)
    found = mine.filter(_said(words) | _of_contact(words, "contact__"))
    newest = list(rows.with_parts(found.order_by(F("last_message_at").desc(nulls_last=True), "-pk"))[:FOUND])
    contacts = Contact.objects.filter(_of_contact(words), inbox__in=access.inboxes(user).values("pk"))
    return desk_events.Found(
        ref=ref,
        rows=tuple(_rows(newest, user)),
        excerpts=_excerpts(newest, words),
        contacts=tuple(_contact(contact, mine) for contact in contacts.order_by("-last_seen_at", "-pk")[:10]),
    )


def _said(words: Sequence[str]) -> Q:
    """Each word stands in some message; that of one conversation all do."""
    together = Q()
    for word in words:
        holding = Message.objects.filter(text__icontains=word).values("conversation_id")
        together &= Q(pk__in=holding)
    return together


def _of_contact(words: Sequence[str], prefix: str = "") -> Q:
    together = Q()
    for word in words:
        together &= (
            Q(**{f"{prefix}name__icontains": word})
            | Q(**{f"{prefix}email__icontains": word})
            | Q(**{f"{prefix}external_id__icontains": word})
        )
    return together


def _excerpts(conversations: Sequence[Conversation], words: Sequence[str]) -> dict[str, str]:
    """For each conversation the text around the first word, of its newest message that holds it."""
    ids = {one.pk: str(one.public_id) for one in conversations}
    holding = Message.objects.filter(conversation__in=list(ids), text__icontains=words[0]).order_by("seq")
    return {ids[pk]: excerpt(text, words[0]) for pk, text in holding.values_list("conversation_id", "text")}


def excerpt(text: str, word: str) -> str:
    """The words around `word`, on one line."""
    line = " ".join(text.split())
    place = max(0, line.casefold().find(word.casefold()))
    start, end = max(0, place - EXCERPT), place + len(word) + EXCERPT
    return ("… " if start else "") + line[start:end].strip() + (" …" if end < len(line) else "")


def _contact(contact: Contact, mine: QuerySet[Conversation]) -> dict[str, Any]:
    latest = mine.filter(contact=contact).order_by("-updated_at").values_list("public_id", flat=True).first()
    return {
        "id": contact.pk,
        "name": contact.name,
        "email": contact.email,
        "external_id": contact.external_id or "",
        "conversation": str(latest) if latest else None,
    }


# --- Where the desk works ----------------------------------------------------------------------------------
def inboxes_out(user: User) -> list[desk_events.InboxOut]:
    found = []
    for inbox in access.inboxes(user).filter(active=True).order_by("name"):
        agents = access.agents(inbox).order_by("username").values_list("pk", flat=True)
        found.append(desk_events.InboxOut.model_validate({
            "id": inbox.pk, "name": inbox.name, "mode": inbox.mode, "agents": tuple(agents),
        }))  # fmt: skip
    return found


def inbox_ids(user: User) -> list[int]:
    """All that the user may see, in use or not."""
    return list(access.inboxes(user).values_list("pk", flat=True))


def is_member(user: User, inbox: Inbox) -> bool:
    return access.inboxes(user).filter(pk=inbox.pk).exists()
