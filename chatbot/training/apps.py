from typing import Any

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "chatbot.training"
    label = "training"

    def ready(self) -> None:
        from chatbot.conversations.history.signals import consent_imported

        consent_imported.connect(_keep_consent, dispatch_uid="training.consent")


def _keep_consent(*, conversation: Any, granted: bool, **_more: Any) -> None:
    from chatbot.training.consent import set_consent

    set_consent(conversation=conversation, granted=granted, said_by="import")
