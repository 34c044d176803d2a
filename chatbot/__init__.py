"""Parley's Django project: surfaces, domain and composition root."""

import os

# Before any model library loads: with other load on the machine, OpenMP threads that spin make generation several
# times slower than one thread that works (docs/operations.md).
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) - 1)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from chatbot.celery import app as celery_app

__all__ = ["celery_app"]
