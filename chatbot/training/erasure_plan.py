"""What an erasure does with each table of the project, and why. A test walks every field and fails where one lacks.

Whoever adds a table decides here: does it hold what a customer said, or who a customer is? Whoever adds a field for
text to a table whose rows stay looks again. Rows that go are not listed by field: they go whole.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fate(StrEnum):
    GOES = "goes"
    """Rows about the contact are deleted."""
    WIPED = "wiped"
    """The row stays as a link of the lineage; its words are emptied."""
    MARKED = "marked"
    """The row says that it rests on erased data; its files with words are removed."""
    RENAMED = "renamed"
    """A pseudonym takes the place of what names the contact."""
    STAYS = "stays"
    """It holds nothing of a contact."""


@dataclass(frozen=True)
class Plan:
    fate: Fate
    why: str
    texts: frozenset[str] = frozenset()
    """Fields that can hold text and were looked at, in tables whose rows stay."""
    links: frozenset[str] = frozenset()
    """Relations to rows that go, which are emptied."""


def _goes(why: str) -> Plan:
    return Plan(Fate.GOES, why)


def _stays(why: str, texts: str = "", links: str = "") -> Plan:
    return Plan(Fate.STAYS, why, frozenset(texts.split()), frozenset(links.split()))


def _other(fate: Fate, why: str, texts: str) -> Plan:
    return Plan(fate, why, frozenset(texts.split()))


_CONTACT: Final = "with the contact"
_TALK: Final = "with its conversation"
_MESSAGE: Final = "with its message"
_TEAM: Final = "written by the team about its work, not about one customer"
_FRAMEWORK: Final = "Django's own; rights and their names"
PLAN: Final[dict[str, Plan]] = {
    # --- who the customer is, and what was said
    "conversations.Contact": _goes("the contact"),
    "conversations.PageView": _goes(_CONTACT),
    "widget.Visitor": _goes(_CONTACT),
    "conversations.Conversation": _goes(_CONTACT),
    "conversations.Conversation_tags": _goes(_TALK),
    "conversations.Message": _goes(_TALK),
    "conversations.Citation": _goes(_MESSAGE),
    "conversations.AnswerCard": _goes(_MESSAGE),
    "conversations.Rating": _goes(_MESSAGE),
    "conversations.ConversationRating": _goes(_TALK),
    "conversations.Note": _goes(_TALK),
    "conversations.Mention": _goes("with its note"),
    "conversations.Activity": _goes(_TALK),
    "conversations.ReadMark": _goes(_TALK),
    "conversations.ReplyJob": _goes(_TALK),
    "conversations.Suggestion": _goes(_TALK),
    "conversations.OutboundEmail": _goes(_TALK),
    "conversations.InboundEmail": _goes("by its message, or by the number of the conversation in its key"),
    "conversations.EmailOptOut": _goes(
        "with its conversation. One for all conversations stays: it is the wish to be left alone, and a hash"
    ),
    "training.Consent": _goes(_TALK),
    "training.Provenance": _goes("of examples that rest on the contact"),
    "training.Diagnosis": _goes("of the contact's messages and drafts, and of examples made of them"),
    "training.Vote": _goes("on answers to questions of the contact"),
    # --- what was learnt from it
    "finetune.Example": _other(
        Fate.WIPED,
        "the row is a link of datasets; what was said, when and by whom is emptied, and the digest is another",
        "digest request answer rejected language topic origin group passages reasons flags reviewed_by note",
    ),
    "finetune.Dataset": _other(
        Fate.MARKED, "tainted; its folder is removed", "digest name folder manifest tainted created_by"
    ),
    "finetune.DatasetExample": _stays("numbers: which example was in which dataset"),
    "finetune.TrainingRun": _other(
        Fate.MARKED,
        "its dataset says it; waiting and running ones are stopped, logs and checkpoints removed",
        "base_model config verdict progress folder worker created_by",
    ),
    "finetune.Adapter": _other(
        Fate.MARKED, "tainted; weights stay until it is replaced", "digest base_model path card tainted"
    ),
    "finetune.Evaluation": _other(
        Fate.MARKED,
        "figures stay; probes that quote an erased example are taken out, the folder with the answers is removed",
        "probes figures reasons progress folder error worker created_by",
    ),
    "finetune.Promotion": _stays("figures and who decided", "reason figures by"),
    # --- what stays
    "accounts.AuditEntry": _other(
        Fate.RENAMED, "what was done by whom stays; whom it was about does not", "actor action target detail address"
    ),
    "training.Erasure": _stays(
        "the receipt: counts and digests; the reason without names; `work` is emptied at the end",
        "subject asked_by reason receipt work",
    ),
    "widget.IdentityUse": _stays(
        "a random number that must not be used twice; purged when it has expired, after minutes", "jti", "visitor"
    ),
    "accounts.User": _stays("people who work here", "password username first_name last_name email"),
    "accounts.Team": _stays(_TEAM, "name"),
    "accounts.Team_members": _stays(_TEAM),
    "accounts.User_groups": _stays(_FRAMEWORK),
    "accounts.User_user_permissions": _stays(_FRAMEWORK),
    "conversations.Inbox": _stays(
        _TEAM,
        "name key secret allowed_origins title color greeting suggested_questions language company collections "
        "time_zone hours holidays handoff_words email_from",
    ),
    "conversations.Inbox_members": _stays(_TEAM),
    "conversations.Tag": _stays(_TEAM, "name color"),
    "conversations.CannedReply": _stays(_TEAM, "title shortcut texts"),
    "conversations.CannedReply_inboxes": _stays(_TEAM),
    "conversations.CannedExample": _stays(_TEAM, "text language"),
    "training.HarvestRule": _stays(_TEAM, "changed_by"),
    "retrieval.Source": _stays(_TEAM, "name location collection status reason created_by"),
    "retrieval.Document": _stays(
        "the company's documents; an article that a fix proposed is published by a person",
        "key title url lang media_type blob markdown content_hash metadata_hash indexed_hash indexed_metadata_hash "
        "reason details",
    ),
    "retrieval.Passage": _stays("of the company's documents", "heading_path text context text_hash"),
    "retrieval.IndexVersion": _stays("of the company's documents", "digest recipe reason"),
    "auth.Permission": _stays(_FRAMEWORK, "name codename"),
    "auth.Group": _stays(_FRAMEWORK, "name"),
    "auth.Group_permissions": _stays(_FRAMEWORK),
    "contenttypes.ContentType": _stays(_FRAMEWORK, "app_label model"),
    "sessions.Session": _stays("of people who work here; customers have none", "session_key session_data"),
    "admin.LogEntry": _stays(
        "of Django's own pages, which show no table of customers", "object_id object_repr change_message"
    ),
}
