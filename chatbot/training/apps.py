from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "chatbot.training"
    label = "training"
