"""An agent's socket: one event in, one action carried out, the answer out. What it may do is read anew each time.

As on the customer's socket, groups are joined before the record is read, and a gap in the numbers of messages is
closed from the record. Rows go to all desks of an inbox through one group per inbox.
"""

import json
import random
import time
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from chatbot.accounts import presence
from chatbot.conversations import access, desk_events, desk_opened, desk_sessions, events, origins, rows, selectors
from chatbot.conversations import desk_requests as requests
from chatbot.conversations.handoffs import routing
from chatbot.conversations.live.publishing import publish, publish_desk
from chatbot.conversations.live.sockets import GuardedSocket, retry_after, run
from chatbot.conversations.models import Conversation
from chatbot.conversations.refusals import Refusal
from chatbot.desk import actions
from chatbot.desk.compositions import Compositions
from chatbot.desk.viewing import TYPING_AGAIN_SECONDS, Others, word
from chatbot.desk.welcoming import welcome

RENEW_SECONDS: Final = 20.0
"""So long at most the rights of an open desk are taken as they were for what comes in unasked."""
FOR_THE_CUSTOMER: Final = frozenset(["queue", "rate.ask", "typing", "gone"])
"""Public events that no desk is told; of `gone` the desks of the whole inbox get their own."""


class DeskConsumer(GuardedSocket):
    catalogue = requests.DESK_EVENTS
    agent: desk_sessions.Agent | None = None
    open_id = 0
    open_uuid: UUID | None = None
    open_inbox = 0
    sent_seq = 0
    typing_at = 0.0
    typing = False
    renew_at = 0.0

    async def may_open(self) -> bool:
        """Only for the desk's own page: another site's page must not use this browser's session."""
        headers = {
            name: value.decode("latin-1") for name, value in self.scope["headers"] if name in (b"origin", b"host")
        }
        origin = origins.normalise(headers.get(b"origin", ""))
        if origin is None or origin not in origins.own_origins(headers.get(b"host", "")):
            return False
        self.session_key = self.scope["cookies"].get(_session_cookie())
        self.agent = await run(desk_sessions.agent, session_key=self.session_key)
        return self.agent is not None

    def language_of_headers(self) -> str | None:
        return _language_of(self.scope)

    async def handle(self, event: Any) -> None:
        try:
            await self._serve(await self._agent(), event)
        except Conversation.DoesNotExist:
            raise Refusal("not_found", _("There is no such conversation.")) from None

    async def _serve(self, agent: desk_sessions.Agent, event: Any) -> None:
        match event:
            case requests.Hello():
                await self._hello(agent)
            case requests.Open():
                await self._open(agent, event)
            case requests.Close():
                await self._leave()
            case requests.Typing():
                await self._type(agent, event)
            case requests.Ping():
                await self._ping(agent, event)
            case requests.Compose():
                self.compositions.refuse_too_many()
                asked = await run(actions.carry_out, agent.user, event)
                assert isinstance(asked, desk_events.Composition)  # noqa: S101 - what this action gives
                self.compositions.expect(asked.key, event.ref)
            case _:
                answer = await run(actions.carry_out, agent.user, event)
                if isinstance(event, requests.PresenceSet):
                    await self._tell_presence(agent)
                if isinstance(event, requests.Reply | requests.NoteAdd):
                    await self._stop_typing(agent)
                if answer is not None or isinstance(event, requests.Request):
                    await self.deliver(answer or desk_events.Done(ref=event.ref))

    async def _agent(self) -> desk_sessions.Agent:
        """Who this is, with the rights of now. Raises Refusal when the session is over."""
        agent = await run(desk_sessions.agent, session_key=self.session_key)
        # Not all desks at once: each would wait for all the others before it shows the row that made it ask.
        self.renew_at = time.monotonic() + RENEW_SECONDS * random.uniform(0.5, 1)  # noqa: S311 - not a secret
        if agent is None:
            self.agent = None
            raise Refusal("signed_out", _("You have been signed out. Sign in again to go on."))
        before, self.agent = self.agent, agent
        if self.greeted and before is not None and before.inboxes != agent.inboxes:
            await self._follow(before.inboxes, agent.inboxes)
        return agent

    async def _follow(self, before: frozenset[int], after: frozenset[int]) -> None:
        if self.open_inbox in before - after:
            await self._leave()
        for inbox_id in before - after:
            await self.channel_layer.group_discard(desk_events.inbox_group(inbox_id), self.channel_name)
        for inbox_id in after - before:
            await self.channel_layer.group_add(desk_events.inbox_group(inbox_id), self.channel_name)

    # --- Coming, staying, going ------------------------------------------------------------------------
    async def _hello(self, agent: desk_sessions.Agent) -> None:
        if self.greeted:
            raise Refusal("hello_twice", _("This socket has said hello already."))
        self.others = Others(agent.user.pk)
        self.compositions = Compositions(self.deliver)
        self.greeted = True
        await self.channel_layer.group_add(desk_events.EVERYBODY, self.channel_name)
        await self.channel_layer.group_add(desk_events.person_group(agent.user.pk), self.channel_name)
        await self._follow(frozenset(), agent.inboxes)
        if agent.may_reply:
            await run(presence.sign_of_life, user_id=agent.user.pk)
            await self._tell_presence(agent)
        await self.deliver(await run(welcome, agent))

    async def _ping(self, agent: desk_sessions.Agent, ping: requests.Ping) -> None:
        if agent.may_reply:
            await run(presence.sign_of_life, user_id=agent.user.pk)
        newest = 0
        if self.open_id:
            newest = await run(_newest, self.open_id, agent)
            if newest > ping.last_seq:
                self.sent_seq = min(self.sent_seq, ping.last_seq)
                await self._catch_up()
            await self._say(agent, here=True)
        await self.deliver(desk_events.Pong(last_seq=newest))

    async def _tell_presence(self, agent: desk_sessions.Agent) -> None:
        user = (await self._agent()).user
        there = presence.is_there(user)
        person = rows.person_out(user, online=there)
        assert person is not None  # noqa: S101 - a user gives a person
        publish_desk(desk_events.EVERYBODY, desk_events.Presence(person=person))
        if there:
            await run(routing.agent_is_free, user.pk)

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        agent = self.agent
        if agent is None or not self.greeted:
            return
        self.compositions.close()
        await self._leave()
        await self._follow(agent.inboxes, frozenset())
        await self.channel_layer.group_discard(desk_events.EVERYBODY, self.channel_name)
        await self.channel_layer.group_discard(desk_events.person_group(agent.user.pk), self.channel_name)
        if agent.may_reply:
            await run(presence.leave, user_id=agent.user.pk)
            person = rows.person_out(agent.user)
            assert person is not None  # noqa: S101 - as above
            publish_desk(desk_events.EVERYBODY, desk_events.Presence(person=person))
            await self.channel_layer.group_send(desk_events.person_group(agent.user.pk), {"type": "desk.closed"})

    async def desk_closed(self, _message: dict[str, Any]) -> None:
        """Another desk of the same person has closed; this one is still there, and says so."""
        if not self.closed and self.agent is not None and self.agent.may_reply:
            await run(presence.sign_of_life, user_id=self.agent.user.pk)
            await self._tell_presence(self.agent)

    # --- The open conversation ----------------------------------------------------------------------------
    async def _open(self, agent: desk_sessions.Agent, event: requests.Open) -> None:
        conversation_id = await run(access.conversation_id, agent.user, event.conversation)
        await self._leave()
        self.open_id, self.open_uuid = conversation_id, event.conversation
        self.others = Others(agent.user.pk)
        await self.channel_layer.group_add(events.group_name(conversation_id), self.channel_name)
        await self.channel_layer.group_add(desk_events.followers_group(conversation_id), self.channel_name)
        opened = await run(
            desk_opened.opened,
            conversation_id=conversation_id,
            user=agent.user,
            last_seq=event.last_seq,
            ref=event.ref,
        )
        self.sent_seq, self.open_inbox = opened.row.last_seq, opened.row.inbox
        await self.deliver(opened)
        await self._say(agent, here=True, ask=True)

    async def _leave(self) -> None:
        conversation_id, self.open_id, self.open_uuid, self.open_inbox = self.open_id, 0, None, 0
        if not conversation_id:
            return
        await self.channel_layer.group_discard(events.group_name(conversation_id), self.channel_name)
        await self.channel_layer.group_discard(desk_events.followers_group(conversation_id), self.channel_name)
        if self.agent is not None:
            await self._stop_typing(self.agent, conversation_id)
            await self._say(self.agent, here=False, conversation_id=conversation_id)

    async def _type(self, agent: desk_sessions.Agent, event: requests.Typing) -> None:
        if event.conversation != self.open_uuid or not agent.may_reply:
            return
        now = time.monotonic()
        if event.on == self.typing and now - self.typing_at < TYPING_AGAIN_SECONDS:
            return
        self.typing, self.typing_at = event.on, now
        publish(self.open_id, events.TypingOut(name=_first_name(agent), on=event.on))
        await self._say(agent, here=True)

    async def _stop_typing(self, agent: desk_sessions.Agent, conversation_id: int = 0) -> None:
        if self.typing:
            self.typing = False
            publish(conversation_id or self.open_id, events.TypingOut(name=_first_name(agent), on=False))

    async def _say(
        self, agent: desk_sessions.Agent, *, here: bool, ask: bool = False, conversation_id: int = 0
    ) -> None:
        person = rows.person_out(agent.user, online=True)
        assert person is not None  # noqa: S101 - as above
        said = word(conversation_id or self.open_id, person, typing=self.typing, here=here, ask=ask)
        await self.channel_layer.group_send(desk_events.followers_group(said["conversation"]), said)

    async def desk_viewer(self, said: dict[str, Any]) -> None:
        """From another desk that has the conversation open, or had it."""
        if self.closed or said["conversation"] != self.open_id or self.open_uuid is None or self.agent is None:
            return
        now = time.monotonic()
        if self.others.heard(said, now=now):
            await self.deliver(self.others.event(self.open_uuid, now=now))
        if said["ask"] and said["person"]["id"] != self.agent.user.pk:
            await self._say(self.agent, here=True)

    # --- What comes unasked ----------------------------------------------------------------------------------
    async def _still_mine(self) -> bool:
        """Whether the rights that were read are fresh enough to show more; they are read anew when they are not."""
        if self.agent is not None and time.monotonic() > self.renew_at:
            try:
                await self._agent()
            except Refusal as refusal:
                await self.refuse(refusal)
        return not self.closed and self.agent is not None

    async def desk_event(self, message: dict[str, Any]) -> None:
        """For the desks of an inbox, of a person, of a conversation, or for all."""
        if self.closed or not await self._still_mine():
            return
        if message["inbox"] is not None and self.agent is not None and message["inbox"] not in self.agent.inboxes:
            return
        if message["followed"] is not None and message["followed"] != str(self.open_uuid):
            return  # it has been left meanwhile, or may be seen no longer
        await self.send(text_data=message["text"])

    async def desk_composition(self, message: dict[str, Any]) -> None:
        """A worker has reworded a text for a desk of this person."""
        if not self.closed and await self._still_mine():
            await self.compositions.arrived(desk_events.Composition.model_validate(message["event"]))

    async def conversation_event(self, message: dict[str, Any]) -> None:
        """Public events of the open conversation, as its customer gets them, with its name."""
        if self.closed or not await self._still_mine() or message["conversation"] != self.open_id:
            return
        event = {**message["event"], "conversation": str(self.open_uuid)}
        if event["type"] in FOR_THE_CUSTOMER:
            return
        if event["type"] != "message":
            await self.send(text_data=json.dumps(event, ensure_ascii=False))
        elif event["seq"] == self.sent_seq + 1:
            self.sent_seq += 1
            await self.send(text_data=json.dumps(event, ensure_ascii=False))
        elif event["seq"] > self.sent_seq:
            await self._catch_up()

    async def carrier_restored(self, _message: dict[str, Any]) -> None:
        """The channel layer was away: rows may be missing, so the desk asks anew as after a reconnect."""
        if not self.closed and self.greeted and self.agent is not None:
            await self.deliver(await run(welcome, self.agent))

    async def _catch_up(self) -> None:
        missed = await run(selectors.messages_after, conversation_id=self.open_id, seq=self.sent_seq)
        for message in missed:
            self.sent_seq = message.seq
            shown = {**message.model_dump(mode="json"), "conversation": str(self.open_uuid)}
            await self.send(text_data=json.dumps(shown, ensure_ascii=False))

    def refused(self, refusal: Refusal, event: Any, *, fatal: bool) -> events.Event:
        return desk_events.ErrorOut(
            code=refusal.code,
            message=refusal.message,
            ref=getattr(event, "ref", None),
            retry_after=retry_after(refusal),
            fatal=fatal,
        )


def _newest(conversation_id: int, agent: desk_sessions.Agent) -> int:
    """The newest number of the open conversation. Raises DoesNotExist once it may be seen no longer."""
    found = access.conversations(agent.user).filter(pk=conversation_id).values_list("last_seq", flat=True)
    return found.get()


def _first_name(agent: desk_sessions.Agent) -> str:
    return agent.user.get_short_name() or _("A colleague")


def _session_cookie() -> str:
    from django.conf import settings

    return settings.SESSION_COOKIE_NAME


def _language_of(scope: Any) -> str | None:
    from django.conf import settings

    chosen = scope.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME, "")
    known = {code for code, _name in settings.LANGUAGES}
    return chosen if chosen in known else None
