"""What a frame and a launcher look like and say: rows and catalogue to plain JSON."""

from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.utils.translation import gettext as _

from chatbot.conversations.models import Inbox
from chatbot.widget import colors, languages

QUESTIONS_SHOWN = 4


def language_of(inbox: Inbox, *, asked: str, accept_language: str) -> str:
    """The inbox's own language, else the host page's, else the browser's."""
    return languages.clean(inbox.language) or languages.clean(asked) or languages.preferred(accept_language)


def title_of(inbox: Inbox) -> str:
    return inbox.title or inbox.company or inbox.name


def launcher(inbox: Inbox, *, language: str) -> dict[str, Any]:
    """What the loader needs to draw the launcher. The catalogue is active."""
    palette = colors.palette(inbox.color)
    return {
        "color": palette.brand,
        "ink": palette.on_brand,
        "position": inbox.position,
        "language": language,
        "title": title_of(inbox),
        "open": _("Open chat"),
        "close": _("Close chat"),
        "unread": _("unread"),
    }


def frame(inbox: Inbox, *, language: str, origin: str, socket_url: str) -> dict[str, Any]:
    """What the frame's script needs. The catalogue is active."""
    questions = languages.pick(inbox.suggested_questions, language)
    return {
        "inbox": inbox.key,
        "origin": origin,
        "socket": socket_url,
        "language": language,
        "title": title_of(inbox),
        "greeting": str(languages.pick(inbox.greeting, language) or _("Hello! How can we help you?")),
        "questions": [str(q) for q in questions][:QUESTIONS_SHOWN] if isinstance(questions, list) else [],
        "limit": settings.MESSAGE_MAX_CHARS,
        "identity": inbox.require_identity,
        "texts": texts(),
    }


def initials(title: str) -> str:
    """One or two letters for the avatar; one character for scripts without capitals."""
    words = [word for word in title.split() if word[0].isalnum()]
    if not words:
        return "?"
    if not words[0][0].isascii() or len(words) == 1:
        return words[0][0].upper()
    return (words[0][0] + words[1][0]).upper()


def asset(name: str) -> str:
    return static(f"widget/{name}")


def texts() -> dict[str, str]:
    """Every sentence the frame's script shows, in the active language."""
    return {
        **_asked(),
        "placeholder": _("Write a message…"),
        "askPerson": _("Talk to a person"),
        "waiting": _("Waiting for a person…"),
        "assistant": _("Assistant"),
        "assistantStatus": _("Answers from our own documents"),
        "agent": _("Team"),
        "agentStatus": _("You are talking to a person"),
        "resolved": _("This conversation is closed. Write to reopen it."),
        "you": _("You"),
        "connecting": _("Connecting…"),
        "reconnecting": _("Reconnecting…"),
        "offline": _("You are offline. Messages are sent when you are back."),
        "searching": _("Searching our documents…"),
        "writing": _("Writing…"),
        "sources": _("Sources"),
        "source": _("Source"),
        "helpful": _("Helpful"),
        "notHelpful": _("Not helpful"),
        "commentLabel": _("What could be better? (optional)"),
        "sendComment": _("Send feedback"),
        "thanks": _("Thank you for your feedback."),
        "pending": _("Sending…"),
        "waitingToSend": _("Waiting to be sent"),
        "failed": _("Not sent"),
        "retry": _("Try again"),
        "discard": _("Discard"),
        "today": _("Today"),
        "yesterday": _("Yesterday"),
        "tooLong": _("Too long by"),
        "signIn": _("Please sign in on this site to use the chat."),
        "dismiss": _("Dismiss"),
        "notNow": _("There is no connection at the moment. Please try again when it is back."),
        "gone": _("This conversation has been deleted."),
        "stopped": _("The chat is not available at the moment. Please reload the page to try again."),
    }


def _asked() -> dict[str, str]:
    """Around people: the queue, who is writing, what the customer is asked. The script fills what is in braces."""
    return {
        "queueNext": _("You are next in line"),
        "queueSecond": _("You are second in line"),
        "queueThird": _("You are third in line"),
        "queuePlace": _("You are number {n} in line"),
        "queueMinute": _("About one minute"),
        "queueMinutes": _("About {n} minutes"),
        "typing": _("{name} is typing…"),
        "emailLabel": _("Your e-mail address"),
        "emailBad": _("This does not look like an e-mail address. Please write it like name@example.com."),
        "emailKnown": _("We will write to {email}"),
        "save": _("Save"),
        "change": _("Change"),
        "ratingAsk": _("How was this conversation?"),
        "veryBad": _("Very bad"),
        "bad": _("Bad"),
        "okay": _("Okay"),
        "good": _("Good"),
        "veryGood": _("Very good"),
        "ratingComment": _("Would you like to tell us more? (optional)"),
        "sendRating": _("Send rating"),
        "ratingThanks": _("Thank you. Your rating:"),
    }
