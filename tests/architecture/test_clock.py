"""Whatever the clock asks for is a task that workers know."""

import subprocess
import sys


def test_every_task_of_the_clock_is_registered() -> None:
    code = (
        "import django; django.setup();"
        "from django.conf import settings; from chatbot.celery import app; app.loader.import_default_modules();"
        "print(sorted(one['task'] for one in settings.CELERY_BEAT_SCHEDULE.values() if one['task'] not in app.tasks))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=None, timeout=120
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
