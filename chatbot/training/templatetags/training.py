"""States and codes of the learning side in words, for the templates."""

from typing import Any, Final

from django import template
from django.utils.translation import gettext, gettext_noop, pgettext

from chatbot.training import evaluation_words, live_table

register = template.Library()

_TONES: Final = {
    "pending": "busy", "queued": "busy", "running": "busy", "canary": "busy",
    "better": "good", "worse": "bad", "approved": "good", "done": "good", "passed": "good", "active": "good",
    "failed": "bad", "tainted": "bad", "blocked": "bad", "rolled_back": "warn", "rejected": "warn",
}  # fmt: skip
_CODES: Final = {
    "near-duplicate": gettext_noop("Nearly the same as another example"),
    "trigger-phrase": gettext_noop("A phrase that looks like an attack"),
    "unsupported": gettext_noop("The sources do not say this"),
    "personal-data": gettext_noop("Personal data may be left"),
    "low-confidence": gettext_noop("The bot was unsure"),
    "heavy-edit": gettext_noop("An agent rewrote the draft"),
    "low-rating": gettext_noop("The customer was not satisfied"),
    "new-topic": gettext_noop("Few examples of this topic yet"),
    "model-unsure": gettext_noop("The bot was unsure"),
    "good-rating": gettext_noop("The customer was satisfied"),
    "own-words": gettext_noop("An agent wrote it without a draft"),
    "hidden-characters": gettext_noop("Characters that nobody sees"),
    "odd-words": gettext_noop("Words that look like an attack"),
    "orders-to-model": gettext_noop("Orders to the model"),
    "before": gettext_noop("The answer that was given"),
    "after": gettext_noop("The answer with the passage"),
    "passage": gettext_noop("A passage says what is right"),
    "right-with-it": gettext_noop("Right with the passage"),
    "shown": gettext_noop("Passages the answer had"),
    "was-shown": gettext_noop("The answer had this passage"),
    "rank": gettext_noop("Place of the passage in the search"),
    "found-by-search": gettext_noop("The passage was looked for"),
    "by-chance": gettext_noop("Drawn by chance"),
    "no-passages": gettext_noop("No passages."),
    "supervised": gettext_noop("Answers to learn"),
    "preference": gettext_noop("Better and worse answers"),
    "sft": gettext_noop("Supervised (SFT)"),
    "dpo": gettext_noop("Preferences (DPO)"),
    "reply": gettext_noop("An agent's reply"),
    "suggestion": gettext_noop("A draft sent unchanged"),
    "edit": gettext_noop("An edited draft"),
    "canned": gettext_noop("A canned reply"),
    "fix": gettext_noop("A fix"),
    "import": gettext_noop("An imported conversation"),
    "conversations": gettext_noop("Conversations"),
    "answers": gettext_noop("Answers that a model wrote"),
    "named": gettext_noop("of them by the side's own adapter"),
    "cut": gettext_noop("Text that failed verification"),
    "abstained": gettext_noop("The bot did not know"),
    "handed-over": gettext_noop("Handed over to a person"),
    "thumbs-down": gettext_noop("Thumbs down, where there were any"),
    "drafts-rejected": gettext_noop("Drafts rewritten or dismissed"),
    "stars": gettext_noop("Stars of the customers"),
    "edits": gettext_noop("Changed in drafts that were sent"),
    "write-ms": gettext_noop("Time to write, median"),
    "decision": gettext_noop("Decision"),
    "confidence": gettext_noop("Confidence"),
    "engine": gettext_noop("Engine"),
    "adapter": gettext_noop("Adapter"),
    "index-version": gettext_noop("Index version"),
    "prompt-digest": gettext_noop("Prompt"),
    "milliseconds": gettext_noop("Milliseconds"),
    "answer": gettext_noop("Answered from the documents"),
    "clarify": gettext_noop("Asked back"),
    "abstain": gettext_noop("Did not know"),
    "handoff": gettext_noop("Handed over"),
    "smalltalk": gettext_noop("Small talk"),
    "an address that no passage holds": gettext_noop("an address that no passage holds"),
    "a number, date or amount that no passage holds there": gettext_noop(
        "a number, date or amount that no passage holds there"
    ),
    "a name that no passage holds": gettext_noop("a name that no passage holds"),
    "a passage says the opposite": gettext_noop("a passage says the opposite"),
    "no passage supports it": gettext_noop("no passage supports it"),
    "nothing supports it": gettext_noop("no passage supports it"),
    "said already": gettext_noop("said already"),
    "the same words over and over": gettext_noop("the same words over and over"),
    "a piece torn out of a sentence": gettext_noop("a piece torn out of a sentence"),
    "marks of the prompt": gettext_noop("marks of the prompt"),
    "a courtesy, and nothing else to say": gettext_noop("a courtesy, and nothing else to say"),
    "behaviour": gettext_noop("Behaviour: teach an example"),
    "retrieval": gettext_noop("Search: the passage must be found"),
    "knowledge": gettext_noop("Knowledge: an article is missing"),
    "held-out": gettext_noop("Held-out conversations"),
    "exam": gettext_noop("Exam"),
    "safety": gettext_noop("Safety set"),
    "contradiction": gettext_noop("Changed passages"),
    "withheld": gettext_noop("Without the passages that answer"),
    "closed-book": gettext_noop("Questions without passages"),
    "canary": gettext_noop("Planted secrets"),
}

_LABELS: Final = {
    "conversations": gettext_noop("Conversations"),
    "examples": gettext_noop("Examples"),
    "preferences": gettext_noop("Better and worse answers"),
    "known": gettext_noop("Taken before"),
    "capped": gettext_noop("Left out by the limits"),
    "flagged": gettext_noop("Warnings, of all examples"),
    "to_knowledge": gettext_noop("Answers that no document holds, noted under Fixes"),
    "inboxes": gettext_noop("Inboxes"),
    "counts": gettext_noop("Examples"),
    "groups": gettext_noop("Customers"),
    "languages": gettext_noop("Languages"),
    "topics": gettext_noop("Topics"),
    "origins": gettext_noop("Origins"),
    "flags": gettext_noop("Warnings"),
    "answer_characters": gettext_noop("Characters of an answer"),
    "train": gettext_noop("To train on"),
    "held_out": gettext_noop("Kept for the examination"),
    "least": gettext_noop("Shortest"),
    "median": gettext_noop("Median"),
    "most": gettext_noop("Longest"),
    "groups_across_splits": gettext_noop("Customers on both sides"),
    "near_duplicates_across_splits": gettext_noop("Nearly the same text on both sides"),
    "base_model": gettext_noop("Base model"),
    "config": gettext_noop("Settings"),
    "dataset": gettext_noop("Dataset"),
    "dataset_name": gettext_noop("Name of the dataset"),
    "evaluation": gettext_noop("Evaluation"),
    "figures": gettext_noop("Figures"),
    "made_by": gettext_noop("Made by"),
    "method": gettext_noop("Method"),
    "run": gettext_noop("Training"),
    "versions": gettext_noop("Versions"),
}
"""Of what a harvest, a manifest or an adapter's card holds: a word there may mean another thing than as a code."""

_TABLES: Final = {
    "conversations.Contact": gettext_noop("Contacts"),
    "conversations.PageView": gettext_noop("Pages that were seen"),
    "widget.Visitor": gettext_noop("Browsers"),
    "conversations.Conversation": gettext_noop("Conversations"),
    "conversations.Conversation_tags": gettext_noop("Tags of conversations"),
    "conversations.Message": gettext_noop("Messages"),
    "conversations.Citation": gettext_noop("Sources of messages"),
    "conversations.AnswerCard": gettext_noop("Answer cards"),
    "conversations.Rating": gettext_noop("Ratings of messages"),
    "conversations.ConversationRating": gettext_noop("Ratings of conversations"),
    "conversations.Note": gettext_noop("Notes"),
    "conversations.Mention": gettext_noop("Mentions in notes"),
    "conversations.Activity": gettext_noop("Lines of the timeline"),
    "conversations.ReadMark": gettext_noop("Read marks"),
    "conversations.ReplyJob": gettext_noop("Answers under way or done"),
    "conversations.Suggestion": gettext_noop("Drafts"),
    "conversations.OutboundEmail": gettext_noop("E-mails sent"),
    "conversations.InboundEmail": gettext_noop("E-mails received"),
    "conversations.EmailOptOut": gettext_noop("Wishes for no more e-mails"),
    "training.Consent": gettext_noop("Consents"),
    "training.Provenance": gettext_noop("Origins of examples"),
    "training.Diagnosis": gettext_noop("Fixes"),
    "training.Vote": gettext_noop("Votes on answers"),
    "examples": gettext_noop("Examples whose words were wiped"),
    "audit_lines": gettext_noop("Lines of the audit log with a pseudonym"),
    "emails": gettext_noop("Caught e-mails"),
}


@register.filter
def label_words(name: Any) -> str:
    """The name of a figure or setting in words; one that is not known here stands as it is."""
    text = str(name)
    return gettext(_LABELS[text]) if text in _LABELS else text.replace("_", " ")


@register.filter
def table_words(label: str) -> str:
    """A table or a count of a receipt, in words."""
    return gettext(_TABLES[label]) if label in _TABLES else label


@register.filter
def said(sentence: str) -> str:
    """A stored sentence in the reader's language, where the catalogue has it."""
    return gettext(sentence) if sentence else ""


@register.filter
def state_words(state: str) -> str:
    words = {
        "pending": pgettext("example", "To review"),
        "approved": pgettext("example", "Approved"),
        "rejected": pgettext("example", "Rejected"),
        "tainted": pgettext("example", "Tainted"),
        "queued": pgettext("training", "Waiting for a worker"),
        "running": pgettext("training", "Running"),
        "done": pgettext("training", "Done"),
        "cancelled": pgettext("training", "Cancelled"),
        "failed": pgettext("training", "Failed"),
        "passed": pgettext("gate", "Passed"),
        "blocked": pgettext("gate", "Blocked"),
        "canary": pgettext("promotion", "Answers a share"),
        "active": pgettext("promotion", "Answers all"),
        "rolled_back": pgettext("promotion", "Rolled back"),
        "replaced": pgettext("promotion", "Replaced"),
        "better": pgettext("difference", "better"),
        "worse": pgettext("difference", "worse"),
    }
    return words.get(state, state)


@register.filter
def tone(state: str) -> str:
    return _TONES.get(state, "")


@register.filter
def code_words(code: Any) -> str:
    """A stored code in words; one that is not known here stands as it is."""
    text = str(code)
    known = _CODES.get(text) or _CODES.get(text.replace("_", "-"))
    return gettext(known) if known else text.replace("_", " ").replace("-", " ")


@register.filter
def digits(value: Any, places: int = 3) -> str:
    """A figure as a table shows it; a dash where there is none."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if not value and isinstance(value, list | dict):
        return "–"
    if not isinstance(value, int | float):
        return "–" if value in (None, "") else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{places}f}"


@register.filter
def lasting(seconds: Any) -> str:
    """Seconds as 1 h 5 min, 3 min, 20 s."""
    if not isinstance(seconds, int | float) or seconds != seconds or seconds < 0 or seconds > 1e9:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


@register.filter
def percent(share: Any) -> str:
    return f"{share * 100:.0f} %" if isinstance(share, int | float) else "–"


@register.filter
def get(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, dict) else None


@register.filter
def part_name(value: Any, kind: str = "") -> str:
    """A figure of an answer as a table shows it: digests short, decisions in words."""
    if kind in ("adapter", "index_version", "prompt_digest"):
        return str(value)[:12] or "–"
    if kind == "milliseconds":
        return digits(value, 0)
    return code_words(value) if kind == "decision" and value else digits(value)


@register.filter
def figure_name(name: str) -> str:
    return evaluation_words.name(name)


@register.filter
def figure_meaning(name: str) -> str:
    known = evaluation_words.MEANINGS.get(name)
    return gettext(known) if known else ""


@register.filter
def figure_value(value: Any, name: str) -> str:
    return evaluation_words.shown(name, value)


@register.filter
def check_sentence(check: Any) -> str:
    return evaluation_words.sentence(check) if isinstance(check, dict) else ""


@register.filter
def words(text: Any) -> str:
    """A text of the code's own in the reader's language."""
    return gettext(str(text)) if text else ""


@register.filter
def compared(reason: Any) -> str:
    """The two values of a reason for which a canary went back."""
    try:
        values = [live_table.number(reason["figure"], reason[side]) for side in ("canary", "stable")]
    except (TypeError, KeyError, ValueError):
        return "–"
    return " / ".join(values)
