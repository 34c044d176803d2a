"""Where every URL and socket leads: the composition root of the surfaces."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from chatbot.accounts.views import ChoosePassword, SignIn
from chatbot.desk import urls as desk_urls
from chatbot.widget import urls as widget_urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(next_page="login"), name="logout"),
    path("password/<uidb64>/<token>/", ChoosePassword.as_view(), name="choose_password"),
    path("i18n/", include("django.conf.urls.i18n")),
    # One door: Django's own form would not count attempts.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("widget/", include("chatbot.widget.urls")),
    path("desk/", include("chatbot.desk.urls")),
    path("mail/", include("chatbot.widget.mail_stop")),
    path("demo/mail/", include("chatbot.desk.mailbox")),
    path("knowledge/", include("chatbot.knowledge.urls")),
    path("training/", include("chatbot.training.urls")),
    path("p/", include("chatbot.knowledge.public")),
    path("", include("chatbot.knowledge.site")),
]
websocket_urlpatterns: list[Any] = [*widget_urls.websocket_urlpatterns, *desk_urls.websocket_urlpatterns]
