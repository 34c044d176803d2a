"""The `openai` engine: streams from any server that speaks /v1/chat/completions (vLLM, TGI, llama.cpp, Ollama, …).

The server is an outside party: it may stall, break off, or send garbage, and each ends one answer with a sentence.
Tries again only before the first piece of text. Cancelling closes the connection, so that the server stops too. The key
appears in no log and no message.
"""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from finetune import adapter_files
from finetune.engines.running import LoopThread, RunningGeneration
from finetune.engines.text import AnswerText
from finetune.prompt import Prompt, PromptTooLong, render_messages
from finetune.records import EngineConfig, EngineUnavailable, FinishReason, GenerationRequest, GenerationResult

logger = logging.getLogger(__name__)

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_WAIT: Final = 10.0
_LINE_BYTES: Final = 1024 * 1024
_CHARACTERS_PER_TOKEN: Final = 16
_REASONS: Final[dict[str, FinishReason]] = {"stop": "stop", "length": "length", "eos": "stop", "eos_token": "stop"}


class Failure(Exception):
    """One attempt failed. The text is a sentence; `again` says whether the same request may succeed now."""

    def __init__(self, message: str, *, again: bool, wait: float = 0.0) -> None:
        super().__init__(message)
        self.again = again
        self.wait = wait


@dataclass(frozen=True)
class Event:
    """One parsed line of the stream. `done` is the server's own end mark."""

    text: str = ""
    reason: str = ""
    done: bool = False
    prompt_tokens: int = 0


@dataclass
class _Progress:
    """What one request received so far."""

    pieces: int = 0
    reason: str = ""
    done: bool = False
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)


class OpenAIEngine:
    """Serves any number of threads over one pool of connections."""

    name = "openai"

    def __init__(self, config: EngineConfig) -> None:
        if not config.base_url:
            raise EngineUnavailable("OPENAI_BASE_URL is not set: write the server's address, like http://gpu:8000/v1.")
        dials = config.options
        self._config = config
        self._base = config.base_url.rstrip("/")
        self._place = place(self._base)
        self._model = config.model
        self._adapter = ""
        self._retries = int(dials.get("retries", 3))
        self._first_seconds = dials.get("first_token_seconds", 60.0)
        self._closed = False
        self._lock = threading.Lock()
        self._thread = LoopThread("openai-engine")
        stall = dials.get("stall_seconds", 30.0)
        connect = dials.get("connect_seconds", 5.0)
        self._timeout = httpx.Timeout(stall, connect=connect, write=connect, pool=None)
        headers = {"Authorization": f"Bearer {config.api_key}"} if config.api_key else {}
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=self._timeout,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )
        if config.adapter:
            try:
                self.activate(config.adapter)
            except BaseException:
                self.close()
                raise

    def generate(self, request: GenerationRequest) -> RunningGeneration:
        model, adapter = self._adapter or self._model, self._adapter
        progress = _Progress()
        most = min(request.max_new_tokens, self._config.max_new_tokens)
        running = RunningGeneration(
            GenerationResult("", "error", self.name, model=model, adapter=adapter),
            pipe=AnswerText(most_characters=most * _CHARACTERS_PER_TOKEN),
            on_cancel=lambda _running: self._thread.post(_stop, progress),
            alive=lambda: self._thread.alive() and not self._closed,
        )
        try:
            prompt = render_messages(request, budget=self._config.context_tokens)
        except PromptTooLong as error:
            running.finish("error", str(error))
            return running
        running.update(prompt_digest=prompt.digest)
        body = {
            "model": model,
            "messages": list(prompt.messages),
            "max_tokens": most,
            "temperature": request.temperature,
            "stream": True,
        }
        if self._closed or not self._thread.post(self._start, running, body, prompt, progress):
            running.finish("error", "The engine is closed.")
        return running

    def _start(self, running: RunningGeneration, body: dict[str, Any], prompt: Prompt, progress: _Progress) -> None:
        if running.ended:
            return
        progress.tasks.append(self._thread.loop.create_task(self._run(running, body, progress)))

    async def _run(self, running: RunningGeneration, body: dict[str, Any], progress: _Progress) -> None:
        """Attempts until one streams. Whatever happens, the generation ends."""
        try:
            for attempt in range(self._retries + 1):
                try:
                    await self._attempt(running, body, progress)
                    running.finish(_REASONS.get(progress.reason, "stop"))
                    return
                except Failure as failure:
                    if not failure.again or progress.pieces or attempt == self._retries or running.ended:
                        running.finish("error", str(failure))
                        return
                    await asyncio.sleep(min(_MOST_WAIT, failure.wait or 0.5 * 2**attempt))
        except asyncio.CancelledError:
            running.finish("cancelled")
            raise
        except Exception:
            logger.exception("A generation failed in an unforeseen way.")
            running.finish("error", f"The model server at {self._place} could not be used.")

    async def _attempt(self, running: RunningGeneration, body: dict[str, Any], progress: _Progress) -> None:
        try:
            request = self._client.build_request("POST", f"{self._base}/chat/completions", json=body)
            # The first bytes may take long (a queue, a long prompt); later silence is a stall.
            async with asyncio.timeout(self._first_seconds) as patience:
                request.extensions["timeout"] = {**self._timeout.as_dict(), "read": self._first_seconds}
                response = await self._client.send(request, stream=True)
                try:
                    await self._read(response, running, progress, patience)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Failure(f"The model server at {self._place} did not answer in time.", again=False) from error
        except httpx.HTTPError as error:
            raise failure_of(error, self._place, begun=progress.pieces > 0) from error

    async def _read(
        self, response: httpx.Response, running: RunningGeneration, progress: _Progress, patience: asyncio.Timeout
    ) -> None:
        if response.status_code != 200:
            raise await self._refused(response)
        kind = response.headers.get("content-type", "")
        lines = _json_lines(response) if "event-stream" not in kind and "json" in kind else _lines(response)
        async for line in lines:
            event = parse(line)
            if event is None:
                continue
            patience.reschedule(asyncio.get_running_loop().time() + (self._timeout.read or 30.0))
            if event.prompt_tokens:
                running.update(prompt_tokens=event.prompt_tokens)
            if event.text:
                progress.pieces += 1
                running.push(event.text)
            progress.reason = event.reason or progress.reason
            if event.done:
                progress.done = True
                break
        if not progress.done and not progress.reason:
            raise Failure(f"The model server at {self._place} broke off in the middle of an answer.", again=True)
        if progress.reason == "content_filter":
            raise Failure("The model server's filter stopped the answer.", again=False)

    async def _refused(self, response: httpx.Response) -> Failure:
        text = ""
        async for block in response.aiter_bytes():
            text += block.decode("utf-8", "replace")
            if len(text) > 4000:
                break
        wait = response.headers.get("retry-after", "")
        return refusal(
            response.status_code, text, place=self._place, model=str(self._adapter or self._model), wait=wait
        )

    def activate(self, adapter: str) -> None:
        """Use the adapter in this folder: a name the server knows, or one it can load from the same path (vLLM).

        Answers that are running keep the model they began with. Raises EngineUnavailable.
        """
        with self._lock:
            if not adapter:
                self._adapter = ""
                return
            digest = adapter_files.inspect(Path(adapter)).digest
            if digest != self._adapter:
                self._thread.spawn(self._load_adapter(digest, str(Path(adapter).resolve()))).result(180.0)
                self._adapter = digest

    async def _load_adapter(self, name: str, folder: str) -> None:
        try:
            known = await self._client.get(f"{self._base}/models")
            if known.status_code == 200 and name in known.text:
                return
            answer = await self._client.post(
                f"{self._base}/load_lora_adapter",
                json={"lora_name": name, "lora_path": folder},
                timeout=httpx.Timeout(120.0, connect=5.0),
            )
        except httpx.HTTPError as error:
            raise EngineUnavailable(str(failure_of(error, self._place, begun=False)), lasting=False) from error
        if answer.status_code != 200:
            raise EngineUnavailable(
                f"The model server at {self._place} did not load adapter {name[:12]} (status {answer.status_code}). "
                "vLLM needs --enable-lora, VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and the same folder in its sight."
            )

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.spawn(self._end_all()).result(5.0)
        except (RuntimeError, TimeoutError) as error:
            logger.debug("Connections were left to the system: %s", error)
        self._thread.stop()

    async def _end_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()


def _stop(progress: _Progress) -> None:
    for task in progress.tasks:
        task.cancel()


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Lines of the stream; a line that never ends is refused."""
    held = b""
    async for block in response.aiter_bytes():
        *whole, held = (held + block).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
        if len(held) > _LINE_BYTES:
            raise Failure("The model server sent a line without end.", again=False)
    if held:
        yield held.decode("utf-8", "replace")


async def _json_lines(response: httpx.Response) -> AsyncIterator[str]:
    """A server that does not stream answers with one JSON body."""
    body = b""
    async for block in response.aiter_bytes():
        body += block
        if len(body) > _LINE_BYTES:
            raise Failure("The model server sent more than any answer holds.", again=False)
    yield "data: " + body.decode("utf-8", "replace").replace("\n", " ")
    yield "data: [DONE]"


def parse(line: str) -> Event | None:
    """One line of server-sent events; None for comments, blanks and other fields. Raises Failure for garbage."""
    line = line.strip()
    if not line or line.startswith((":", "event:", "id:", "retry:")):
        return None
    if not line.startswith("data:"):
        raise Failure("The model server sent something that is no chat stream: check OPENAI_BASE_URL.", again=False)
    data = line.removeprefix("data:").strip()
    if data == "[DONE]":
        return Event(done=True)
    try:
        record = json.loads(data)
        if record.get("error"):
            raise Failure(f"The model server reported: {_words(record['error'])}", again=False)
        choice = (record.get("choices") or [{}])[0]
        content = choice.get("delta") or choice.get("message") or {}
        text, reason = content.get("content") or "", choice.get("finish_reason") or ""
        usage = record.get("usage") or {}
        if not isinstance(text, str) or not isinstance(reason, str):
            raise TypeError("content is no text")
        return Event(text=text, reason=reason, prompt_tokens=int(usage.get("prompt_tokens") or 0))
    except (ValueError, AttributeError, TypeError, IndexError, KeyError, RecursionError) as error:
        raise Failure("The model server sent an answer that cannot be read.", again=False) from error


def place(url: str) -> str:
    """The address without user, password and query, for messages."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def failure_of(error: httpx.HTTPError, where: str, *, begun: bool) -> Failure:
    """The sentence for a transport error."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Failure(f"No model server answers at {where}. Start it, or check OPENAI_BASE_URL.", again=True)
    if isinstance(error, httpx.TimeoutException):
        return Failure(f"The model server at {where} fell silent.", again=False)
    middle = " in the middle of an answer" if begun else ""
    return Failure(f"The connection to the model server at {where} broke{middle}.", again=True)


def refusal(status: int, body: str, *, place: str, model: str, wait: str = "") -> Failure:
    """The sentence for a status other than 200."""
    if status in (401, 403):
        return Failure(f"The model server at {place} refused the key: check OPENAI_API_KEY.", again=False)
    if status == 404:
        return Failure(
            f"The model server at {place} knows no model {model!r} or no such address: check GENERATOR_MODEL and "
            "OPENAI_BASE_URL (it usually ends in /v1).",
            again=False,
        )
    if 300 <= status < 400:
        return Failure(f"The model server at {place} points elsewhere: set OPENAI_BASE_URL to it.", again=False)
    seconds = float(wait) if wait.replace(".", "", 1).isdigit() else 0.0
    if status == 429:
        return Failure(f"The model server at {place} is too busy.", again=seconds <= _MOST_WAIT, wait=seconds)
    detail = _words(_detail(body))
    return Failure(
        f"The model server at {place} answered with status {status}{f': {detail}' if detail else ''}.",
        again=status in _AGAIN and seconds <= _MOST_WAIT,
        wait=seconds,
    )


def _detail(body: str) -> Any:
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return (record.get("error") or record.get("message") or "") if isinstance(record, dict) else ""


def _words(detail: Any) -> str:
    text = detail.get("message", "") if isinstance(detail, dict) else detail
    return " ".join(str(text).split())[:200].rstrip(".")
