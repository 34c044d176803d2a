"""The whole learning circle on somebody else's history: documents and conversations in, `manage.py loop` does the rest.

    python -m benchmarks.loop_on_history DIR [--conversations 400] [--work DIR] [--out FILE] [OPTIONS OF manage.py loop]

DIR holds `documents.jsonl` and `queries.jsonl.gz` with `history`, `query` and `answer` (DSTC11 track 5 does). Questions
that need no document are left out. Each conversation has a customer of its own; the inbox's harvest rule is turned on.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks import figures

ROOT: Final = Path(__file__).resolve().parents[1]
FIRST_DAY: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
INBOX: Final = """
from chatbot.conversations.models import Inbox
from chatbot.training.models import HarvestRule
inbox = Inbox.objects.create(name="History", company={company!r})
HarvestRule.objects.create(inbox=inbox, enabled=True)
"""


def conversations(queries: Path, most: int) -> Iterator[dict[str, Any]]:
    """In the format of `manage.py import_conversations`, one hour apart; the last message is the agent's answer."""
    with gzip.open(queries, "rt", encoding="utf-8") as lines:
        asked = (json.loads(line) for line in lines)
        wanted = [one for one in asked if one.get("answer") and one.get("relevant")][:most]
    for number, one in enumerate(wanted):
        said = [*one["history"], {"role": "customer", "text": one["query"]}, {"role": "agent", "text": one["answer"]}]
        began = FIRST_DAY + timedelta(hours=number)
        yield {
            "conversation_id": one["query_id"],
            "contact": {"id": f"customer-{number}"},
            "messages": [
                {**message, "created_at": (began + timedelta(minutes=place)).isoformat()}
                for place, message in enumerate(said)
            ],
            "state": "resolved",
            "resolved_at": (began + timedelta(minutes=len(said))).isoformat(),
            "lang": one.get("lang", "en"),
            "consent": True,
        }


class Installation:
    """One of its own in a folder, with manage.py as its only door; `seconds` keeps how long each step took."""

    def __init__(self, work: Path) -> None:
        self.seconds: dict[str, float] = {}
        self._environment = {**os.environ, "DATA_DIR": str(work / "data"), "HF_HUB_OFFLINE": "1"}

    def manage(self, step: str, *arguments: str) -> str:
        began = time.monotonic()
        print(f"== {step}", file=sys.stderr, flush=True)
        run = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        if run.returncode:
            raise SystemExit(f"manage.py {arguments[0]} ended with {run.returncode}; its last words are above.")
        self.seconds[step] = round(time.monotonic() - began, 1)
        return run.stdout


def prepare(there: Installation, folder: Path, work: Path, most: int) -> dict[str, Any]:
    """Tables, documents, index, inbox and history."""
    history = work / "conversations.jsonl"
    written = [json.dumps(one, ensure_ascii=False) for one in conversations(folder / "queries.jsonl.gz", most)]
    history.write_text("\n".join(written) + "\n", encoding="utf-8")
    there.manage("tables", "migrate", "-v", "0")
    documents = json.loads(there.manage("documents", "import_documents", str(folder / "documents.jsonl"), "--json"))
    there.manage("inbox", "shell", "-c", INBOX.format(company=folder.name))
    imported = json.loads(there.manage("history", "import_conversations", str(history), "--json"))
    return {
        "documents": documents["ready"],
        "conversations": imported["conversations"],
        "messages": imported["messages"],
    }


def measure(folder: Path, work: Path, *, most: int, loop: list[str]) -> dict[str, Any]:
    there, known = Installation(work), work / "prepared.json"
    if not known.exists():
        known.write_text(json.dumps(prepare(there, folder, work, most)), encoding="utf-8")
    prepared = json.loads(known.read_text(encoding="utf-8"))
    report = json.loads(there.manage("circle", "loop", "--json", *loop))
    return {"set": folder.name, **prepared, "seconds": there.seconds, "loop": report, **figures.machine()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--conversations", type=int, default=400)
    parser.add_argument("--work", type=Path, help="keep the installation there; one that is there is used again")
    parser.add_argument("--out", type=Path, default=figures.RESULTS / "loop_on_history.json")
    arguments, loop = parser.parse_known_args()
    loop = [one for one in loop if one != "--"]
    folder, most = arguments.folder.resolve(), arguments.conversations
    with tempfile.TemporaryDirectory(prefix="parley-history-") as throw_away:
        work = arguments.work or Path(throw_away)
        work.mkdir(parents=True, exist_ok=True)
        figures.write(arguments.out, measure(folder, work, most=most, loop=loop))


if __name__ == "__main__":
    main()
