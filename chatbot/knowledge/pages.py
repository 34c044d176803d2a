"""Answers with a whole page, or for htmx with the part of it that changes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def show(request: HttpRequest, *, page: str, part: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, part if request.headers.get("HX-Request") == "true" else page, context)
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "no-store"
    return response
