"""Addresses of the desk."""

from typing import Any

from channels.sessions import CookieMiddleware
from django.urls import path

from chatbot.desk import autonomy_views, canned_views, export_views, suggestion_views, views
from chatbot.desk.consumers import DeskConsumer
from chatbot.desk.people import audit_log, profile
from chatbot.desk.people import views as people

app_name = "desk"
urlpatterns = [
    path("", views.home, name="home"),
    path("profile/", profile.profile, name="profile"),
    path("people/", people.people, name="people"),
    path("people/add/", people.add_person, name="add_person"),
    path("people/<int:user_id>/", people.person, name="person"),
    path("people/<int:user_id>/link/", people.password_link, name="password_link"),
    path("teams/add/", people.add_team, name="add_team"),
    path("teams/<int:team_id>/", people.team, name="team"),
    path("teams/<int:team_id>/delete/", people.delete_team, name="delete_team"),
    path("export/", export_views.export, name="export"),
    path("autonomy/", autonomy_views.inboxes, name="autonomy"),
    path("autonomy/<int:inbox_id>/", autonomy_views.dial, name="autonomy_dial"),
    path("suggestions/", suggestion_views.suggestions, name="suggestions"),
    path("audit/", audit_log.audit_log, name="audit"),
    path("canned/", canned_views.replies, name="canned"),
    path("canned/new/", canned_views.create, name="new_canned"),
    path("canned/try/", canned_views.try_question, name="try_canned"),
    path("canned/try/<str:token>/", canned_views.trial, name="canned_trial"),
    path("canned/<int:reply_id>/", canned_views.change, name="change_canned"),
    path("canned/<int:reply_id>/delete/", canned_views.delete, name="delete_canned"),
]
_socket: Any = CookieMiddleware(DeskConsumer.as_asgi())
websocket_urlpatterns = [path("ws/desk/", _socket)]
