"""The page behind "stop these e-mails": no login, a signed link, and nothing happens before the button is pressed.

Mail programs and scanners open links by themselves, so only a POST stops anything. The link can do nothing else, and
the page does not say whose address or conversation it is about.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from chatbot.conversations.mail import addresses, outgoing


# Mail programs post here by themselves (List-Unsubscribe-Post, RFC 8058), without a cookie. The token is the right.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    named = addresses.read_stop(token) if len(token) < 500 else None
    if named is None:
        raise Http404("No such link.")
    done = request.method == "POST"
    everywhere = request.POST.get("scope") == "everywhere"
    if done:
        outgoing.stop(conversation_id=named.conversation_id, address=named.address, everywhere=everywhere)
    response = render(request, "widget/mail_stop.html", {"done": done, "everywhere": everywhere})
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response


urlpatterns = [path("stop/<str:token>/", stop, name="mail_stop")]
