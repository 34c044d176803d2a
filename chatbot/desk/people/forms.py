"""What is typed about people and teams, checked. Errors are sentences that say what to do."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chatbot.accounts.models import Team, User
from chatbot.accounts.roles import roles_of
from chatbot.conversations.models import Inbox
from chatbot.conversations.staffing import Person

if TYPE_CHECKING:
    _TeamForm = forms.ModelForm[Team]
    _ProfileForm = forms.ModelForm[User]
else:
    _TeamForm = _ProfileForm = forms.ModelForm

ROLES = [
    ("agent", _("Agent: answers customers in the chosen inboxes")),
    ("admin", _("Admin: everything, in all inboxes")),
    ("analyst", _("Analyst: reads all conversations and figures, writes to nobody")),
]


class PersonForm(forms.Form):
    """One member of the team."""

    username = forms.CharField(max_length=150, label=_("User name"), validators=[UnicodeUsernameValidator()])
    first_name = forms.CharField(
        max_length=150, required=False, label=_("First name"), help_text=_("Customers see it beside replies.")
    )
    last_name = forms.CharField(max_length=150, required=False, label=_("Last name"))
    email = forms.EmailField(required=False, label=_("E-mail"))
    role = forms.ChoiceField(choices=ROLES, widget=forms.RadioSelect, initial="agent", label=_("Role"))
    inboxes = forms.ModelMultipleChoiceField(
        Inbox.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Inboxes"),
        help_text=_("An agent sees the conversations of these and of no others."),
    )
    teams = forms.ModelMultipleChoiceField(
        Team.objects.all(), required=False, widget=forms.CheckboxSelectMultiple, label=_("Teams")
    )
    active = forms.BooleanField(
        required=False,
        initial=True,
        label=_("May sign in"),
        help_text=_("Without it the account is kept, but closed at once; open conversations go back to the queue."),
    )

    def __init__(self, data: Any = None, *, user: User | None = None) -> None:
        self.user = user
        super().__init__(data, initial=_said_of(user) if user else None)
        if user is None:
            del self.fields["active"]

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        taken = User.objects.filter(username__iexact=name).exclude(pk=self.user.pk if self.user else 0)
        if taken.exists():
            raise ValidationError(_("Somebody has this user name already; choose another."))
        return name

    def person(self) -> Person:
        said = self.cleaned_data
        return Person(
            username=said["username"],
            first_name=said["first_name"],
            last_name=said["last_name"],
            email=said["email"],
            role=said["role"],
            active=said.get("active", True),
            teams=tuple(said["teams"]),
            inboxes=tuple(said["inboxes"]),
        )


def _said_of(user: User) -> dict[str, Any]:
    roles = roles_of(user) or frozenset(user.groups.values_list("name", flat=True))
    role = next((name for name, _label in reversed(ROLES[:2]) if name in roles), "analyst")
    return {
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "role": role,
        "active": user.is_active,
        "teams": list(user.teams.all()),
        "inboxes": list(user.inboxes.all()),
    }


class TeamForm(_TeamForm):
    """One team and its queue."""

    members = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True, groups__name__in=["agent", "admin"]).distinct().order_by("username"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Members"),
    )
    inboxes = forms.ModelMultipleChoiceField(
        Inbox.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Inboxes"),
        help_text=_("Conversations of these that wait for a person come to this team. An inbox has one team."),
    )

    class Meta:
        model = Team
        fields = ["name", "round_robin", "cap"]
        labels = {
            "name": _("Name"),
            "round_robin": _("Give new conversations out in turn"),
            "cap": _("Open conversations per person, at most"),
        }
        help_texts = {
            "round_robin": _("To members who are there and have room. Without it they wait until somebody takes them."),
            "cap": _("Whoever has as many is passed over."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cap"].min_value = 1  # type: ignore[attr-defined]
        if self.instance.pk:
            self.fields["members"].initial = list(self.instance.members.all())
            self.fields["inboxes"].initial = list(self.instance.inboxes.all())

    def clean_cap(self) -> int:
        cap = int(self.cleaned_data["cap"])
        if not 1 <= cap <= 500:
            raise ValidationError(_("Choose a number from 1 to 500."))
        return cap


class ProfileForm(_ProfileForm):
    """What everybody may say about themselves."""

    class Meta:
        model = User
        fields = ["first_name", "last_name", "email"]
        labels = {"first_name": _("First name"), "last_name": _("Last name"), "email": _("E-mail")}
        help_texts = {"first_name": _("Customers see it beside replies.")}


class AuditFilter(forms.Form):
    """Filters of the audit log; what makes no sense filters nothing."""

    actor = forms.CharField(required=False, max_length=150, label=_("Who"))
    action = forms.CharField(required=False, max_length=80, label=_("What"))
    since = forms.DateField(required=False, label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label=_("To"), widget=forms.DateInput(attrs={"type": "date"}))
