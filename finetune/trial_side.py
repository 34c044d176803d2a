"""The engine of a canary: loaded beside the one that serves, only while there is a canary, and dropped after.

Never in a customer's way: it loads in the background, and whoever cannot be answered here is answered by the active
side. An engine that is dropped first lets its running answers end. What keeps it from loading is told to `report`.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from finetune.engines.admission import backoff_seconds
from finetune.records import Engine, EngineConfig, EngineUnavailable, Generation, GenerationRequest
from finetune.trial import Trial, side

logger = logging.getLogger(__name__)

TrialState = Literal["idle", "loading", "ready", "failed"]
LoadBeside = Callable[[Engine, EngineConfig], Engine]
LEAST_BATCH: Final = 4
_LASTING_SECONDS: Final = 300.0
_LET_END_SECONDS: Final = 180.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True)
class TrialReport:
    """How a process stands to a trial. `problem` is a sentence, "" when all is well."""

    promotion_id: int
    state: TrialState
    problem: str = ""


def beside(config: EngineConfig, trial: Trial) -> EngineConfig:
    """The configuration of the second engine: room for its share of the answers, at least for a few."""
    batch = min(config.batch, max(LEAST_BATCH, math.ceil(config.batch * trial.share)))
    return replace(config, adapter=trial.folder, batch=batch)


class TrialSide:
    """Safe to use from any number of threads."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        load: LoadBeside,
        report: Callable[[TrialReport], None],
        look: Callable[[], None],
        look_seconds: float,
    ) -> None:
        """`look` is called every `look_seconds` while an engine is loaded, so that an idle process drops it too."""
        self._config = config
        self._load = load
        self._report = report
        self._look = look
        self._look_seconds = look_seconds
        self._lock = threading.Lock()
        self._trial: Trial | None = None
        self._engine: Engine | None = None
        self._running: list[Generation] = []
        self._state: TrialState = "idle"
        self._problem = ""
        self._failures = 0
        self._next_try = 0.0
        self._closed = False
        self._left = threading.Event()
        """Set when the present trial is over for this process."""

    @property
    def trial(self) -> Trial | None:
        return self._trial

    def status(self) -> TrialReport | None:
        trial = self._trial
        return TrialReport(trial.promotion_id, self._state, self._problem) if trial is not None else None

    def follow(self, wanted: Trial | None, serving: Engine) -> None:
        """Load or drop in the background, as `wanted` says. Costs nothing when nothing changed."""
        with self._lock:
            if self._closed:
                return
            if self._trial is not None and not _same(self._trial, wanted):
                self._drop()
            if wanted is None:
                return
            if self._trial is None:
                self._trial, self._left = wanted, threading.Event()
            if self._state in ("loading", "ready") or time.monotonic() < self._next_try:
                return
            self._state = "loading"
            arguments = (wanted, serving, self._left)
        threading.Thread(target=self._serve, args=arguments, name="canary", daemon=True).start()

    def generate(self, request: GenerationRequest) -> Generation | None:
        """The canary's answer, or None where the active side answers: not in the share, or not loaded."""
        trial = self._trial
        if trial is None or not side(key=request.key, promotion_id=trial.promotion_id, share=trial.share):
            return None
        with self._lock:
            if self._engine is None or self._trial is not trial:
                return None
            try:
                made = self._engine.generate(request)
            except Exception:
                logger.exception("The canary did not take a question; the active side answers it.")
                return None
            self._running = [one for one in self._running if not _ended(one)]
            self._running.append(made)
            return made

    def close(self) -> None:
        with self._lock:
            self._closed = True
            engine, self._engine, self._trial, self._state = self._engine, None, None, "idle"
            self._left.set()
        if engine is not None:
            engine.close()

    # On threads of its own.
    def _serve(self, trial: Trial, serving: Engine, left: threading.Event) -> None:
        """Load, then look from time to time whether it is still wanted."""
        if not self._load_once(trial, serving, left):
            return
        while not left.wait(self._look_seconds):
            self._look()

    def _load_once(self, trial: Trial, serving: Engine, left: threading.Event) -> bool:
        try:
            engine = self._load(serving, beside(self._config, trial))
        except Exception as error:  # noqa: BLE001 - whatever it is, customers are answered and the page says so
            self._failed(trial, error, left)
            return False
        with self._lock:
            wanted = not left.is_set() and not self._closed
            if wanted:
                self._engine, self._state, self._problem, self._failures = engine, "ready", "", 0
        if wanted:
            self._report(TrialReport(trial.promotion_id, "ready"))
        else:
            engine.close()
        return wanted

    def _failed(self, trial: Trial, error: Exception, left: threading.Event) -> None:
        known = isinstance(error, EngineUnavailable)
        lasting = isinstance(error, EngineUnavailable) and error.lasting
        logger.error("The canary is not served: %s", error, exc_info=not known)
        problem = str(error) if known else f"The canary failed to load ({type(error).__name__})."
        with self._lock:
            if left.is_set():
                return
            self._failures += 1
            self._state, self._problem = "failed", problem
            pause = _LASTING_SECONDS if lasting else backoff_seconds(self._failures + 1)
            self._next_try = time.monotonic() + pause
        self._report(TrialReport(trial.promotion_id, "failed", problem))

    def _drop(self) -> None:
        """New answers are the active side's from now on. The caller holds the lock."""
        engine, running = self._engine, self._running
        self._left.set()
        self._trial, self._engine, self._running = None, None, []
        self._state, self._problem, self._failures, self._next_try = "idle", "", 0, 0.0
        if engine is not None:
            threading.Thread(target=_let_end, args=(engine, running), name="canary-end", daemon=True).start()


def _same(known: Trial, wanted: Trial | None) -> bool:
    return wanted is not None and wanted.promotion_id == known.promotion_id


def _ended(generation: Generation) -> bool:
    return bool(getattr(generation, "ended", True))


def _let_end(engine: Engine, running: list[Generation]) -> None:
    """Close the engine when its last answer is written."""
    deadline = time.monotonic() + _LET_END_SECONDS
    while not all(_ended(one) for one in running) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    engine.close()
