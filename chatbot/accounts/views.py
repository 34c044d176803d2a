"""Signing in: the password form behind a limit on attempts, with a line in the audit log for each outcome."""

import math
from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from chatbot.accounts import audit, throttle
from chatbot.accounts.addresses import client_address
from chatbot.accounts.models import User


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class SignIn(auth_views.LoginView):
    """Refuses before it looks at the password when there were too many attempts."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        seconds = throttle.take(client_address(request.META), self._name())
        return self._refused(seconds) if seconds else super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        throttle.forgive(client_address(self.request.META), self._name())
        response = super().form_valid(form)
        audit.record(actor=form.get_user(), action="login", request=self.request)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        audit.record(actor=self._known_name(), action="login.failed", request=self.request)
        return super().form_invalid(form)

    def _refused(self, seconds: int) -> HttpResponse:
        if throttle.is_first_refusal(client_address(self.request.META), self._name()):
            audit.record(actor=self._known_name(), action="login.throttled", request=self.request)
        minutes = math.ceil(seconds / 60)
        wait = ngettext(
            "Too many attempts to sign in. Try again in %(n)d minute.",
            "Too many attempts to sign in. Try again in %(n)d minutes.",
            minutes,
        ) % {"n": minutes}
        context = self.get_context_data(form=self.get_form_class()(self.request), wait=wait)
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(seconds)
        return response

    def _name(self) -> str:
        return self.request.POST.get("username", "")[:150]

    def _known_name(self) -> str:
        """People type passwords into the wrong field: a name that nobody has is not written down."""
        name = self._name().replace("\x00", "")
        return name if User.objects.filter(username=name).exists() else "unknown"


@method_decorator(sensitive_post_parameters("new_password1", "new_password2"), name="dispatch")
class ChoosePassword(auth_views.PasswordResetConfirmView):
    """Where a link from an admin leads: the person chooses a password, once. Sessions of the old one end."""

    template_name = "registration/choose_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        response = super().form_valid(form)
        audit.record(actor=form.user, action="person.password_chosen", request=self.request)
        return response
