"""The one engine of this process: loads what the settings ask for, and answers extractively until that works.

Light to import. A generator that cannot load is tried again with growing pauses, and the reason is kept for a status
page. A generation that fails before its first word is answered by the fallback. The engine follows the adapter that is
marked active in the database, and beside it the canary, which answers its share of the conversations (`trial_side`).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from django.conf import settings
from django.db import DatabaseError

from finetune.backing import ActiveSide, Backed
from finetune.engines import load_beside, load_engine
from finetune.engines.admission import backoff_seconds
from finetune.lost_connections import through_a_lost_connection
from finetune.records import (
    Engine,
    EngineConfig,
    EngineUnavailable,
    Generation,
    GenerationRequest,
)
from finetune.trial import Trial
from finetune.trial_side import LoadBeside, TrialReport, TrialSide

logger = logging.getLogger(__name__)

State = Literal["idle", "loading", "ready", "failed"]
LOAD_WAIT_SECONDS: Final = 10.0
"""How long a request waits for a load in progress before the fallback answers it."""
FOLLOW_SECONDS: Final = 2.0
_LASTING_SECONDS: Final = 300.0
SERVES_ADAPTERS: Final = ("transformers", "openai")


@dataclass(frozen=True)
class EngineStatus:
    """For a status page. Texts are sentences, "" when all is well; `retry_in` seconds until the next try to load."""

    configured: str
    model: str
    state: State
    problem: str = ""
    adapter: str = ""
    adapter_problem: str = ""
    retry_in: float = 0.0
    trial: TrialReport | None = None


def config_from_settings() -> EngineConfig:
    """GENERATOR, or what follows from the model and the server that are set; extractive when nothing is."""
    kind = settings.GENERATOR
    if not kind:
        kind = "openai" if settings.OPENAI_BASE_URL else "transformers" if settings.GENERATOR_MODEL else "extractive"
    return EngineConfig(
        kind=cast(Any, kind),  # settings hold it to the choices
        model=settings.GENERATOR_MODEL,
        adapter=settings.GENERATOR_ADAPTER,
        base_url=settings.OPENAI_BASE_URL,
        api_key=settings.OPENAI_API_KEY,
        context_tokens=settings.GENERATOR_CONTEXT_TOKENS,
        max_new_tokens=settings.GENERATOR_MAX_NEW_TOKENS,
        batch=settings.GENERATOR_BATCH,
        device=settings.GENERATOR_DEVICE,
        dtype=cast(Any, settings.GENERATOR_DTYPE),
        options=dict(settings.GENERATOR_OPTIONS),
    )


class ServingEngine:
    """An Engine that is always able to answer. Safe to use from any number of threads."""

    def __init__(
        self,
        config: EngineConfig,
        fallback: Engine,
        *,
        load: Callable[[EngineConfig], Engine] = load_engine,
        wanted_adapter: Callable[[], str] | None = None,
        wanted_trial: Callable[[], Trial | None] = lambda: None,
        load_beside: LoadBeside = load_beside,
        report: Callable[[TrialReport], None] = lambda _report: None,
    ) -> None:
        """`wanted_adapter` gives the folder to serve with; None leaves the adapter to `activate`."""
        self._config = config
        self._fallback = fallback
        self._load = load
        self._wanted = wanted_adapter if config.kind in SERVES_ADAPTERS else None
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._engine: Engine | None = None
        self._state: State = "idle"
        self._problem = ""
        self._failures = 0
        self._next_try = 0.0
        self._adapter = config.adapter
        self._adapter_problem = ""
        self._next_look = 0.0
        self._adapter_failures = 0
        self._switch: threading.Thread | None = None
        self._closed = False
        self._wanted_trial = wanted_trial
        self._load_beside = load_beside
        self._trial = TrialSide(
            config, load=load_beside, report=report, look=self._follow, look_seconds=max(0.05, FOLLOW_SECONDS)
        )

    @property
    def name(self) -> str:
        return self._engine.name if self._engine is not None else self._fallback.name

    def generate(self, request: GenerationRequest) -> Generation:
        engine = self._ready(LOAD_WAIT_SECONDS)
        if engine is None:
            return Backed(None, self._problem or "The model is still loading.", request, self._fallback)
        self._follow()
        tried = self._trial.generate(request)
        active = ActiveSide(engine, self._fallback)
        return active.generate(request) if tried is None else Backed(tried, "", request, active)

    def activate(self, adapter: str) -> None:
        """Switch now and wait for it; the database's row decides again at the next look. Raises EngineUnavailable."""
        engine = self._ready(LOAD_WAIT_SECONDS)
        if engine is None:
            raise EngineUnavailable(self._problem or "The model is still loading.", lasting=False)
        engine.activate(adapter)
        self._adapter = adapter

    @contextmanager
    def with_adapter(self, folder: str) -> Iterator[Engine]:
        """An engine with this adapter ("" for the base model) for one answer; customers are served as before.

        Raises EngineUnavailable.
        """
        engine = self._ready(LOAD_WAIT_SECONDS)
        if engine is None:
            raise EngineUnavailable(self._problem or "The model is still loading.", lasting=False)
        made = self._load_beside(engine, replace(self._config, adapter=folder, batch=1))
        try:
            yield made
        finally:
            made.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            engine, self._engine, self._state = self._engine, None, "idle"
        self._trial.close()
        if engine is not None:
            engine.close()
        self._fallback.close()

    def wait_until_settled(self, seconds: float) -> EngineStatus:
        """Start loading when nobody did, and wait until it worked or failed (for commands and warm-up)."""
        self._ready(seconds)
        return self.status()

    def status(self) -> EngineStatus:
        return EngineStatus(
            configured=self._config.kind,
            model=self._config.model,
            state=self._state,
            problem=self._problem,
            adapter=self._adapter,
            adapter_problem=self._adapter_problem,
            retry_in=max(0.0, self._next_try - time.monotonic()) if self._state == "failed" else 0.0,
            trial=self._trial.status(),
        )

    # Loading.
    def _ready(self, seconds: float) -> Engine | None:
        with self._lock:
            if self._engine is not None or self._closed:
                return self._engine
            if self._state != "loading" and time.monotonic() >= self._next_try:
                self._state = "loading"
                self._settled.clear()
                threading.Thread(target=self._load_once, name="engine-load", daemon=True).start()
            elif self._state == "failed":
                return None
        self._settled.wait(seconds)
        return self._engine

    def _load_once(self) -> None:
        try:
            engine = self._load(replace(self._config, adapter=""))
        except Exception as error:
            expected = isinstance(error, EngineUnavailable)
            lasting = isinstance(error, EngineUnavailable) and error.lasting
            logger.log(logging.ERROR, "The generator could not be loaded: %s", error, exc_info=not expected)
            with self._lock:
                self._failures += 1
                self._problem = str(error) if expected else f"The generator failed to load ({type(error).__name__})."
                self._next_try = time.monotonic() + (_LASTING_SECONDS if lasting else backoff_seconds(self._failures))
                self._state = "failed"
        else:
            self._adapter = ""
            self._change_adapter(engine, self._look() if self._wanted else self._config.adapter)
            with self._lock:
                self._failures, self._problem, self._state = 0, "", "ready"
                self._engine = None if self._closed else engine
            if self._closed:
                engine.close()
        finally:
            self._settled.set()

    # Adapters.
    def _look(self) -> str:
        try:
            return through_a_lost_connection(self._wanted) if self._wanted is not None else self._adapter
        except DatabaseError as error:
            logger.warning("The active adapter could not be read: %s", error)
            return self._adapter

    def _follow(self) -> None:
        """Look at most every FOLLOW_SECONDS whether another adapter or canary is wanted; change in the background."""
        if self._wanted is None:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._next_look or (self._switch is not None and self._switch.is_alive()):
                return
            self._next_look = now + FOLLOW_SECONDS
        wanted = self._look()
        engine = self._engine
        if engine is None:
            return
        self._trial.follow(self._look_for_trial(wanted), engine)
        if wanted == self._adapter:
            return
        self._switch = threading.Thread(
            target=self._change_adapter, args=(engine, wanted), name="adapter-switch", daemon=True
        )
        self._switch.start()

    def _look_for_trial(self, wanted_adapter: str) -> Trial | None:
        """A canary that was promoted keeps its conversations until the active side has its adapter too."""
        now = self._trial.trial
        try:
            wanted = through_a_lost_connection(self._wanted_trial)
        except DatabaseError as error:
            logger.warning("The canary could not be read: %s", error)
            return now
        promoted = wanted is None and now is not None and now.folder == wanted_adapter != self._adapter
        return now if promoted else wanted

    def _change_adapter(self, engine: Engine, wanted: str) -> None:
        if wanted == self._adapter:
            return
        try:
            engine.activate(wanted)
        except Exception as error:  # the engine keeps answering with what it has
            self._adapter_failures += 1
            known = isinstance(error, EngineUnavailable)
            self._adapter_problem = str(error) if known else f"The adapter failed to load ({type(error).__name__})."
            self._next_look = time.monotonic() + backoff_seconds(self._adapter_failures + 1)
            logger.error("The active adapter is not served: %s", error, exc_info=not known)
        else:
            self._adapter, self._adapter_problem, self._adapter_failures = wanted, "", 0


_serving: ServingEngine | None = None
_serving_lock = threading.Lock()


def get_engine(fallback: Engine | None = None) -> ServingEngine:
    """This process's engine; made at the first call (only then `fallback` counts), loaded at the first use."""
    global _serving
    with _serving_lock:
        if _serving is None:
            from finetune import adapters, promotion, trial_reports

            config = config_from_settings()
            floor = fallback if fallback is not None else load_engine(EngineConfig(kind="extractive"))
            load = (lambda _config: floor) if config.kind == "extractive" else load_engine
            _serving = ServingEngine(
                config,
                floor,
                load=load,
                wanted_adapter=adapters.wanted_folder,
                wanted_trial=promotion.wanted_trial,
                report=trial_reports.tell,
            )
        return _serving


def close_engine() -> None:
    """Give threads and memory back; the next `get_engine` reads the settings again."""
    global _serving
    with _serving_lock:
        serving, _serving = _serving, None
    if serving is not None:
        serving.close()
