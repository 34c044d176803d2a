"""A desk's server that exists only inside the browser: the real page, scripts from disk, a socket that tests conduct.

It keeps conversations as the record does: numbered messages, client ids, rows that go to every desk.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Route, WebSocketRoute

from tests.widget.fake_server import ROOT, TYPES

DESK = "http://desk.parley.test"
STATIC = {"/static/desk/": ROOT / "chatbot/desk/static/desk", "/static/shared/": ROOT / "chatbot/static/shared"}
ME = {"id": 1, "name": "Mia Berg", "username": "mia", "online": True}
TOM = {"id": 2, "name": "Tom Okafor", "username": "tom", "online": True}
LIN = {"id": 3, "name": "林晓", "username": "lin", "online": False}
MY_FIRST_NAME = "Mia"
"""Messages carry the name that customers read."""
JUST_NOW = "2026-11-24T10:00:00+00:00"


def conversation_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


class FakeDesk:
    """`received` holds every event of the browser, oldest first; `asked` every address it loaded."""

    def __init__(self, html: str, headers: dict[str, str]) -> None:
        self.html, self.headers = html, headers
        self.received: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.sockets: list[WebSocketRoute] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.talks: dict[str, dict[str, Any]] = {}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.canned = [
            {"id": 5, "title": "Returns", "shortcut": "returns", "text": "You can return it within 60 days."},
            {"id": 6, "title": "Shipping times", "shortcut": "ship", "text": "Standard shipping takes 3 to 5 days."},
        ]
        self.welcome: dict[str, Any] = {
            "me": ME, "availability": "online", "may_reply": True, "may_compose": True,
            "inboxes": [
                {"id": 1, "name": "Shop", "mode": "auto", "agents": [1, 2, 3]},
                {"id": 2, "name": "Wholesale", "mode": "draft", "agents": [1, 2]},
            ],
            "teams": [{"id": 4, "name": "Billing", "members": [1, 2]}, {"id": 5, "name": "Repairs", "members": [2]}],
            "people": [ME, TOM, LIN],
            "tags": [{"name": "refund", "color": "#b3561e"}, {"name": "vip", "color": "#5a3fa8"}],
        }  # fmt: skip
        self.page_size = 50
        self.counts: dict[str, int] | None = None
        self.unread_mentions = 0
        self.silent: set[str] = set()
        """Requests that get no answer: the line is dead."""
        self.on: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._ids = itertools.count(100)

    # --- The page ---------------------------------------------------------------------------------------
    def install(self, context: BrowserContext) -> None:
        context.route("**/*", self._serve)
        context.route_web_socket(lambda _url: True, self._connect)

    def _serve(self, route: Route) -> None:
        self.asked.append(route.request.url)
        url = urlsplit(route.request.url)
        folder, name = url.path.rpartition("/")[0] + "/", Path(url.path).name
        file = STATIC[folder] / name if folder in STATIC else Path("none")
        if url.path == "/desk/":
            route.fulfill(body=self.html, headers=self.headers)
        elif file.exists():
            types = {**TYPES, ".svg": "image/svg+xml"}
            route.fulfill(body=file.read_text(), content_type=types[file.suffix])
        elif url.path.startswith("/static/django_htmx/"):
            route.fulfill(body="", content_type="text/javascript")
        else:
            route.fulfill(status=404)

    def _connect(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self._heard(json.loads(text)))

    def _heard(self, event: dict[str, Any]) -> None:
        self.received.append(event)
        kind = event["type"]
        if kind in self.silent:
            return
        answer = self.on.get(kind) or getattr(self, "do_" + kind.replace(".", "_"), None)
        if answer:
            answer(event)
        elif "ref" in event:
            self.send(type="done", ref=event["ref"])

    def send(self, **event: Any) -> None:
        self.sockets[-1].send(json.dumps(event))

    def got(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]

    def refuse(self, event: dict[str, Any], code: str, message: str, **more: Any) -> None:
        self.send(type="error", code=code, message=message, ref=event["ref"], **more)

    # --- The record ---------------------------------------------------------------------------------------
    def conversation(self, number: int = 1, **row: Any) -> str:
        cid = conversation_id(number)
        self.rows[cid] = {
            "conversation": cid, "inbox": 1, "contact": f"Customer {number}", "contact_id": number,
            "state": "waiting", "assignee": None, "team": None, "priority": 0, "tags": [], "topic": "", "reason": "",
            "waiting_since": f"2026-11-24T09:{number % 60:02d}:00+00:00", "snoozed_until": None, "last_seq": 0,
            "last_message_at": JUST_NOW, "preview": "", "preview_role": "", "via": "chat", "rating": 0,
            "language": "en", "read_seq": 0, **row,
        }  # fmt: skip
        self.talks[cid] = {
            "messages": [], "answers": [], "notes": [], "activities": [], "stream": None, "suggestion": None,
            "viewers": [], "summary": "", "customer_online": True, "customer_seen_seq": 0, "emailed_seq": 0,
            "page_url": "",
        }  # fmt: skip
        return cid

    def says(self, cid: str, text: str, role: str = "customer", **more: Any) -> dict[str, Any]:
        """The next message of the record; not sent."""
        row, talk = self.rows[cid], self.talks[cid]
        row["last_seq"] += 1
        row["preview"], row["preview_role"] = text[:200], role
        row["last_message_at"] = more.get("created_at", row["last_message_at"])
        made = {
            "type": "message", "conversation": cid, "seq": row["last_seq"], "client_id": None, "role": role,
            "kind": "text", "text": text, "author": "", "citations": [], "offer_person": False, "rating": 0,
            "created_at": JUST_NOW, "job": None, **more,
        }  # fmt: skip
        talk["messages"].append(made)
        return made

    def tell_row(self, cid: str, **changes: Any) -> None:
        """A row goes to every desk, without what this agent has read."""
        self.rows[cid].update(changes)
        self.send(type="row", row={name: value for name, value in self.rows[cid].items() if name != "read_seq"})

    def suggestion(self, cid: str, text: str = "Refunds take 5 days [1].", **more: Any) -> dict[str, Any]:
        """The newest draft of the record; not sent."""
        citation = {"number": 1, "title": "Refunds", "heading": "How long", "url": "", "text": "Refunds take 5 days."}
        made = {
            "type": "suggestion", "conversation": cid, "id": next(self._ids), "state": "ready",
            "trigger_seq": self.rows[cid]["last_seq"], "text": text, "citations": [citation], "confidence": 0.86,
            "decision": "answer", "engine": "extractive", "adapter": "", "hint": "", "error": "", **more,
        }  # fmt: skip
        self.talks[cid]["suggestion"] = made
        return made

    def note(self, cid: str, text: str, **more: Any) -> dict[str, Any]:
        made = {
            "type": "note", "conversation": cid, "id": next(self._ids), "client_id": "note-00000001", "author": TOM,
            "text": text, "mentions": [], "after_seq": self.rows[cid]["last_seq"], "created_at": JUST_NOW, **more,
        }  # fmt: skip
        self.talks[cid]["notes"].append(made)
        return made

    def activity(self, cid: str, kind: str, **detail: Any) -> dict[str, Any]:
        made = {
            "type": "activity", "conversation": cid, "id": next(self._ids), "kind": kind,
            "actor": detail.pop("actor", TOM), "detail": detail, "after_seq": self.rows[cid]["last_seq"],
            "created_at": JUST_NOW,
        }  # fmt: skip
        self.talks[cid]["activities"].append(made)
        return made

    # --- What the server answers --------------------------------------------------------------------------
    def do_hello(self, _event: dict[str, Any]) -> None:
        self.send(type="welcome", **self.welcome)

    def do_ping(self, event: dict[str, Any]) -> None:
        self.send(type="pong", last_seq=event["last_seq"])

    def _in(self, view: str, row: dict[str, Any]) -> bool:
        mine = (row["assignee"] or {}).get("id") == self.welcome["me"]["id"]
        live = row["snoozed_until"] is None
        open_ = row["state"] in ("agent", "waiting")
        return {
            "waiting": row["state"] == "waiting" and live,
            "mine": mine and open_ and live,
            "team": row["team"] == 4 and open_ and live,
            "bot": row["state"] == "bot",
            "resolved": row["state"] == "resolved",
            "snoozed": not live,
            "mentions": False,
            "all": True,
        }[view]

    def _page(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        rows = [row for row in self.rows.values() if self._in(event["view"], row)]
        if event["inbox"] is not None:
            rows = [row for row in rows if row["inbox"] == event["inbox"]]
        if event["tag"]:
            rows = [row for row in rows if event["tag"] in row["tags"]]
        if event["view"] == "waiting":
            return sorted(rows, key=lambda row: (-row["priority"], row["waiting_since"]))
        return sorted(rows, key=lambda row: row["last_message_at"], reverse=True)

    def do_list(self, event: dict[str, Any]) -> None:
        rows, start = self._page(event), int(event["after"] or 0)
        end = start + self.page_size
        following = str(end) if end < len(rows) else ""
        self.send(type="rows", ref=event["ref"], view=event["view"], rows=rows[start:end], next=following)

    def do_counts(self, event: dict[str, Any]) -> None:
        views = ["waiting", "mine", "team", "bot", "resolved", "snoozed", "mentions", "all"]
        counted = {view: sum(self._in(view, row) for row in self.rows.values()) for view in views}
        self.send(type="counts", ref=event["ref"], views=self.counts or counted, unread_mentions=self.unread_mentions)

    def do_search(self, event: dict[str, Any]) -> None:
        found, excerpts = [], {}
        for cid, row in self.rows.items():
            texts = [message["text"] for message in self.talks[cid]["messages"]]
            if hit := next((text for text in texts if event["query"].lower() in text.lower()), None):
                found.append(row)
                excerpts[cid] = hit[:160]
        people = [
            {"id": row["contact_id"], "name": row["contact"], "email": "", "conversation": cid}
            for cid, row in self.rows.items()
            if event["query"].lower() in row["contact"].lower()
        ]
        self.send(type="found", ref=event["ref"], rows=found, excerpts=excerpts, contacts=people)

    def do_open(self, event: dict[str, Any]) -> None:
        cid = event["conversation"]
        if cid not in self.rows:
            return self.refuse(event, "not_found", "There is no such conversation.")
        talk = dict(self.talks[cid])
        talk["messages"] = [
            {name: value for name, value in message.items() if name != "conversation"}
            for message in talk["messages"]
            if message["seq"] > event["last_seq"]
        ]
        return self.send(type="opened", ref=event["ref"], row=self.rows[cid], **talk)

    def do_contact(self, event: dict[str, Any]) -> None:
        row = self.rows[event["conversation"]]
        contact = {
            "id": row["contact_id"], "name": row["contact"], "email": "", "email_verified": False, "external_id": "",
            "context": {}, "first_seen_at": JUST_NOW, "last_seen_at": JUST_NOW, "pages": [], "past": [],
            **self.contacts.get(event["conversation"], {}),
        }  # fmt: skip
        self.send(type="contact", ref=event["ref"], conversation=event["conversation"], **contact)

    def do_canned(self, event: dict[str, Any]) -> None:
        query = event["query"].lower()
        fitting = [one for one in self.canned if query in f"{one['shortcut']} {one['title']}".lower()]
        self.send(type="canned", ref=event["ref"], replies=fitting)

    def do_compose(self, event: dict[str, Any]) -> None:
        self.send(type="composed", ref=event["ref"], text=f"{event['style']}: {event['text']}")

    def do_reply(self, event: dict[str, Any]) -> None:
        """Keep a reply once, as the record does; first send wins."""
        cid = event["conversation"]
        messages = self.talks[cid]["messages"]
        known = next((one for one in messages if one["client_id"] == event["client_id"]), None)
        others = [one for one in messages if one["role"] == "agent" and one["author"] != MY_FIRST_NAME]
        if known is None and not event["force"] and any(one["seq"] > event["seen_seq"] for one in others):
            return self.refuse(event, "collision", f"{others[-1]['author']} has just answered.")
        kept = known or self.says(cid, event["text"], "agent", author=MY_FIRST_NAME, client_id=event["client_id"])
        self.send(type="done", ref=event["ref"], seq=kept["seq"])
        if known is None:
            self.send(**kept)
            state = "resolved" if event["resolve"] else "agent"
            self.tell_row(cid, state=state, assignee=ME, waiting_since=None)
        return None

    def do_note(self, event: dict[str, Any]) -> None:
        made = self.note(event["conversation"], event["text"], client_id=event["client_id"], author=ME)
        self.send(type="done", ref=event["ref"], seq=None)
        self.send(**made)

    def do_take(self, event: dict[str, Any]) -> None:
        self.send(type="done", ref=event["ref"], seq=None)
        self.send(**self.activity(event["conversation"], "taken", actor=ME))
        self.tell_row(event["conversation"], state="agent", assignee=ME)

    def do_resolve(self, event: dict[str, Any]) -> None:
        self.send(type="done", ref=event["ref"], seq=None)
        self.tell_row(event["conversation"], state="resolved")


def row(page: Page, cid: str) -> Any:
    return page.locator(f"#rows [data-conversation='{cid}']")


def open_(page: Page, cid: str) -> None:
    row(page, cid).click()
    page.locator("#talk-body").wait_for()


def bubbles(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#log .bubble").all_inner_texts()]
