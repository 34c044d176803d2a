"""Examples that evaluations quote in their probes: found by the digest in a probe's name, and taken out again.

A probe that is made of an example has the name that `name` gives. One whose example is there no longer quotes somebody
who was erased while the probes were written.
"""

import re
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils import timezone

from finetune.models import Evaluation, Example

LETTERS: Final = 40
"""So much of the digest's end stands in the name of a probe."""
_NAMED: Final = re.compile(rf"\bexample-([0-9a-f]{{{LETTERS}}})")
LATELY: Final = timedelta(hours=1)
"""Probes are asked soon after they were written."""
_State = Evaluation.State


def name(digest: str) -> str:
    """What a probe is called that is made of the example with this digest."""
    return f"example-{_end(digest)}"


def _end(digest: str) -> str:
    return digest[-LETTERS:]


def quoting(digests: Collection[str]) -> list[int]:
    """Evaluations that quote one of the examples with these digests."""
    wanted = {_end(digest) for digest in digests}
    rows = Evaluation.objects.exclude(probes={}).order_by("pk").values_list("pk", "probes")
    return [key for key, probes in rows if wanted and wanted & _named(probes)] if wanted else []


def take_out(*, evaluation_id: int, digests: Collection[str], error: str) -> None:
    """Remove the probes; what is not over ends with the error. In the caller's transaction."""
    gone = {_end(digest) for digest in digests}
    row = Evaluation.objects.select_for_update().get(pk=evaluation_id)
    kept = [one for one in _listed(row.probes) if not gone & _names((one,))]
    row.probes = {**row.probes, "probes": kept}
    if row.state in (_State.QUEUED, _State.RUNNING):
        row.state, row.error, row.finished_at = _State.FAILED, error, timezone.now()
    row.save(update_fields=["probes", "state", "error", "finished_at"])


def of_nobody() -> dict[int, set[str]]:
    """Of the last hour: evaluations that quote examples which are there no longer, and the names they use."""
    rows = Evaluation.objects.filter(created_at__gt=timezone.now() - LATELY).exclude(probes={})
    named = {key: _named(probes) for key, probes in rows.values_list("pk", "probes")}
    living = _living(set().union(*named.values())) if named else set()
    return {key: names - living for key, names in named.items() if names - living}


def _living(names: set[str]) -> set[str]:
    found = Q(pk__in=[])
    for end in names:
        found |= Q(digest__endswith=end)
    digests = Example.objects.filter(found).exclude(state=Example.State.TAINTED).values_list("digest", flat=True)
    return {_end(digest) for digest in digests}


def _named(probes: Any) -> set[str]:
    return _names(_listed(probes))


def _names(probes: Iterable[Any]) -> set[str]:
    return {end for one in probes if isinstance(one, dict) for end in _NAMED.findall(str(one.get("id", "")))}


def _listed(probes: Any) -> list[Any]:
    found = probes.get("probes") if isinstance(probes, dict) else None
    return found if isinstance(found, list) else []
