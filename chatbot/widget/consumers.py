"""The customer's socket: one event in, one function called, the answer out.

Order matters in `_show`: the socket joins the conversation's group before it reads the record, so that nothing falls
between the two. `sent_seq` is the newest message this socket was sent; one further ahead means that another was lost
on the way, and the record is read again. The events are in docs/events.md.
"""

import json
import time
from dataclasses import replace
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _

from chatbot.conversations import events, selectors
from chatbot.conversations.live import customer_presence
from chatbot.conversations.models import Conversation
from chatbot.conversations.services import Refusal
from chatbot.widget import languages, visits
from chatbot.widget.guard import Close, CustomerSocket, run, run_heartbeat
from chatbot.widget.hints import Hints

RENEW_SECONDS: Final = 6 * 3600.0
SHOWN: Final = ("state", "last_seq", "messages", "stream", "busy", "queue", "rate", "email")
NOTHING: Final = selectors.Snapshot(state="bot", last_seq=0, messages=(), stream=None, busy=False)


class WidgetConsumer(CustomerSocket):
    visit: visits.Visit | None = None
    sent_seq = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hints = Hints()

    async def handle(self, event: events.ClientEvent) -> None:
        if self.visit is not None:
            await self._serve(event, self.visit)
        elif isinstance(event, events.Hello):
            await self._hello(event)

    async def _hello(self, hello: events.Hello) -> None:
        self.language = languages.for_texts(hello.language or self.language)
        translation.activate(self.language)
        visit = await run(visits.enter, inbox_key=self.inbox_key, hello=hello, address=self.address)
        self.heard = self.renewed = time.monotonic()
        self.greeted = True
        await self._show(visit)
        if visit.problem is not None:
            await self.refuse(visit.problem)

    async def _serve(self, event: events.ClientEvent, visit: visits.Visit) -> None:
        match event:
            case events.Ping():
                await self._ping(event, visit)
            case events.Sync():
                await self._show(replace(visit, last_seq=event.last_seq, reset=False))
            case events.MessageSend():
                self._typing(visit, on=False)
                await self.deliver(await run(visits.post, await self._ready(visit), event))
            case events.PersonAsk():
                await run(visits.ask_person, await self._ready(visit))
            case events.PersonCancel():
                await run(visits.cancel_person, visit)
            case events.RatingSet():
                await run(visits.rate, visit, event)
            case events.ConversationRate():
                await run(visits.rate_conversation, visit, event)
            case events.EmailSet():
                await run(visits.set_email, visit, event.email)
                await self._show(replace(visit, last_seq=self.sent_seq, reset=False))
            case events.Typing():
                self._typing(visit, on=event.on)
            case events.PageSeen():
                if self.hints.tells_page():
                    self.visit = await run(visits.page, visit, event)
            case events.Seen():
                await run(visits.seen, visit, event.seq)
            case events.Context():
                await run(visits.set_context, visit, event.data)
            case events.ConversationNew():
                await self._show(await run(visits.start_anew, visit))
            case events.Identify():
                await self._show(await run(visits.identify, replace(visit, last_seq=self.sent_seq), event.token))
            case events.Logout():
                await self._show(await run(visits.logout, visit))
            case events.Hello():
                raise Refusal("hello_twice", _("This socket has said hello already."))

    def _typing(self, visit: visits.Visit, *, on: bool) -> None:
        if self.hints.tells_typing(on):
            visits.typing(visit, on)

    async def _ready(self, visit: visits.Visit) -> visits.Visit:
        """The visit with a conversation to write into, which this socket then shows."""
        ready = await run(visits.ready_to_write, visit)
        if ready.conversation_id != visit.conversation_id:
            await self._show(ready)
        return ready

    async def _ping(self, ping: events.Ping, visit: visits.Visit) -> None:
        pulse = await run_heartbeat(visits.pulse, visit, socket=self.channel_name)
        if not pulse.open:
            raise Refusal("signed_out", _("You have been signed out. Please open the chat again."))
        if visit.conversation_id is not None and pulse.last_seq is None:
            raise Conversation.DoesNotExist
        if (pulse.last_seq or 0) > ping.last_seq:
            self.sent_seq = min(self.sent_seq, ping.last_seq)
            await self._catch_up(visit)
        await self.deliver(events.Pong(last_seq=pulse.last_seq or 0))
        if time.monotonic() - self.renewed > RENEW_SECONDS:
            self.renewed = time.monotonic()
            self.visit = await run(visits.renew, visit)
            await self.deliver(events.TokenOut(token=self.visit.token))

    async def _show(self, visit: visits.Visit) -> None:
        """Turn this socket to the visit's conversation and send all that the client lacks of it."""
        before, self.visit = self.visit, visit
        moved = before is None or before.conversation_id != visit.conversation_id
        if before is not None and moved:
            await self._leave(before)
        snapshot = NOTHING
        if visit.conversation_id is not None:
            await self.channel_layer.group_add(events.group_name(visit.conversation_id), self.channel_name)
            snapshot = await run(selectors.snapshot, conversation_id=visit.conversation_id, last_seq=visit.last_seq)
        self.sent_seq = snapshot.last_seq
        welcome = {
            **{name: getattr(snapshot, name) for name in SHOWN},
            "token": visit.token,
            "conversation": visit.public_id,
            "reset": visit.reset,
        }
        self.visit = replace(visit, reset=False)
        await self.deliver(events.Welcome.model_validate(welcome))
        if moved and visit.conversation_id is not None:
            await run(customer_presence.arrive, conversation_id=visit.conversation_id, socket=self.channel_name)

    async def conversation_event(self, message: dict[str, Any]) -> None:
        """From the channel layer: an event of the conversation that this socket shows, or showed a moment ago."""
        visit, event = self.visit, message["event"]
        if self.closed or visit is None or message["conversation"] != visit.conversation_id:
            return
        if event["type"] == "gone":
            await self.deliver(events.Gone())
            await self.close(code=Close.SIGNED_OUT)
        elif event["type"] != "message":
            await self.send(text_data=json.dumps(event, ensure_ascii=False))
        elif event["seq"] == self.sent_seq + 1:
            self.sent_seq += 1
            await self.send(text_data=json.dumps(event, ensure_ascii=False))
        elif event["seq"] > self.sent_seq:
            await self._catch_up(visit)

    async def carrier_restored(self, _message: dict[str, Any]) -> None:
        """From the channel layer: it was away, and events may have been lost."""
        if not self.closed and self.visit is not None:
            await self._catch_up(self.visit)

    async def _catch_up(self, visit: visits.Visit) -> None:
        if visit.conversation_id is None:
            return
        missed = await run(selectors.messages_after, conversation_id=visit.conversation_id, seq=self.sent_seq)
        for message in missed:
            await self.deliver(message)
            self.sent_seq = message.seq

    async def _send(self, event: events.Event) -> None:
        await self.send(text_data=event.model_dump_json())

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self.visit is not None:
            await self._leave(self.visit)

    async def _leave(self, visit: visits.Visit) -> None:
        """This socket shows the visit's conversation no longer."""
        if visit.conversation_id is None:
            return
        self._typing(visit, on=False)
        await self.channel_layer.group_discard(events.group_name(visit.conversation_id), self.channel_name)
        await run(customer_presence.leave, conversation_id=visit.conversation_id, socket=self.channel_name)
