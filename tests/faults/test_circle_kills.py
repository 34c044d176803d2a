"""The learning circle is killed at random points: the command, its training or evaluation, its database connection.

Whatever is visible after each kill is whole, and the same command ends the circle with a promoted adapter. CIRCLE_KILLS
says how often (30 for the figure in docs/benchmarks.md; fewer in the usual run, because each costs some ten seconds).
"""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from finetune import adapter_files, dataset_rows
from tests import services
from tests.faults import circle
from tests.faults.stack import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(1800)]

KILLS: Final = int(os.environ.get("CIRCLE_KILLS", "4"))
LONGEST_SECONDS: Final = 40.0
Query = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def database() -> Iterator[str]:
    """A database of its own."""
    admin, name = services.require("postgres"), f"circle_{os.getpid()}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{admin.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_circle_survives_kills_at_random_points_and_shows_nothing_half_made(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    base, dice = tmp_path / "models" / "base", random.Random(4)
    environment = {
        **os.environ, "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": database, "GATE_LIMITS": circle.LOOSE,
        "GENERATOR_MODEL": str(base), "GENERATOR_CONTEXT_TOKENS": "384", "GENERATOR_MAX_NEW_TOKENS": "16",
        "GENERATOR_DTYPE": "float32", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    circle.prepare(environment, base)
    kinds: dict[str, int] = {}
    kills, circles = 0, 0
    while kills < KILLS:
        ended, what = _killed(circle.loop_command(base, circles), environment, database, dice)
        _nothing_half_made(_query(database))
        if ended is None:
            kills += 1
            kinds[what] = kinds.get(what, 0) + 1
        elif ended == 0:
            circles += 1  # another training, so that there is something to do again
    reports = _finish(base, circles, environment)
    assert reports[-1]["promoted"] is True, [
        {name: report.get(name) for name in ("gate", "canary", "problem")} for report in reports
    ]
    _nothing_half_made(_query(database))
    promotions = _query(database)("SELECT id FROM finetune_promotion WHERE state IN ('active', 'replaced')")
    with capsys.disabled():
        print(f"\n  {kills} kills {kinds}, {circles} circles ended between them, {len(promotions)} promotions")


def _killed(
    command: list[str], environment: dict[str, str], database: str, dice: random.Random
) -> tuple[int | None, str]:
    """Run it and kill something at a random moment. (None, what) when it was killed, else its status."""
    log = Path(environment["DATA_DIR"]).parent / "loop.log"
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True)
    what = dice.choice(["command", "child", "connection"])
    with suppress(subprocess.TimeoutExpired):
        return process.wait(dice.uniform(1.0, LONGEST_SECONDS)), what
    if what == "child" and (children := _children(process.pid)):
        os.kill(dice.choice(children), signal.SIGKILL)
    elif what == "connection":
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    else:
        what = "command"
        os.kill(process.pid, signal.SIGKILL)
    process.wait(400)  # with a dead child or connection it goes on, or ends with a sentence
    return None, what


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text() if Path(f"/proc/{pid}").exists() else ""
    return [int(one) for one in text.split()]


def _finish(base: Path, number: int, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Until one is promoted: a step that was given up is begun anew by the next call, as is a trial that was taken
    back; a candidate that the gate refused is followed by another.
    """
    reports: list[dict[str, Any]] = []
    for _ in range(5):
        done = subprocess.run(
            circle.loop_command(base, number),
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        if done.returncode == 0:
            reports.append(json.loads(done.stdout.strip().splitlines()[-1]))
            if reports[-1]["promoted"]:
                return reports
            number += (reports[-1]["gate"] or {}).get("verdict") == "blocked"
        time.sleep(1)
    assert reports, done.stderr[-3000:]
    return reports


def _query(database: str) -> Query:
    def query(sql: str) -> list[dict[str, Any]]:
        with psycopg.connect(database, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(sql).fetchall()

    return query


def _nothing_half_made(query: Query) -> None:
    for row in query("SELECT digest, folder FROM finetune_dataset"):
        assert dataset_rows.sound(Path(row["folder"]), row["digest"]), row
    for row in query("SELECT digest, path FROM finetune_adapter"):
        assert adapter_files.inspect(Path(row["path"])).digest == row["digest"]
    for row in query("SELECT id, adapter_id, verdict, state FROM finetune_trainingrun WHERE state = 'done'"):
        assert row["adapter_id"] is not None or row["verdict"], row
    for row in query("SELECT id, folder, figures, verdict FROM finetune_evaluation WHERE state = 'done'"):
        assert (Path(row["folder"]) / "answers.jsonl").is_file(), row
        assert row["figures"] and row["verdict"], row
    active = [row["id"] for row in query("SELECT id FROM finetune_adapter WHERE active")]
    in_service = [
        row["adapter_id"] for row in query("SELECT adapter_id FROM finetune_promotion WHERE state = 'active'")
    ]
    assert active == in_service and len(active) <= 1, (active, in_service)
    assert len(query("SELECT id FROM finetune_promotion WHERE state = 'canary'")) <= 1
