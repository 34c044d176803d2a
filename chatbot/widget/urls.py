"""Addresses of the widget. The inbox key is public and may stand in a URL; tokens never do."""

from typing import Any

from django.urls import path

from chatbot.widget import views
from chatbot.widget.consumers import WidgetConsumer

app_name = "widget"
urlpatterns = [
    path("loader.js", views.loader, name="loader"),
    path("launcher/<str:key>/", views.launcher, name="launcher"),
    path("frame/<str:key>/", views.frame, name="frame"),
]
_socket: Any = WidgetConsumer.as_asgi()
websocket_urlpatterns = [path("ws/widget/<str:key>/", _socket)]
