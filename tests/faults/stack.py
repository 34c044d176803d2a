"""A whole Parley as real processes on free ports, each of which a test may kill at any moment.

`Production`: two web processes, two reply workers, a beat, PostgreSQL and a Redis of its own. `Embedded`: one process.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg

ROOT: Final = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


class Process:
    """One process that can be started, killed and started again; its output goes to a file."""

    def __init__(self, name: str, command: list[str], *, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self.environment = environment
        self._log = log
        self._running: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._running is not None, f"{self.name} does not run"
        return self._running.pid

    def kill(self) -> None:
        """SIGKILL to the whole process group: no handler runs, nothing is flushed."""
        self.end(signal.SIGKILL)

    def end(self, number: int) -> int | None:
        """Send a signal to the process group and wait for its end; after 20 s it is killed. Returns its status."""
        if self._running is None:
            return None
        self.kills += 1
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, number)
        try:
            status = self._running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._running.pid, signal.SIGKILL)
            status = self._running.wait(20)
        self._running = None
        return status

    def output(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class Stack:
    """The processes of one installation and how to reach it."""

    def __init__(self, folder: Path, *, embedder: bool = False, **environment: str) -> None:
        """`embedder`: with the real embedding model, which takes seconds to load, instead of hashed words."""
        self.folder = folder
        light = (sys.executable, "-m", "tests.faults.process")
        self.manage_py = (sys.executable, "manage.py") if embedder else (*light, "manage")
        self.celery = (*((sys.executable, "-m") if embedder else light), "celery", "-A", "chatbot")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", str(folder)),
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": "f" * 30 + "0123456789abcdefghijklmnopqrstuvwxyz",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "GENERATOR": "mock",
            "LOG_LEVEL": "WARNING",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LIMIT_MESSAGES_PER_VISITOR": "100000/minute",
            "LIMIT_MESSAGES_PER_ADDRESS": "100000/minute",
            "LIMIT_MESSAGES_PER_INBOX": "100000/minute",
            "LIMIT_CONVERSATIONS_PER_ADDRESS": "100000/minute",
            "LIMIT_CONNECTIONS_PER_ADDRESS": "100000/minute",
            "REPLY_LEASE_SECONDS": "4",
            "REPLY_ATTEMPTS": "20",
            **environment,
        }
        self.ports: list[int] = []
        self.processes: list[Process] = []

    def manage(self, *arguments: str, timeout: float = 300, **environment: str) -> str:
        run = subprocess.run(
            [*self.manage_py, *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{run.stdout}\n{run.stderr}")
        return run.stdout

    def add(self, name: str, *command: str, **environment: str) -> Process:
        process = Process(
            name, list(command), environment={**self.environment, **environment}, log=self.folder / f"{name}.log"
        )
        self.processes.append(process)
        return process

    def add_web(self) -> Process:
        port = free_port()
        self.ports.append(port)
        return self.add(f"web{len(self.ports)}", *self.manage_py, "serve", "--port", str(port))

    def kills(self) -> int:
        return sum(process.kills for process in self.processes)

    def close(self) -> None:
        for process in self.processes:
            process.kill()


@contextmanager
def embedded(folder: Path, *, embedder: bool = False, **environment: str) -> Iterator[Stack]:
    """One process on SQLite, with a tiny knowledge base and an inbox that localhost pages may embed."""
    stack = Stack(folder, embedder=embedder, **environment)
    stack.manage("migrate", "-v", "0")
    seed(stack)
    web = stack.add_web()
    try:
        web.start()
        wait_for_port(stack.ports[0])
        yield stack
    finally:
        stack.close()


@contextmanager
def production(
    folder: Path,
    *,
    postgres: str,
    broker: str = "",
    webs: int = 2,
    workers: int = 2,
    threads: int = 24,
    embedder: bool = False,
    **environment: str,
) -> Iterator[Stack]:
    """Web processes, reply workers and a beat on PostgreSQL and a Redis of its own (killable)."""
    database = f"parley_faults_{os.getpid()}"
    redis_port = free_port()
    stack = Stack(
        folder,
        embedder=embedder,
        DATABASE_URL=f"{postgres.rsplit('/', 1)[0]}/{database}",
        DATABASE_POOL="12",
        REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
        EMBEDDED="0",
        **({"BROKER_URL": broker} if broker else {}),
        **environment,
    )
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')  # type: ignore[call-overload]
        connection.execute(f'CREATE DATABASE "{database}"')  # type: ignore[call-overload]
    worker = (
        *stack.celery,
        "worker",
        "-P",
        "threads",
        "-c",
        str(threads),
        "-Q",
        "replies,index",
        "-l",
        "WARNING",
        "--without-gossip",
    )
    try:
        redis = stack.add(
            "redis",
            shutil.which("redis-server") or "redis-server",
            "--port",
            str(redis_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(folder),
        )
        redis.start()
        wait_for_port(redis_port)
        stack.manage("migrate", "-v", "0")
        seed(stack)
        for _ in range(webs):
            stack.add_web().start()
        for number in range(1, workers + 1):
            stack.add(f"worker{number}", *worker, "-n", f"worker{number}@faults").start()
        stack.add("beat", *stack.celery, "beat", "-l", "WARNING", "-s", str(folder / "beat")).start()
        for port in stack.ports:
            wait_for_port(port)
        yield stack
    finally:
        stack.close()
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')  # type: ignore[call-overload]


SEED: Final = """
from chatbot.conversations.models import Inbox
Inbox.objects.get_or_create(key="pk_faults", defaults={"name": "Faults", "company": "Faults", "allowed_origins": ["*"]})
"""

ASK: Final = """
import json
from chatbot.conversations.answers.answering import AnswerContext
from chatbot.conversations.answers.composition import build_answerer
answerer = build_answerer(patience=60)
print(json.dumps([answerer.answer(AnswerContext(question=question)).text for question in {questions!r}]))
"""

# Each question has the words of its document, so that what is tested is delivery and not the choice of an answer.
QUESTIONS: Final = (
    "How many days until refunds are paid?",
    "When does the shop in Lindenstrasse open?",
    "How much does shipping a parcel to Norway cost?",
    "How long does the warranty on rain jackets last?",
)
KNOWLEDGE: Final = {
    "refunds.md": "# Refunds\n\nRefunds are paid within 5 days after the parcel has arrived at our warehouse. "
    "The money goes back to the bank account or the card that was used for the order.\n",
    "opening-hours.md": "# Opening hours of the shop in Lindenstrasse\n\nThe shop in Lindenstrasse opens at 9:30 and "
    "closes at 18:00 from Monday to Saturday. It stays closed on Sundays.\n",
    "shipping.md": "# Shipping to Norway\n\nShipping a parcel to Norway costs 14.90 EUR and takes 6 working days. "
    "Customs fees are paid by the customer.\n",
    "warranty.md": "# Warranty on rain jackets\n\nThe warranty on rain jackets lasts 3 years from the day of purchase. "
    "Please keep the receipt.\n",
}


def seed(stack: Stack) -> None:
    stack.manage("shell", "-c", SEED)
    folder = stack.folder / "knowledge"
    folder.mkdir(exist_ok=True)
    for name, text in KNOWLEDGE.items():
        (folder / name).write_text(text)
    stack.manage("ingest", str(folder))


def faultless_answers(stack: Stack, **environment: str) -> list[str]:
    """What the engine and the index answer to QUESTIONS when nothing is killed."""
    output = stack.manage("shell", "-c", ASK.format(questions=QUESTIONS), **environment)
    answers: list[str] = json.loads(output.splitlines()[-1])
    return answers
