"""The child process that opens untrusted files: `python -m retrieval.extraction.worker`.

Takes one request after another on standard input (a JSON line, then the bytes) and answers with a JSON line. It has
limits on memory and processor time, writes no file, and gets neither secrets nor the database from its environment.
"""

import json
import os
import resource
import sys
from typing import Any, BinaryIO

from retrieval.extraction.outcomes import CRASHED, TOO_HUNGRY, Unreadable, to_json
from retrieval.extraction.reading import read


def main() -> int:
    source = sys.stdin.buffer
    # Libraries that print must not break the protocol: answers get a descriptor of their own.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    limit = resource.setrlimit
    limit(resource.RLIMIT_CORE, (0, 0))
    limit(resource.RLIMIT_FSIZE, (0, 0))
    answer(answers, {"ready": True})
    while line := source.readline():
        request = json.loads(line)
        data = source.read(request["length"])
        if len(data) < request["length"]:
            return 0
        _limit(request["memory_bytes"], request["cpu_seconds"])
        answer(answers, _read(data, request))
    return 0


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, resource.RLIM_INFINITY))
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + cpu_seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _read(data: bytes, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return to_json(
            read(data, name=request["name"], declared=request["declared"], trust_content=request["trust_content"])
        )
    except MemoryError:
        return to_json(Unreadable(TOO_HUNGRY))
    except Exception as error:  # noqa: BLE001 - a parser's bug must become a reason, not the end of the process
        print(f"{type(error).__name__}: {error}"[:500], file=sys.stderr)  # noqa: T201 - the parent logs it
        return to_json(Unreadable(CRASHED))


def answer(answers: BinaryIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value).encode("ascii") + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
