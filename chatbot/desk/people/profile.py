"""What everybody may change about themselves: the name customers see, the e-mail address, the password."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from chatbot.accounts import audit, throttle
from chatbot.accounts.addresses import client_address
from chatbot.accounts.models import User
from chatbot.accounts.roles import require
from chatbot.desk.people.forms import ProfileForm


@sensitive_post_parameters("old_password", "new_password1", "new_password2")
@require_http_methods(["GET", "HEAD", "POST"])
@require("conversations.view")
def profile(request: HttpRequest) -> HttpResponse:
    """Two forms on one page; `password` in the form says which one was sent."""
    user = User.objects.get(username=request.user.get_username())
    changes_password = request.method == "POST" and "password" in request.POST
    about = ProfileForm(request.POST if request.method == "POST" and not changes_password else None, instance=user)
    password = PasswordChangeForm(user, request.POST if changes_password else None)
    if changes_password:
        if _too_many_tries(request, user):
            password.add_error(None, _("Too many attempts. Wait a quarter of an hour, then try again."))
        elif password.is_valid():
            password.save()
            throttle.forgive(client_address(request.META), user.username)
            update_session_auth_hash(request, user)
            return _saved(request, "profile.password", _("Your password is changed."))
    elif request.method == "POST" and about.is_valid():
        about.save()
        return _saved(request, "profile.change", _("Your profile is saved."))
    context = {"about": about, "password": password}
    return render(request, "desk/profile.html", context, status=400 if about.errors or password.errors else 200)


def _too_many_tries(request: HttpRequest, user: User) -> bool:
    """A stolen session must not be a place to guess the password at leisure."""
    return throttle.take(client_address(request.META), user.username) > 0


def _saved(request: HttpRequest, action: str, sentence: str) -> HttpResponse:
    audit.record(actor=request.user, action=action, target=f"user {request.user.pk}", request=request)
    messages.success(request, sentence)
    return redirect("desk:profile")
