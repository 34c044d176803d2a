from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "chatbot.training"
    label = "training"

    def ready(self) -> None:
        # Celery looks for tasks in modules called `tasks` only.
        from chatbot.training import page_tasks  # noqa: F401
