"""The floors hold at run time too: what the web process imports never brings a model library with it."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "peft", "faiss", "sentence_transformers", "trl", "bm25s", "sklearn")

WEB = """
import sys
import chatbot.asgi
import chatbot.celery
chatbot.celery.app.loader.import_default_modules()
from django.urls import get_resolver
get_resolver().url_patterns
print(",".join(sorted(name for name in {heavy!r} if name in sys.modules)))
"""


def test_the_web_process_with_all_urls_sockets_and_task_names_imports_no_model_library() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WEB.format(heavy=HEAVY)], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ""
