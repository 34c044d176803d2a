"""People and teams. A new colleague gets a link to choose a password: no password ever passes through an admin."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.tokens import default_token_generator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbot.accounts import audit, presence
from chatbot.accounts.models import Team, User
from chatbot.accounts.roles import require
from chatbot.conversations import staffing
from chatbot.conversations.services import Refusal
from chatbot.desk.people.forms import PersonForm, TeamForm


@require_safe
@require("people.change")
def people(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    open_now = Count("conversation", filter=Q(conversation__state__in=["waiting", "agent"]), distinct=True)
    found = User.objects.annotate(open=open_now).prefetch_related("groups", "teams", "inboxes")
    rows = [
        {"user": user, "there": presence.is_there(user, now=now), "role": _role(user)}
        for user in found.order_by("-is_active", "username")
    ]
    teams = Team.objects.prefetch_related("members", "inboxes")
    return render(request, "desk/people.html", {"rows": rows, "teams": teams})


def _role(user: User) -> str:
    names = {group.name for group in user.groups.all()} | ({"admin"} if user.is_superuser else set())
    return next((name for name in ("admin", "agent", "analyst") if name in names), "")


@require_http_methods(["GET", "HEAD", "POST"])
@require("people.change")
def add_person(request: HttpRequest) -> HttpResponse:
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = staffing.add(form.person())
        _record(request, "person.create", user, form.cleaned_data)
        return _link(request, user)
    return render(request, "desk/person.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require("people.change")
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    form = PersonForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            user = staffing.change(user, form.person())
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            _record(request, "person.change", user, form.cleaned_data, changed=form.changed_data)
            messages.success(request, _("“%(name)s” is saved.") % {"name": user.shown_name})
            return redirect("desk:people")
    return render(request, "desk/person.html", {"form": form, "person": user}, status=400 if form.errors else 200)


def _record(
    request: HttpRequest, action: str, user: User, said: dict[str, object], changed: list[str] | None = None
) -> None:
    detail = {
        "username": user.username,
        "role": said["role"],
        "active": user.is_active,
        "inboxes": sorted(user.inboxes.values_list("name", flat=True)),
        "teams": sorted(user.teams.values_list("name", flat=True)),
        "changed": changed or [],
    }
    audit.record(actor=request.user, action=action, target=f"user {user.pk}", detail=detail, request=request)


@require_POST
@require("people.change")
def password_link(request: HttpRequest, user_id: int) -> HttpResponse:
    """A new link to choose a password; the old password works until it is used."""
    user = get_object_or_404(User, pk=user_id, is_active=True)
    audit.record(actor=request.user, action="person.password_link", target=f"user {user.pk}", request=request)
    return _link(request, user)


def _link(request: HttpRequest, user: User) -> HttpResponse:
    uid, token = urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)
    address = settings.PUBLIC_URL + reverse("choose_password", args=[uid, token])
    days = settings.PASSWORD_RESET_TIMEOUT // 86400
    response = render(request, "desk/person_link.html", {"person": user, "address": address, "days": days})
    response["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@require("people.change")
def add_team(request: HttpRequest) -> HttpResponse:
    return _edit_team(request, Team())


@require_http_methods(["GET", "HEAD", "POST"])
@require("people.change")
def team(request: HttpRequest, team_id: int) -> HttpResponse:
    return _edit_team(request, get_object_or_404(Team, pk=team_id))


def _edit_team(request: HttpRequest, edited: Team) -> HttpResponse:
    is_new = edited.pk is None
    form = TeamForm(request.POST or None, instance=edited)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        saved = staffing.save_team(form.instance, members=said["members"], inboxes=said["inboxes"])
        audit.record(
            actor=request.user, action="team.create" if is_new else "team.change", target=f"team {saved.pk}",
            detail={"name": saved.name, "members": sorted(user.username for user in said["members"]),
                    "inboxes": sorted(inbox.name for inbox in said["inboxes"]), "cap": saved.cap,
                    "round_robin": saved.round_robin}, request=request,
        )  # fmt: skip
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        return redirect("desk:people")
    context = {"form": form, "team": None if is_new else edited}
    return render(request, "desk/team.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require("people.change")
def delete_team(request: HttpRequest, team_id: int) -> HttpResponse:
    """GET asks, POST deletes; its conversations go to everybody's queue."""
    found = get_object_or_404(Team, pk=team_id)
    if request.method != "POST":
        return render(request, "confirm.html", {
            "title": _("Delete this team?"),
            "name": found.name,
            "text": _("Its people stay. Conversations in its queue go to the queue of everybody."),
            "button": _("Delete"),
            "back": reverse("desk:team", args=[found.pk]),
        })  # fmt: skip
    audit.record(
        actor=request.user, action="team.delete", target=f"team {found.pk}", detail={"name": found.name},
        request=request,
    )  # fmt: skip
    found.delete()
    messages.success(request, _("“%(name)s” is deleted.") % {"name": found.name})
    return redirect("desk:people")
