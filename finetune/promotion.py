"""An adapter's way into service and back: a share of the conversations first, then all. Rows only; loads no weights.

Each call is one transaction that checks again what it was asked, so a process that is killed leaves the state before or
the state after. Rows are history: what answers now is the adapter marked active, and why is its newest promotion.
Refuses whatever did not pass the gate against what answers now.
"""

from pathlib import Path
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from finetune.engine_pool import SERVES_ADAPTERS, config_from_settings
from finetune.models import Adapter, Evaluation, Promotion
from finetune.trial import Trial
from finetune.trial import side as side

LEAST_SHARE: Final = 0.01
MOST_SHARE: Final = 0.5
"""More than half is no trial: a canary that harms must harm the smaller part."""
BACK: Final = "What came after it was rolled back."
"""Why the row of a way back is there."""
_State = Promotion.State


class PromotionRefused(ValueError):
    """The message is a sentence that says what to do."""


def canary() -> Promotion | None:
    """The adapter that answers a share now."""
    return Promotion.objects.filter(state=_State.CANARY).select_related("adapter", "before", "evaluation").first()


def in_service() -> Promotion | None:
    """The promotion by which the present adapter answers; None for one that was activated by hand."""
    newest = Promotion.objects.filter(state=_State.ACTIVE).select_related("adapter", "before").order_by("-pk").first()
    return newest if newest is not None and newest.adapter_id == _active_id() else None


def start_canary(*, evaluation: Evaluation, share: float, by: str) -> Promotion:
    """Let the adapter that passed answer `share` of the conversations. Raises PromotionRefused."""
    if not LEAST_SHARE <= share <= MOST_SHARE:
        raise PromotionRefused("The share is from 1 % to 50 % of the conversations.")
    try:
        with transaction.atomic():
            _lock()
            found = Evaluation.objects.select_related("adapter").get(pk=evaluation.pk)
            _check(found)
            return Promotion.objects.create(
                adapter=found.adapter, before_id=_active_id(), evaluation=found, share=share, by=by[:150]
            )
    except IntegrityError as error:
        raise PromotionRefused(_BUSY) from error


def promote(*, promotion: Promotion, by: str) -> Promotion:
    """Let the canary answer all conversations. Raises PromotionRefused."""
    with transaction.atomic():
        _lock()
        changed = Promotion.objects.filter(pk=promotion.pk, state=_State.CANARY).update(
            state=_State.ACTIVE, by=by[:150]
        )
        if changed != 1:
            raise PromotionRefused(_OVER)
        row = Promotion.objects.select_related("adapter").get(pk=promotion.pk)
        if row.before_id != _active_id():
            raise PromotionRefused("Another adapter answers now than when this trial began: roll back, evaluate again.")
        _check_model(row.adapter)
        earlier = Promotion.objects.filter(state=_State.ACTIVE).exclude(pk=row.pk)
        earlier.update(state=_State.REPLACED, ended_at=timezone.now())
        _mark(row.adapter)
        return row


def roll_back(*, promotion: Promotion, by: str, reason: str) -> Promotion:
    """End a canary, or let what answered before answer again. Gives the row that was rolled back.

    Of an adapter in service the way back is a row of its own. Raises PromotionRefused.
    """
    if not reason.strip():
        raise PromotionRefused("Say in a few words why you roll back; it stands in the history.")
    ended = {"state": _State.ROLLED_BACK, "ended_at": timezone.now(), "reason": reason.strip()[:300]}
    with transaction.atomic():
        _lock()
        row = Promotion.objects.select_related("adapter", "before").get(pk=promotion.pk)
        if row.state not in (_State.CANARY, _State.ACTIVE):
            raise PromotionRefused(_OVER)
        if row.state == _State.ACTIVE and row.adapter_id is None:
            raise PromotionRefused("The base model answers already: there is nothing before it.")
        if row.state == _State.ACTIVE and row.adapter_id != _active_id():
            raise PromotionRefused("Another adapter answers now: look again.")
        if Promotion.objects.filter(pk=row.pk, state=row.state).update(**ended) != 1:
            raise PromotionRefused(_OVER)
        if row.state == _State.ACTIVE:
            _go_back(row, by)
    row.refresh_from_db()
    return row


def wanted_trial() -> Trial | None:
    """What engines should try beside the active adapter. A tainted one answers nobody from that moment.

    Gives the database connection back when it opened one, because callers are about to wait for a model.
    """
    opened = connection.connection is None
    try:
        row = Promotion.objects.filter(state=_State.CANARY, adapter__tainted="").select_related("adapter").first()
    finally:
        if opened and not connection.in_atomic_block:
            connection.close()
    if row is None or row.adapter is None:
        return None
    return Trial(row.pk, row.adapter.digest, row.adapter.path, row.share)


def same_model(left: str, right: str) -> bool:
    """Whether two names of a base model mean the same: equal, or paths of one folder."""
    if not left or not right:
        return False
    if left == right:
        return True
    first, second = Path(left).expanduser(), Path(right).expanduser()
    return first.is_dir() and second.is_dir() and first.resolve() == second.resolve()


_BUSY: Final = "A canary runs already: promote it or roll it back first."
_OVER: Final = "This promotion is over; what stands here is its history."


def _lock() -> None:
    """Whoever starts, promotes or rolls back waits for whoever does so now."""
    open_rows = Promotion.objects.select_for_update(of=("self",)).filter(state__in=[_State.CANARY, _State.ACTIVE])
    list(open_rows.order_by("pk").values_list("pk", flat=True))


def _active_id() -> int | None:
    return Adapter.objects.filter(active=True).values_list("pk", flat=True).first()


def _check(evaluation: Evaluation) -> None:
    if evaluation.state != Evaluation.State.DONE or evaluation.verdict != Evaluation.Verdict.PASSED:
        raise PromotionRefused("Only an adapter that passed the gate can go live.")
    if evaluation.against_id != _active_id():
        raise PromotionRefused("Another adapter answers now than the one it was compared with: evaluate it again.")
    _check_model(evaluation.adapter)
    if evaluation.adapter.active:
        raise PromotionRefused("This adapter answers already.")
    if Promotion.objects.filter(state=_State.CANARY).exists():
        raise PromotionRefused(_BUSY)


def _check_model(adapter: Adapter | None) -> None:
    config = config_from_settings()
    if config.kind not in SERVES_ADAPTERS:
        raise PromotionRefused(
            "The configured generator serves no adapters: set GENERATOR_MODEL, or OPENAI_BASE_URL too."
        )
    if adapter is None or not same_model(adapter.base_model, config.model):
        raise PromotionRefused("This adapter was trained for another base model than GENERATOR_MODEL.")
    if adapter.tainted:
        raise PromotionRefused("This adapter is tainted: train a new one from a clean dataset.")


def _mark(adapter: Adapter | None) -> None:
    """Move the mark of what answers; None is the base model."""
    if adapter is None:
        Adapter.objects.filter(active=True).update(active=False)
        return
    Adapter.objects.filter(active=True).exclude(pk=adapter.pk).update(active=False)
    sound = Adapter.objects.filter(pk=adapter.pk, tainted="")
    if sound.update(active=True, activated_at=timezone.now()) != 1:
        raise PromotionRefused("This adapter is tainted: train a new one from a clean dataset.")


def _go_back(row: Promotion, by: str) -> None:
    """To what answered before; further back past what may be used no longer, at last to the base model."""
    target, older = _usable(row)
    _mark(target)
    Promotion.objects.create(
        adapter=target,
        before=older,
        evaluation=None,
        state=_State.ACTIVE,
        share=1.0,
        reason=BACK,
        by=by[:150],
    )


def _usable(row: Promotion) -> tuple[Adapter | None, Adapter | None]:
    """(what to go back to, what was before that)."""
    seen = {row.adapter_id}
    target = row.before
    while target is not None:
        earlier = _brought(target)
        older = earlier.before if earlier is not None else None
        if not target.tainted and target.pk not in seen:
            return target, (older if older is not None and older.pk not in {*seen, target.pk} else None)
        seen.add(target.pk)
        target = older if older is not None and older.pk not in seen else None
    return None, None


def _brought(adapter: Adapter) -> Promotion | None:
    """The newest promotion that put this adapter in service."""
    found = Promotion.objects.filter(adapter=adapter, state__in=[_State.REPLACED, _State.ACTIVE])
    found = found.select_related("before")
    return found.order_by("-pk").first()
