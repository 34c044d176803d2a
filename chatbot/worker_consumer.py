"""Celery's consumer, which outlives a broker that was killed while the worker acknowledged a message."""

import logging

from celery.worker.consumer import Consumer as CeleryConsumer

logger = logging.getLogger(__name__)


class Consumer(CeleryConsumer):
    """Named by CELERY_WORKER_CONSUMER."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Close what is left of the lost connection; Celery connects anew afterwards.

        kombu 5.7 puts unacknowledged messages back while it closes, on a channel that knows no address any more
        (AttributeError: 'NoneType' object has no attribute 'hostname'). Celery takes that for the end of the worker.
        """
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError:
            if self.connection is not None:
                raise
            logger.warning("What was left of the lost connection to the broker could not be closed.", exc_info=True)
