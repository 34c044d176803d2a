"""The page that exports conversations and ratings: choose, download. Streamed, limited to what one may see, audited."""

import logging
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any, Final

from asgiref.sync import sync_to_async
from django import forms
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from chatbot.accounts import audit
from chatbot.accounts.models import User
from chatbot.accounts.roles import require
from chatbot.conversations import access
from chatbot.conversations.history import exporting, tables
from chatbot.conversations.models import Conversation, Inbox

LINES_AT_ONCE: Final = 200
EXPORTS_AN_HOUR: Final = 30
"""Of one user: enough for people, too few for a stolen session that reads on and on."""
logger = logging.getLogger(__name__)


class ExportForm(forms.Form):
    """What to export. Only inboxes that the user may see can be chosen."""

    what = forms.ChoiceField(
        label=_("What"),
        choices=[("conversations", _("Conversations with their messages")), ("ratings", _("Ratings"))],
        initial="conversations",
    )
    file = forms.ChoiceField(
        label=_("File"),
        choices=[("csv", _("Table for spreadsheets (CSV)")), ("jsonl", _("Complete, to import again (JSON lines)"))],
        initial="csv",
        help_text=_("Ratings are always a table."),
    )
    inbox = forms.ModelChoiceField(
        label=_("Inbox"), queryset=Inbox.objects.none(), required=False, empty_label=_("All inboxes")
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("All states")),
            ("bot", _("With the bot")),
            ("waiting", _("Waiting for a person")),
            ("agent", _("With an agent")),
            ("resolved", _("Resolved")),
        ],
    )
    since = forms.DateField(label=_("Began on or after"), required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label=_("Began on or before"), required=False, widget=forms.DateInput({"type": "date"}))
    contacts = forms.BooleanField(
        label=_("With customers' names and e-mail addresses"),
        required=False,
        help_text=_("Without it customers appear under pseudonyms. Messages are exported as they were written."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["inbox"].queryset = access.inboxes(user).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("since") and cleaned.get("until") and cleaned["since"] > cleaned["until"]:
            self.add_error("until", _("The last day is before the first: swap them."))
        return cleaned

    def filter(self) -> exporting.Filter:
        inbox = self.cleaned_data["inbox"]
        return exporting.Filter(
            inbox=inbox.pk if inbox else None,
            since=self.cleaned_data["since"],
            until=self.cleaned_data["until"],
            state=self.cleaned_data["state"],
        )


@require_http_methods(["GET", "HEAD", "POST"])
@require("conversations.export")
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - `require` has let a user in
    form = ExportForm(request.POST if request.method == "POST" else None, user=request.user)
    status = 200
    if request.method == "POST" and form.is_valid():
        if _may_again(request.user):
            return _download(request, request.user, form)
        form.add_error(None, _("Those were many exports in one hour. Try again in the next one."))
        status = 429
    elif form.errors:
        status = 400
    response = render(request, "desk/export.html", {"form": form}, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _may_again(user: User) -> bool:
    """Counts one export. When the cache is away the limit is off."""
    key = f"exports:{user.pk}:{timezone.now():%Y%m%d%H}"
    try:
        cache.add(key, 0, 3600)
        return int(cache.incr(key)) <= EXPORTS_AN_HOUR
    except Exception as error:  # noqa: BLE001 - caches fail in many ways
        logger.warning("Exports are not counted: the cache does not answer (%s).", error)
        return True


def _download(request: HttpRequest, user: User, form: ExportForm) -> StreamingHttpResponse:
    """The file as a stream, and its line in the audit log before the first row leaves."""
    wanted, data = form.filter(), form.cleaned_data
    found = exporting.narrow(access.conversations(user), wanted)
    ratings = data["what"] == "ratings"
    kind = "csv" if ratings else data["file"]
    count = found.filter(rating__isnull=False).count() if ratings else found.count()
    audit.record(
        actor=user,
        action="ratings.export" if ratings else "conversations.export",
        target=data["what"],
        detail={**wanted.as_detail(), "rows": count, "contacts": data["contacts"] and not ratings, "format": kind},
        request=request,
    )
    response = StreamingHttpResponse(
        stream(_lines(found, ratings=ratings, kind=kind, with_contacts=data["contacts"])),
        content_type="text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson",
    )
    name = f"{data['what']}-{timezone.localdate():%Y-%m-%d}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _lines(found: QuerySet[Conversation], *, ratings: bool, kind: str, with_contacts: bool) -> Iterator[str]:
    if ratings:
        return tables.csv_lines(tables.RATING_COLUMNS, tables.rating_rows(found))
    if kind == "csv":
        return tables.csv_lines(tables.MESSAGE_COLUMNS, tables.message_rows(found, with_contacts=with_contacts))
    return exporting.json_lines(found, with_contacts=with_contacts)


async def stream(lines: Iterator[str]) -> AsyncIterator[str]:
    """In small pieces: the server would otherwise collect a plain iterator to its end before it sends a byte."""
    piece = sync_to_async(lambda: "".join(islice(lines, LINES_AT_ONCE)))
    while part := await piece():
        yield part
