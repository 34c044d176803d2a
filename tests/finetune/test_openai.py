"""The openai engine against a real server that streams, stalls, breaks off, refuses and talks nonsense."""

import json
import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from finetune import adapter_files
from finetune.engines.openai import OpenAIEngine, place
from finetune.records import EngineConfig, EngineUnavailable
from tests.finetune import chat_server
from tests.finetune.chat_server import Speaker, serving
from tests.finetune.requests import ask

KEY = "sk-very-secret-key"
Make = Callable[..., OpenAIEngine]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[OpenAIEngine] = []

    def build(url: str, **options: float) -> OpenAIEngine:
        dials = {"retries": 2.0, "stall_seconds": 5.0, "first_token_seconds": 5.0, **options}
        engine = OpenAIEngine(EngineConfig(kind="openai", model="m", base_url=url, api_key=KEY, options=dials))
        made.append(engine)
        return engine

    yield build
    for engine in made:
        engine.close()


def test_a_stream_arrives_in_pieces_and_the_request_is_the_renderers(make: Make) -> None:
    with serving(chat_server.well) as (url, seen):
        generation = make(url).generate(ask())
        pieces = list(generation)
    result = generation.result
    assert pieces == ["Worn shoes ", "within 三", "十天 ", "[1]."]
    assert (result.text, result.finish_reason, result.error) == ("Worn shoes within 三十天 [1].", "stop", "")
    assert (result.prompt_tokens, result.new_tokens, result.engine) == (77, 4, "openai")
    body = seen.bodies[0]
    assert seen.paths == ["/v1/chat/completions"]
    assert (body["model"], body["stream"], body["max_tokens"], body["temperature"]) == ("m", True, 48, 0.0)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "[1] Returns" in body["messages"][1]["content"]
    assert seen.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_many_at_once_each_get_their_own_answer(make: Make) -> None:
    def echo(speaker: Speaker) -> None:
        speaker.begin()
        speaker.say(speaker.body["messages"][-1]["content"].partition("<question>")[2], "stop")

    with serving(echo) as (url, seen):
        engine = make(url)
        with ThreadPoolExecutor(64) as pool:
            results = list(pool.map(lambda n: engine.generate(ask(f"q{n}")).result, range(64)))
    assert [result.text for result in results] == [f"\nq{n}\n</question>" for n in range(64)]
    assert len(seen.bodies) == 64


def test_cancelling_closes_the_connection(make: Make) -> None:
    with serving(chat_server.endless) as (url, seen):
        generation = make(url).generate(ask(max_new_tokens=40))
        next(iter(generation))
        generation.cancel()
        assert generation.result.finish_reason == "cancelled"
        assert seen.gone.wait(15)


def test_a_server_that_never_stops_talking_is_stopped(make: Make) -> None:
    with serving(chat_server.endless) as (url, seen):
        result = make(url).generate(ask(max_new_tokens=2)).result
        assert result.finish_reason == "stop"
        assert len(result.text) == 32
        assert seen.gone.wait(15)


def test_silence_in_the_middle_keeps_what_came_and_says_so(make: Make) -> None:
    with serving(chat_server.stalling) as (url, seen):
        result = make(url, stall_seconds=0.3).generate(ask()).result
        assert (result.text, result.finish_reason) == ("Half an ans", "error")
        assert "silent" in result.error or "in time" in result.error
        assert len(seen.bodies) == 1


def test_silence_before_the_first_word_ends_too(make: Make) -> None:
    with serving(chat_server.silent) as (url, _seen):
        result = make(url, first_token_seconds=0.3).generate(ask()).result
        assert (result.text, result.finish_reason) == ("", "error")


def test_a_broken_stream_is_an_error_and_is_never_tried_again_after_the_first_word(make: Make) -> None:
    with serving(chat_server.breaking_off) as (url, seen):
        result = make(url).generate(ask()).result
        assert (result.text, result.finish_reason) == ("Half an ans", "error")
        assert "broke off" in result.error
        assert len(seen.bodies) == 1


def test_a_busy_server_is_tried_again_before_the_first_word(make: Make) -> None:
    busy = chat_server.refusing(503, "")
    with serving(chat_server.one_after_the_other(busy, chat_server.refusing(429), chat_server.well)) as (url, seen):
        result = make(url).generate(ask()).result
        assert (result.finish_reason, len(seen.bodies)) == ("stop", 3)


def test_a_server_that_asks_for_a_long_wait_is_not_waited_for(make: Make) -> None:
    with serving(chat_server.refusing(429, "", Retry_After="3600")) as (url, seen):
        result = make(url).generate(ask()).result
        assert "too busy" in result.error
        assert len(seen.bodies) == 1


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, '{"error": {"message": "bad key sk-very-secret-key"}}', "OPENAI_API_KEY"),
        (404, "", "GENERATOR_MODEL"),
        (400, '{"error": {"message": "context length exceeded"}}', "context length exceeded"),
        (400, "[" * 100_000, "status 400"),
        (301, "", "points elsewhere"),
        (500, "<html>stack trace</html>", "status 500"),
    ],
)
def test_a_refusal_becomes_a_sentence(make: Make, status: int, body: str, says: str) -> None:
    with serving(chat_server.refusing(status, body)) as (url, _seen):
        result = make(url, retries=0.0).generate(ask()).result
    assert result.finish_reason == "error"
    assert says in result.error
    assert result.error.endswith(".")
    assert KEY not in result.error
    assert "stack trace" not in result.error


@pytest.mark.parametrize(
    "data",
    [
        b"<html>hello</html>",
        b"data: {not json\n\n",
        b"data: 17\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b'data: {"choices": [{"delta": [1]}]}\n\n',
        b"data: " + b"[" * 50_000 + b"\n\n",
        b"\xff\xfe\x00\x01" * 500,
        b'data: {"error": {"message": "the model crashed"}}\n\n',
        b"data: " + b"x" * 3_000_000,
    ],
)
def test_garbage_ends_the_answer_with_a_sentence(make: Make, data: bytes) -> None:
    with serving(chat_server.saying(data)) as (url, _seen):
        result = make(url, retries=0.0).generate(ask()).result
    assert (result.text, result.finish_reason) == ("", "error")
    assert result.error.startswith("The model server")


def test_a_server_that_does_not_stream_is_understood(make: Make) -> None:
    whole = {"choices": [{"message": {"content": "Thirty days [1]."}, "finish_reason": "stop"}]}
    with serving(chat_server.saying(json.dumps(whole, indent=1).encode(), "application/json")) as (url, _seen):
        assert make(url).generate(ask()).result.text == "Thirty days [1]."


def test_an_answer_cut_by_length_says_so(make: Make) -> None:
    def short(speaker: Speaker) -> None:
        speaker.begin()
        speaker.say("Thirty", "length")

    with serving(short) as (url, _seen):
        assert make(url).generate(ask()).result.finish_reason == "length"


def test_thoughts_of_a_reasoning_model_stay_private(make: Make) -> None:
    def thinking(speaker: Speaker) -> None:
        speaker.begin()
        for piece in ("<thi", "nk>secret</th", "ink>\n\nThirty days."):
            speaker.say(piece)
        speaker.say("", "stop")

    with serving(thinking) as (url, _seen):
        assert make(url).generate(ask()).result.text == "Thirty days."


def test_nobody_at_the_address_gets_a_sentence_and_no_key_is_ever_logged(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    engine = make(f"http://user:password@127.0.0.1:{port}/v1", retries=0.0)
    result = engine.generate(ask()).result
    assert "No model server answers" in result.error
    assert "password" not in result.error
    with serving(chat_server.refusing(401)) as (url, _seen):
        make(url).generate(ask()).result  # noqa: B018 - waits for the end
    assert KEY not in caplog.text
    assert KEY not in repr(EngineConfig(api_key=KEY))


def test_the_address_in_messages_has_no_password() -> None:
    assert place("https://me:secret@host:8000/v1?key=1") == "https://host:8000/v1"


def test_an_adapter_the_server_knows_becomes_the_models_name(make: Make, adapter_a: Path) -> None:
    digest = adapter_files.inspect(adapter_a).digest
    listing = chat_server.saying(json.dumps({"data": [{"id": digest}]}).encode(), "application/json")
    with serving(chat_server.one_after_the_other(listing, chat_server.well)) as (url, seen):
        engine = make(url)
        engine.activate(str(adapter_a))
        result = engine.generate(ask()).result
        assert (seen.bodies[-1]["model"], result.adapter, result.finish_reason) == (digest, digest, "stop")
        engine.activate("")
        engine.generate(ask()).result  # noqa: B018
        assert seen.bodies[-1]["model"] == "m"


def test_an_adapter_the_server_does_not_know_is_loaded_there_or_refused(make: Make, adapter_a: Path) -> None:
    listing = chat_server.saying(b'{"data": []}', "application/json")
    loaded = chat_server.saying(b"Success", "text/plain")
    with serving(chat_server.one_after_the_other(listing, loaded)) as (url, seen):
        make(url).activate(str(adapter_a))
        assert seen.paths == ["/v1/models", "/v1/load_lora_adapter"]
        assert seen.bodies[1]["lora_path"] == str(adapter_a)
    with serving(chat_server.one_after_the_other(listing, chat_server.refusing(404), chat_server.well)) as (url, _seen):
        engine = make(url)
        with pytest.raises(EngineUnavailable, match="enable-lora"):
            engine.activate(str(adapter_a))
        assert engine.generate(ask()).result.model == "m"


def test_closing_ends_running_answers(make: Make) -> None:
    with serving(chat_server.endless) as (url, _seen):
        engine = make(url)
        generation = engine.generate(ask())
        next(iter(generation))
        engine.close()
        result: Any = generation.result
        assert result.finish_reason in ("error", "cancelled")
        assert engine.generate(ask()).result.error == "The engine is closed."


def test_an_empty_address_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="OPENAI_BASE_URL"):
        OpenAIEngine(EngineConfig(kind="openai", model="m"))
