from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "chatbot.desk"
    label = "desk"
