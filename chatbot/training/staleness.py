"""Flags examples whose passages are no longer in the documents. The clock asks; twice does no harm."""

from celery import shared_task

from chatbot.training.supporting import passage_hash
from finetune.models import Example


def mark_stale() -> int:
    """Examples flagged or unflagged now. A text that came back (an index rolled back) is good again."""
    from retrieval.models import Passage

    current: set[str] = set()
    for text, context in Passage.objects.filter(retired=False).values_list("text", "context").iterator():
        current |= {passage_hash(text), passage_hash(f"{context}\n{text}")}
    changed = 0
    for example in Example.objects.exclude(passages=[]).only("pk", "passages", "stale").iterator():
        stale = not current.issuperset(example.passages)
        if stale != example.stale:
            changed += Example.objects.filter(pk=example.pk, stale=not stale).update(stale=stale)
    return changed


@shared_task(queue="index", ignore_result=True, expires=300, time_limit=600)
def look_for_stale() -> None:
    mark_stale()
