"""The desk's one page: a shell whose lists and conversations come over the socket."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chatbot.accounts.roles import require


@require_safe
@require("conversations.view")
def home(request: HttpRequest) -> HttpResponse:
    response = render(request, "desk/desk.html")
    response["Cache-Control"] = "no-store"
    return response
