"""Small made-up exports, in the shapes that each tool documents."""

from typing import Any

PARLEY: dict[str, Any] = {
    "conversation_id": "p-1",
    "lang": "en",
    "messages": [
        {"role": "customer", "text": "Is the Cairn 2 waterproof?", "created_at": "2026-05-04T10:00:00+00:00"},
        {
            "role": "bot",
            "text": "No, it is not [1].",
            "created_at": "2026-05-04T10:00:05+00:00",
            "citations": [
                {"number": 1, "title": "Cairn 2", "text": "It is not waterproof.", "url": "/products/cairn-2"}
            ],
            "answer": {"decision": "answer", "confidence": 0.8, "engine": "extractive"},
            "thumb": 1,
        },
        {"role": "action", "text": "Looked up the order."},
        {"role": "agent", "text": "The Dry is.", "author": {"name": "Lena"}, "created_at": "2026-05-04T10:03:00Z"},
    ],
    "rating": {"value": 5, "comment": "Quick"},
    "tags": ["boots", "boots"],
}

CHATWOOT: dict[str, Any] = {
    "id": 12,
    "status": "open",
    "priority": "high",
    "labels": ["returns"],
    "created_at": 1746352800,
    "can_reply": True,
    "additional_attributes": {"referer": "https://shop.test/boots", "browser": {"browser_language": "en"}},
    "meta": {
        "sender": {"id": 7, "name": "Ana", "email": "Ana@Example.test"},
        "assignee": {"id": 3, "name": "Mia", "email": "mia@shop.test"},
    },
    "messages": [
        {"id": 103, "content": "<b>sorry</b>", "message_type": 1, "created_at": 1746352990, "private": False,
         "sender": {"id": 3, "name": "Mia", "email": "mia@shop.test", "type": "user"}},
        {"id": 101, "content": "My soles came off", "message_type": 0, "created_at": 1746352810, "private": False,
         "sender": {"id": 7, "name": "Ana", "type": "contact"}},
        {"id": 102, "content": "Please wait", "message_type": 1, "created_at": 1746352815, "private": False,
         "sender": {"id": 9, "name": "Robo", "type": "agent_bot"}},
        {"id": 104, "content": "Angry, be kind", "message_type": 1, "created_at": 1746352995, "private": True,
         "sender": {"id": 3, "name": "Mia", "email": "mia@shop.test", "type": "user"}},
        {"id": 105, "content": "Mia was assigned", "message_type": 2, "created_at": 1746352996, "private": False},
        {"id": 106, "content": "Please rate", "message_type": 3, "content_type": "input_csat",
         "created_at": 1746353000, "private": False, "content_attributes": {
             "submitted_values": {"csat_survey_response": {"rating": 2, "feedback_message": "slow"}}}},
    ],
}  # fmt: skip

ZENDESK: dict[str, Any] = {
    "tickets": [
        {
            "id": 35,
            "subject": "Where is my parcel?",
            "description": "It has not moved.",
            "status": "solved",
            "priority": "urgent",
            "tags": ["parcel"],
            "requester_id": 20,
            "assignee_id": 30,
            "created_at": "2026-03-01T08:00:00Z",
            "satisfaction_rating": {"score": "bad", "comment": "too slow"},
            "comments": [
                {"id": 1, "author_id": 20, "body": "It has not moved.", "public": True,
                 "created_at": "2026-03-01T08:00:00Z", "via": {"channel": "email"}},
                {"id": 2, "author_id": 30, "html_body": "<p>We <b>search</b>.</p><script>alert(1)</script>",
                 "public": True, "created_at": "2026-03-01T09:00:00Z", "via": {"channel": "web"}},
                {"id": 3, "author_id": 30, "body": "Carrier called.", "public": False,
                 "created_at": "2026-03-01T09:30:00Z"},
                {"id": 4, "author_id": -1, "body": "Ticket closes soon.", "public": True,
                 "created_at": "2026-03-02T09:30:00Z", "via": {"channel": "rule"}},
            ],
        },
        {"id": 36, "status": "new", "description": "Hello?", "requester_id": 20, "created_at": "2026-03-03T08:00:00Z"},
    ],
    "users": [
        {"id": 20, "name": "Bo", "email": "bo@example.test", "role": "end-user"},
        {"id": 30, "name": "Mia", "email": "mia@shop.test", "role": "agent"},
    ],
}  # fmt: skip

INTERCOM: dict[str, Any] = {
    "type": "conversation",
    "id": "99",
    "created_at": 1746352800,
    "state": "closed",
    "open": False,
    "priority": "priority",
    "title": "Size",
    "source": {
        "type": "conversation",
        "subject": "<p>Size</p>",
        "body": "<p>Which size?<br>I wear 42.</p>",
        "author": {"type": "user", "id": "u1", "name": "Cy", "email": "cy@example.test"},
        "url": "https://shop.test/p",
    },
    "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "c1"}]},
    "tags": {"tags": [{"name": "sizes"}]},
    "conversation_rating": {"rating": 4, "remark": "ok", "created_at": 1746353900},
    "conversation_parts": {
        "conversation_parts": [
            {"id": "1", "part_type": "comment", "body": "<p>Half a size up.</p>", "created_at": 1746352900,
             "author": {"type": "bot", "id": "b", "name": "Fin"}},
            {"id": "2", "part_type": "note", "body": "<p>Wide feet!</p>", "created_at": 1746352950,
             "author": {"type": "admin", "id": "3", "name": "Mia", "email": "mia@shop.test"}},
            {"id": "3", "part_type": "assignment", "body": None, "created_at": 1746352960,
             "author": {"type": "admin", "id": "3", "name": "Mia", "email": "mia@shop.test"}},
            {"id": "4", "part_type": "comment", "body": "<p>Take 42.5</p>", "created_at": 1746353000,
             "author": {"type": "admin", "id": "3", "name": "Mia", "email": "mia@shop.test"}},
            {"id": "5", "part_type": "close", "body": None, "created_at": 1746353100,
             "author": {"type": "admin", "id": "3", "name": "Mia", "email": "mia@shop.test"}},
        ]
    },
}  # fmt: skip
