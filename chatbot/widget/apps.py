from django.apps import AppConfig


class WidgetConfig(AppConfig):
    name = "chatbot.widget"
    label = "widget"
