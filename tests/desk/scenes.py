"""A busy day at the desk, for pictures and for tests that need a full page."""

from tests.desk.fake_desk import LIN, ME, TOM, FakeDesk

SOURCES = [
    {
        "number": 1,
        "title": "Refunds",
        "heading": "How long a refund takes",
        "url": "http://desk.parley.test/p/1",
        "text": "Refunds are paid back **within 5 working days** after the parcel has arrived.",
    },
    {
        "number": 2,
        "title": "Returns and exchanges",
        "heading": "Worn shoes",
        "url": "",
        "text": "Shoes that were worn outside can be exchanged once within 30 days if the sole has come loose.",
    },
]


def busy_day(desk: FakeDesk) -> str:
    """Fills the lists; the first conversation has everything. Gives its id."""
    first = desk.conversation(
        1, contact="Amara Osei", state="agent", assignee=ME, team=4, priority=2, tags=["refund", "vip"],
        reason="asked", topic="Refunds", waiting_since="2026-11-24T10:03:20+00:00", read_seq=5,
    )  # fmt: skip
    say = desk.says
    say(
        first,
        "Hi! I sent my Cairn 2 boots back ten days ago. When do I get my money?",
        created_at="2026-11-24T09:31:00+00:00",
    )
    say(
        first, "Refunds are paid back **within 5 working days** after your parcel has arrived with us [1]. Worn shoes can be exchanged once [2].",
        "bot", citations=SOURCES, rating=-1, created_at="2026-11-24T09:31:08+00:00",
    )  # fmt: skip
    say(first, "It has been ten days. I want to talk to a person please", created_at="2026-11-24T09:33:00+00:00")
    say(first, "I am handing you over to a colleague.", "notice", created_at="2026-11-24T09:33:01+00:00")
    desk.activity(first, "handoff", actor=None, reason="asked")
    desk.activity(first, "taken", actor=ME)
    note = desk.note(first, "Parcel 4471 reached the warehouse on the 16th. @mia can you check the payout?")
    note["created_at"] = "2026-11-24T09:35:00+00:00"
    say(
        first,
        "Hello Amara, I am looking it up right now.",
        "agent",
        author=ME["name"],
        created_at="2026-11-24T10:01:00+00:00",
    )
    say(first, "Thank you! The order number is 20931.", created_at="2026-11-24T10:03:20+00:00")
    desk.talks[first].update(
        answers=[{"seq": 2, "decision": "answer", "confidence": 0.62, "engine": "extractive", "adapter": "", "index_version": "9f3c2a"}],
        summary="Amara returned Cairn 2 boots (order 20931) ten days ago and asks for the refund. The bot quoted the 5-day rule; she was not satisfied.",
        viewers=[{"person": TOM, "typing": True}], customer_seen_seq=5, page_url="https://shop.test/account/returns",
    )  # fmt: skip
    desk.suggestion(
        first,
        "Your parcel arrived on 16 November, so the refund of **€ 129.00** is paid back within 5 working days [1]: you will have it by tomorrow.",
        citations=SOURCES[:1],
    )
    desk.contacts[first] = {
        "email": "amara.osei@example.com", "email_verified": True, "external_id": "C-20931",
        "context": {"plan": "Trail Club", "orders": 14, "country": "Ghana"},
        "pages": [
            {"url": "https://shop.test/account/returns", "title": "Your returns", "seen_at": "2026-11-24T09:30:00+00:00"},
            {"url": "https://shop.test/products/cairn-2", "title": "Cairn 2 hiking boot", "seen_at": "2026-11-24T09:24:00+00:00"},
        ],
        "past": [
            {"conversation": "00000000-0000-4000-8000-000000000090", "state": "resolved", "preview": "Which size is right for wide feet?", "last_message_at": "2026-09-02T12:00:00+00:00", "rating": 5}
        ],
    }  # fmt: skip
    others = [
        (
            "Jonas Lindqvist-Østergaard von und zu Hohenfels",
            "Where is my parcel?? It says delivered",
            {"priority": 1, "tags": ["vip"]},
        ),
        ("王小明", "请问 Cairn 2 有 44 码吗？我想在双十一之前收到。", {"language": "zh", "team": 4}),
        ("ليلى حداد", "متى تصل طلبيتي؟ أنا أنتظر منذ أسبوع", {"language": "ar"}),
        ("", "hello, is anybody there", {"via": "email"}),
        ("Priya Raman", "The zip of my Drizzle jacket broke", {"state": "agent", "assignee": TOM, "tags": ["refund"]}),
        ("Sofia Marino", "Do you ship to Sardinia?", {"state": "bot"}),
        ("Bea Thompson", "Perfect, thank you!", {"state": "resolved", "rating": 5, "assignee": LIN}),
        ("Dmitri Volkov", "I would like an invoice with our VAT number", {"inbox": 2}),
        ("Hana Suzuki", "Can I change the address of order 20977?", {}),
    ]
    for number, (name, text, more) in enumerate(others, start=2):
        cid = desk.conversation(number, contact=name, **more)
        desk.says(cid, text, created_at=f"2026-11-24T09:{60 - 3 * number:02d}:00+00:00")
        desk.rows[cid]["waiting_since"] = (
            f"2026-11-24T{'10' if number < 4 else '09'}:{(number if number < 4 else 60 - 3 * number):02d}:00+00:00"
        )
    return first
