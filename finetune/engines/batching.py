"""The `transformers` engine: many answers decoded together by the library's continuous batching. HEAVY.

All state lives on one loop thread. Callers queue here, not in the library: a request is handed over only when its whole
cache fits. A change of adapter lets running answers finish on the weights they began with (new ones wait); what is
still running after `drain_seconds` goes on under the new weights from a fresh start of its own text. It decodes
greedily: the same question gets the same answer.
"""

import asyncio
import atexit
import logging
import threading
import time
from collections import deque
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from finetune import adapter_files
from finetune.adapter_files import AdapterFiles
from finetune.base_model import LoadedModel
from finetune.engines.admission import answer_room, backoff_seconds
from finetune.engines.running import LoopThread, RunningGeneration
from finetune.engines.served_model import ServedModel, stop_manager
from finetune.engines.text import TokenPipe
from finetune.lending import Tensors, borrowed
from finetune.memory import is_out_of_memory
from finetune.prompt import FALLBACK_STOPS, PromptTooLong, render
from finetune.records import EngineConfig, EngineUnavailable, GenerationRequest, GenerationResult

logger = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 20.0
_TICK_SECONDS: Final = 0.25
_STEP_SECONDS: Final = 120.0
_GHOST_SECONDS: Final = 10.0


@dataclass(eq=False)
class _Job:
    """One request inside the engine. `seen` counts tokens of the current submission, `written` all of them."""

    running: RunningGeneration
    prompt: list[int]
    most_new: int
    written: list[int] = field(default_factory=list)
    seen: int = 0
    name: str = ""

    @property
    def left(self) -> int:
        return self.most_new - len(self.written)

    @property
    def tokens(self) -> int:
        return len(self.prompt) + self.most_new


class BatchingEngine:
    """See the module. Safe to use from any number of threads."""

    name = "transformers"

    def __init__(self, config: EngineConfig, *, beside: "BatchingEngine | None" = None) -> None:
        """Load, activate `config.adapter`, and answer one probe. Raises EngineUnavailable (LoadError is one).

        `beside` another engine it takes that one's weights, and adds only its adapter and its cache.
        """
        self._drain_seconds = config.options.get("drain_seconds", DRAIN_SECONDS)
        self._batch = config.batch
        self._rendering = threading.Lock()  # fast tokenizers refuse to be shared while they work
        self._waiting: deque[_Job] = deque()
        self._active: dict[str, _Job] = {}
        self._pages = 0
        self._manager: Any = None
        self._broken = ""
        self._failures = 0
        self._next_try = 0.0
        self._counter = 0
        self._switching = False
        self._closed = False
        self._served = ServedModel(config, weights=beside.lend if beside is not None else None)
        if config.adapter:
            self._served.use(adapter_files.inspect(Path(config.adapter)))
        self._thread = LoopThread("batching-engine")
        self._switch_lock = asyncio.Lock()
        atexit.register(self.close)
        try:
            self._thread.spawn(self._begin()).result(_STEP_SECONDS * 2)
            self._probe()
        except BaseException:
            self.close()
            raise

    async def _begin(self) -> None:
        self._manager = self._served.start_manager()
        self._tick()

    def _probe(self) -> None:
        """One short answer before customers come: what cannot run says so now, and the first one need not wait."""
        request = GenerationRequest(turns=(), question="Hello", passages=(), max_new_tokens=2)
        result = self.generate(request).result
        if result.finish_reason == "error":
            raise EngineUnavailable(result.error, lasting=False)

    # Called from any thread.
    @property
    def adapter(self) -> str:
        """Digest of the adapter that new answers use, "" for the base model."""
        files = self._served.adapter
        return files.digest if files else ""

    def generate(self, request: GenerationRequest) -> RunningGeneration:
        loaded = self._served.loaded
        stops = () if loaded.tokenizer.chat_template else FALLBACK_STOPS
        running = RunningGeneration(
            GenerationResult("", "error", self.name, model=loaded.name, adapter=self.adapter),
            pipe=TokenPipe(loaded.tokenizer, stops),
            on_cancel=partial(self._thread.post, self._cancelled),
            alive=lambda: self._thread.alive() and not self._closed,
        )
        room, answer = answer_room(self._served.wishes, self._served.plan, request.max_new_tokens)
        try:
            with self._rendering:
                prompt = render(request, loaded.tokenizer, budget=room)
        except PromptTooLong as error:
            running.finish("error", str(error))
            return running
        except Exception as error:  # a tokenizer or template that fails on this text ends this answer only
            logger.warning("A prompt could not be made.", exc_info=True)
            running.finish("error", f"The prompt could not be made: {type(error).__name__}.")
            return running
        running.update(prompt_digest=prompt.digest, prompt_tokens=len(prompt.token_ids))
        job = _Job(running, list(prompt.token_ids), answer)
        if self._closed or not self._thread.post(self._submitted, job):
            running.finish("error", "The engine is closed.")
        return running

    def activate(self, adapter: str) -> None:
        """Switch to the adapter in this folder ("" for the base model); returns when new answers use it.

        Raises EngineUnavailable; the adapter before it then stays.
        """
        files = adapter_files.inspect(Path(adapter)) if adapter else None
        if self._closed:
            raise EngineUnavailable("The engine is closed.")
        future = self._thread.spawn(self._switch(files))
        try:
            future.result(self._drain_seconds + 3 * _STEP_SECONDS)
        except FutureTimeout as error:
            raise EngineUnavailable("The engine did not change its adapter in time.", lasting=False) from error

    def lend(self) -> LoadedModel:
        """A bare model of its own over this engine's weights, which goes on answering. Raises EngineUnavailable."""
        if self._closed:
            raise EngineUnavailable("The engine is closed.", lasting=False)
        return borrowed(*self._thread.spawn(self._lent()).result(_STEP_SECONDS))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        done = threading.Event()
        if self._thread.post(self._shut_down, done):
            done.wait(10.0)
        self._thread.stop()

    # Called on the loop thread only.
    def _submitted(self, job: _Job) -> None:
        self._waiting.append(job)
        self._pump()

    def _pump(self) -> None:
        """Hand over as many waiting requests as fit, in their order."""
        if self._switching or self._closed or not self._waiting or not self._usable():
            return
        plan = self._served.plan
        while self._waiting and len(self._active) < self._batch:
            job = self._waiting[0]
            if job.running.ended:
                self._waiting.popleft()
                continue
            if job.tokens > plan.request_tokens:  # never hand this over: it would end the library's loop
                self._waiting.popleft()
                job.running.finish("error", "The question and its answer are longer than the engine's cache.")
                continue
            if self._pages + plan.pages_for(job.tokens) > plan.pages and self._active:
                return
            self._waiting.popleft()
            if not self._hand_over(job):
                self._waiting.appendleft(job)
                self._died()
                return

    def _hand_over(self, job: _Job) -> bool:
        self._counter += 1
        job.name, job.seen = f"{self._counter}", 0
        job.running.update(adapter=self.adapter)
        self._manager.register_result_handler(job.name, partial(self._on_output, job, job.name))
        ends = sorted(self._served.loaded.end_tokens)
        accepted = self._manager.add_request(
            job.prompt + job.written,
            request_id=job.name,
            max_new_tokens=job.left,
            streaming=True,
            eos_token_id=ends or -1,
        )
        if accepted is None:
            return False
        self._active[job.name] = job
        self._pages += self._served.plan.pages_for(job.tokens)
        return True

    def _release(self, job: _Job) -> None:
        if self._active.pop(job.name, None) is not None:
            self._pages -= self._served.plan.pages_for(job.tokens)

    def _on_output(self, job: _Job, name: str, output: Any) -> None:
        if self._active.get(name) is not job:
            if not output.is_finished() and self._manager is not None:
                self._manager.cancel_request(name)  # the first cancel came before the library knew the request
            return
        ends = self._served.loaded.end_tokens
        fresh = output.generated_tokens[job.seen :]
        job.seen = len(output.generated_tokens)
        job.written += fresh
        ended = bool(fresh) and fresh[-1] in ends
        text = fresh[:-1] if ended else fresh
        if text:
            job.running.push(text, tokens=len(text))
        if output.is_finished():
            self._release(job)
            if output.error is not None:
                job.running.finish("error", _sentence(output.error))
            else:
                job.running.finish("stop" if ended else "length")
            self._pump()

    def _cancelled(self, running: RunningGeneration) -> None:
        for job in list(self._active.values()):
            if job.running is running:
                self._withdraw(job)
        self._waiting = deque(job for job in self._waiting if job.running is not running)
        self._pump()

    def _withdraw(self, job: _Job) -> None:
        """Take a request back. The library sends no last word for it and keeps its handler, so both are our task."""
        self._release(job)
        manager, name = self._manager, job.name
        if manager is not None:
            manager.cancel_request(name)
            self._thread.loop.call_later(_GHOST_SECONDS, manager.output_router.result_handlers.pop, name, None)

    # Supervision.
    def _tick(self) -> None:
        if self._closed:
            return
        if self._manager is not None and not self._switching:
            if not self._manager.is_running():
                self._died()
            else:
                _forget_orphans(self._manager)
        self._pump()
        self._thread.loop.call_later(_TICK_SECONDS, self._tick)

    def _died(self) -> None:
        """The library's loop ended: its requests end with an error, the waiting ones get a new loop."""
        manager, self._manager = self._manager, None
        reason = str(manager.background_thread_status.fatal_error or "") if manager is not None else ""
        logger.error("The generation loop ended (%s); %d answers are lost.", reason or "unknown", len(self._active))
        for job in list(self._active.values()):
            self._release(job)
            job.running.finish("error", _sentence(reason))
        if manager is not None:
            stop_manager(manager, timeout=_STEP_SECONDS)
        self._pump()

    def _usable(self) -> bool:
        """Whether there is a manager; makes one unless the last try failed a moment ago. Waiting requests then fail."""
        if self._manager is not None:
            return True
        if time.monotonic() >= self._next_try:
            try:
                self._manager = self._served.start_manager()
                self._failures, self._broken = 0, ""
                return True
            except EngineUnavailable as error:
                self._failures += 1
                self._broken = str(error)
                self._next_try = time.monotonic() + backoff_seconds(self._failures)
                logger.error("The engine could not be started again: %s", error)
        while self._waiting:
            self._waiting.popleft().running.finish("error", self._broken)
        return False

    # Adapters.
    async def _lent(self) -> tuple[LoadedModel, Tensors]:
        return self._served.lent()  # here, so that no adapter goes in or out meanwhile

    async def _switch(self, files: AdapterFiles | None) -> None:
        async with self._switch_lock:
            if (files.digest if files else "") == self.adapter:
                return
            self._switching = True
            try:
                deadline = time.monotonic() + self._drain_seconds
                while self._active and time.monotonic() < deadline:
                    if self._manager is None or not self._manager.is_running():
                        break
                    await asyncio.sleep(0.01)
                self._stop_for_switch()
                self._served.use(files)
            finally:
                self._switching = False
                self._pump()

    def _stop_for_switch(self) -> None:
        """Nothing may compute while weights change. Answers that are still running are queued again, first in line."""
        carried = sorted(self._active.values(), key=lambda job: int(job.name))
        for job in carried:
            self._withdraw(job)
        for job in reversed(carried):
            if job.left <= 0:
                job.running.finish("length")
            elif not job.running.ended:
                self._waiting.appendleft(job)
        manager, self._manager = self._manager, None
        if manager is not None and not stop_manager(manager, timeout=_STEP_SECONDS):
            self._manager = manager
            raise EngineUnavailable("The engine is stuck in one step, so its adapter was not changed.", lasting=False)

    def _shut_down(self, done: threading.Event) -> None:
        try:
            for job in (*self._active.values(), *self._waiting):
                job.running.finish("error", "The engine is closed.")
            self._active.clear()
            self._waiting.clear()
            if self._manager is not None:
                stop_manager(self._manager, timeout=8.0)
                self._manager = None
        finally:
            done.set()


def _forget_orphans(manager: Any) -> None:
    """Throw away outputs of withdrawn requests, which nobody waits for any more."""
    while not manager.output_router.output_queue.empty():
        manager.get_result(timeout=0)


def _sentence(reason: str) -> str:
    if is_out_of_memory(reason):
        return "The model ran out of memory: lower GENERATOR_BATCH or GENERATOR_CONTEXT_TOKENS."
    return f"The model failed while it was answering ({reason.splitlines()[0][:200] if reason else 'no reason given'})."
