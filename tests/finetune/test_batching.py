"""The real engine on a real (tiny) model: streaming, cancelling, many at once, and the traps of the library."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from finetune.engines.batching import BatchingEngine
from finetune.prompt import render
from finetune.records import EngineConfig, EngineUnavailable, GenerationRequest
from tests.finetune import tiny_model
from tests.finetune.requests import ask

WAIT = 60.0


def reference(
    model_folder: Path, request: GenerationRequest, adapter: Path | None = None, *, device: str = "cpu"
) -> str:
    """What plain greedy `generate` writes for the same prompt, by a model of its own."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model: Any = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval().to(device)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).eval()
    ids = render(request, tokenizer, budget=900).token_ids
    out = model.generate(
        torch.tensor([ids], device=device),
        do_sample=False,
        max_new_tokens=request.max_new_tokens,
        eos_token_id=2,
        pad_token_id=0,
    )
    text = tokenizer.decode(out[0][len(ids) :], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return str(text).rstrip("\ufffd")


def until(condition: Any, seconds: float = WAIT) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_streamed_text_equals_greedy_generate(engine: BatchingEngine, model_folder: Path) -> None:
    generation = engine.generate(ask())
    pieces = list(generation)
    assert len(pieces) > 5
    assert "".join(pieces) == generation.result.text == reference(model_folder, ask())
    assert generation.result.finish_reason in ("stop", "length")
    assert 0 < generation.result.first_token_seconds <= generation.result.seconds


def test_sixty_four_threads_at_once_each_get_their_own_answer(engine: BatchingEngine, model_folder: Path) -> None:
    questions = [f"Question {number}: wie viel, 多少?" for number in range(64)]
    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(lambda question: engine.generate(ask(question)).result, questions))
    assert {result.finish_reason for result in results} <= {"stop", "length"}
    assert len({result.text for result in results}) > 32
    for number in (0, 17, 63):
        assert results[number].text == reference(model_folder, ask(questions[number]))


def test_cancelling_ends_the_waiter_at_once_and_frees_its_place(engine: BatchingEngine) -> None:
    generation = engine.generate(ask())
    assert next(iter(generation)) != ""
    generation.cancel()
    assert generation.result.finish_reason == "cancelled"
    assert until(lambda: not engine._active and engine._pages == 0)
    assert engine.generate(ask()).result.finish_reason in ("stop", "length")


def test_a_waiter_blocked_in_another_thread_is_freed_by_cancel_without_a_final_event(engine: BatchingEngine) -> None:
    with engine._manager.pause():  # the library will send nothing at all
        generation = engine.generate(ask())
        ended = threading.Event()
        threading.Thread(target=lambda: (generation.result, ended.set()), daemon=True).start()
        assert not ended.wait(0.2)
        generation.cancel()
        assert ended.wait(WAIT)
    assert generation.result.finish_reason == "cancelled"
    assert until(lambda: not engine._active)
    assert engine.generate(ask()).result.finish_reason in ("stop", "length")


def test_a_request_cancelled_while_it_queues_is_never_handed_over(batching_config: EngineConfig) -> None:
    from dataclasses import replace

    engine = BatchingEngine(replace(batching_config, batch=1))
    try:
        with engine._manager.pause():
            first, second = engine.generate(ask("first")), engine.generate(ask("second"))
            assert until(lambda: len(engine._active) == 1 and len(engine._waiting) == 1)
            second.cancel()
            assert second.result.finish_reason == "cancelled"
            assert until(lambda: not engine._waiting)
        assert first.result.finish_reason in ("stop", "length")
        assert engine._counter == 2  # the probe and the first
    finally:
        engine.close()


def test_a_caller_who_walks_away_leaves_no_work_behind(engine: BatchingEngine) -> None:
    for _piece in engine.generate(ask()):
        break
    assert until(lambda: not engine._active)


def test_an_overlong_request_is_refused_and_the_engine_lives_on(engine: BatchingEngine) -> None:
    result = engine.generate(ask("word " * 2000)).result
    assert result.finish_reason == "error"
    assert "fewer words" in result.error
    assert engine._manager.is_running()
    assert engine.generate(ask()).result.finish_reason in ("stop", "length")


def test_a_job_too_long_for_the_cache_ends_with_an_error_before_the_library_sees_it(engine: BatchingEngine) -> None:
    """Trap: the library's loop ends for everyone when one request cannot fit its cache."""
    from finetune.engines.batching import _Job

    probe = engine.generate(ask())
    assert probe.result
    generation = engine.generate(ask("never sent"))
    generation.cancel()
    job = _Job(generation, [5] * (engine._served.plan.tokens + 64), 16)
    job.running = fresh = engine.generate(ask("x", max_new_tokens=1))
    assert fresh.result.finish_reason in ("stop", "length")
    counted = engine._counter
    engine._thread.post(engine._submitted, job)
    assert until(lambda: not engine._waiting)
    assert engine._counter == counted
    assert engine._manager.is_running()


def test_a_dead_generation_loop_ends_its_requests_with_an_error_and_is_built_again(
    engine: BatchingEngine, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = engine._manager
    with manager.pause():
        running = engine.generate(ask("lost"))
        assert until(lambda: len(engine._active) == 1)

        def broken(*_arguments: object, **_named: object) -> None:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")

        monkeypatch.setattr(manager.batch_processor, "_generation_step", broken)
    result = running.result
    assert result.finish_reason == "error"
    assert "GENERATOR_BATCH" in result.error
    assert until(lambda: not manager.is_running())
    after = engine.generate(ask())
    assert after.result.text == reference(model_folder, ask())
    assert engine._manager is not manager


def test_while_the_loop_cannot_be_built_again_requests_fail_at_once_with_the_reason(
    engine: BatchingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory() -> None:
        raise EngineUnavailable("Not enough memory to serve it.", lasting=False)

    with monkeypatch.context() as broken:
        broken.setattr(engine._served, "start_manager", no_memory)
        broken.setattr(engine._manager.batch_processor, "_generation_step", lambda _model: 1 / 0)
        assert engine.generate(ask()).result.finish_reason == "error"
        assert until(lambda: engine.generate(ask()).result.error == "Not enough memory to serve it.")
    assert until(lambda: engine.generate(ask()).result.finish_reason != "error")


def test_an_adapter_changes_the_answers_and_no_stale_prefix_survives(
    engine: BatchingEngine, model_folder: Path, adapter_a: Path, adapter_b: Path
) -> None:
    """Trap: cached prefixes computed with the old weights are reused after a change."""
    plain, with_a, with_b = (reference(model_folder, ask(), adapter) for adapter in (None, adapter_a, adapter_b))
    assert len({plain, with_a, with_b}) == 3
    assert engine.generate(ask()).result.text == plain
    assert engine.generate(ask()).result.text == plain  # from the prefix cache
    for folder, expected in ((adapter_a, with_a), (adapter_b, with_b), (adapter_a, with_a)):
        engine.activate(str(folder))
        result = engine.generate(ask()).result
        assert result.text == expected
        assert result.adapter == engine.adapter != ""
    engine.activate("")
    assert engine.generate(ask()).result.text == plain


def test_turns_running_during_a_change_finish_on_their_own_weights(
    engine: BatchingEngine, model_folder: Path, adapter_a: Path
) -> None:
    """Trap: set_adapter during generation corrupts every running answer without an error."""
    questions = [f"Number {number}" for number in range(8)]
    with engine._manager.pause():
        before = [engine.generate(ask(question)) for question in questions]
        assert until(lambda: len(engine._active) == 8)
        switch = threading.Thread(target=engine.activate, args=(str(adapter_a),))
        switch.start()
        assert until(lambda: engine._switching)
        after = [engine.generate(ask(question)) for question in questions]
    old = [generation.result for generation in before]
    new = [generation.result for generation in after]
    switch.join(WAIT)
    for number, question in enumerate(questions):
        assert old[number].text == reference(model_folder, ask(question))
        assert old[number].adapter == ""
        assert new[number].text == reference(model_folder, ask(question), adapter_a)
        assert new[number].adapter == engine.adapter


def test_a_turn_longer_than_the_drain_goes_on_under_the_new_weights(
    batching_config: EngineConfig, adapter_a: Path
) -> None:
    from dataclasses import replace

    engine = BatchingEngine(replace(batching_config, options={"drain_seconds": 0.0}))
    try:
        running = engine.generate(ask())
        pieces = iter(running)
        begun = next(pieces)
        engine.activate(str(adapter_a))
        rest = "".join(pieces)
        result = running.result
        assert result.finish_reason in ("stop", "length")
        assert result.text == begun + rest
        assert result.new_tokens <= 48
        assert result.adapter in ("", engine.adapter)
        assert not engine._active
    finally:
        engine.close()


def test_an_adapter_for_another_model_is_refused_and_the_engine_answers_as_before(
    engine: BatchingEngine, tmp_path: Path, model_folder: Path
) -> None:
    other = tiny_model.build_model(tmp_path / "other", hidden=96)
    foreign = tiny_model.build_adapter(tmp_path / "foreign", other)
    with pytest.raises(EngineUnavailable, match="another base model"):
        engine.activate(str(foreign))
    result = engine.generate(ask()).result
    assert result.text == reference(model_folder, ask())
    assert result.adapter == ""


def test_a_failure_inside_loading_an_adapter_leaves_the_weights_as_they_were(
    engine: BatchingEngine, model_folder: Path, adapter_a: Path, adapter_b: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.activate(str(adapter_a))
    real = engine._served._load

    def half(adapter: Any) -> None:
        real(adapter)
        if adapter.folder == adapter_b:
            raise RuntimeError("disk gone")

    monkeypatch.setattr(engine._served, "_load", half)
    with pytest.raises(EngineUnavailable, match="stays"):
        engine.activate(str(adapter_b))
    assert engine.generate(ask()).result.text == reference(model_folder, ask(), adapter_a)


def test_layers_that_see_only_a_window_are_served_right(batching_config: EngineConfig, tmp_path: Path) -> None:
    from dataclasses import replace

    folder = tiny_model.build_model(tmp_path / "mistral", family="mistral")
    engine = BatchingEngine(replace(batching_config, model=str(folder)))
    try:
        with ThreadPoolExecutor(6) as pool:
            texts = list(pool.map(lambda n: engine.generate(ask(f"Question {n}")).result.text, range(6)))
        assert texts[3] == reference(folder, ask("Question 3"))
        assert len(set(texts)) > 1
    finally:
        engine.close()


def test_a_llama_without_a_chat_template_is_served_too(batching_config: EngineConfig, tmp_path: Path) -> None:
    from dataclasses import replace

    folder = tiny_model.build_model(tmp_path / "llama", family="llama", template=None)
    engine = BatchingEngine(replace(batching_config, model=str(folder)))
    try:
        result = engine.generate(ask()).result
        assert result.finish_reason in ("stop", "length")
        assert "\n###" not in result.text
    finally:
        engine.close()


def test_a_closed_engine_answers_with_an_error_and_closing_twice_is_fine(engine: BatchingEngine) -> None:
    with engine._manager.pause():
        running = engine.generate(ask())
        assert until(lambda: engine._active)
        closer = threading.Thread(target=engine.close)
        closer.start()
        assert running.result.finish_reason == "error"
    closer.join(WAIT)
    engine.close()
    assert engine.generate(ask()).result.error == "The engine is closed."
    with pytest.raises(EngineUnavailable):
        engine.activate("")
