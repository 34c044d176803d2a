"""What a sync does with one document."""

from dataclasses import replace

import pytest

from retrieval.planning import Action, DocumentState, action_for, plan

READY = DocumentState(1, "ready", True, 3, "c", "c", "m", "m")


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (READY, Action.NOTHING),
        (replace(READY, content="new"), Action.EMBED),
        (replace(READY, live_passages=0), Action.EMBED),
        (replace(READY, metadata="new"), Action.METADATA),
        (replace(READY, status="processing"), Action.METADATA),
        (replace(READY, status="processing", indexed_content="", live_passages=0), Action.EMBED),
        (replace(READY, status="deleted"), Action.DELETE),
        (replace(READY, status="failed"), Action.DELETE),
        (replace(READY, status="deleted", live_passages=0), Action.NOTHING),
        (replace(READY, status="pending", content="new"), Action.NOTHING),
        (replace(READY, status="processing", has_text=False), Action.EMPTY),
    ],
)
def test_the_action_follows_from_status_and_hashes(state: DocumentState, action: Action) -> None:
    assert action_for(state) is action


def test_a_plan_without_work_is_empty() -> None:
    assert plan([READY]).is_empty
    assert plan([]).is_empty
    assert not plan([READY, replace(READY, document_id=2, content="new")]).is_empty
    assert plan([replace(READY, document_id=2, content="new")]).documents(Action.EMBED) == [2]
