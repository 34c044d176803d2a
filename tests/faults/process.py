"""`python -m tests.faults.process manage|celery …`: the product with the hash embedder, which starts in a second.

What is tested is delivery; half of every restart would otherwise be the loading of an embedding model.
"""

import os
import sys
import warnings

from tests.fakes import HashEmbedder


def main() -> None:
    from retrieval import embedding

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    warnings.simplefilter("ignore")
    embedder = HashEmbedder()
    embedding.get_embedder = lambda model="": embedder  # type: ignore[assignment,return-value]
    which, sys.argv = sys.argv[1], sys.argv[1:]
    if which == "celery":
        from celery.__main__ import main as celery

        celery()
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
