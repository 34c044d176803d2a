"""What engines take and give: frozen, importable without torch.

An engine writes text from a conversation and passages. It does not search and does not know customers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

Role = Literal["customer", "agent"]
Rewrite = Literal["", "shorter", "friendlier", "translate"]
FinishReason = Literal["stop", "length", "cancelled", "error"]


@dataclass(frozen=True)
class Turn:
    role: Role
    text: str


@dataclass(frozen=True)
class ContextPassage:
    """A passage the answer may rest on. `number` is what the answer cites as [number], from 1."""

    number: int
    title: str
    heading: str
    text: str
    updated: str = ""


@dataclass(frozen=True)
class GenerationRequest:
    """`turns` ends with the customer's message; `question` is that message made self-contained."""

    turns: tuple[Turn, ...]
    question: str
    passages: tuple[ContextPassage, ...]
    language: str = "en"
    company: str = ""
    lookup: str = ""
    """Words of the question in the passages' language where that is another; only `extractive` reads it."""
    also: str = ""
    """What passages may call the things the question names; only `extractive` reads it."""
    wish: str = ""
    """What the agent who will check the answer asks for ("shorter"); part of the rules, never of the facts."""
    rewrite: Rewrite = ""
    """Not an answer but `question` in other words, in `language` for `translate`; turns and passages are left empty."""
    max_new_tokens: int = 320
    temperature: float = 0.0
    """Passed on by `openai`; the other engines always take the likeliest token (same question, same answer)."""
    request_id: str = ""
    key: str = ""
    """Opaque; requests with the same key are answered by the same side of a trial. Empty: by the active side."""
    prompt: int = 0
    """Generation of the prompt (`finetune.prompt.GENERATIONS`); 0 is the present one."""


@dataclass(frozen=True)
class GenerationResult:
    """How a generation ended. `text` is everything streamed. Seconds are since the request was submitted."""

    text: str
    finish_reason: FinishReason
    engine: str
    model: str = ""
    adapter: str = ""
    """Digest of the active adapter, empty for the base model."""
    prompt_digest: str = ""
    prompt_tokens: int = 0
    new_tokens: int = 0
    first_token_seconds: float = 0.0
    seconds: float = 0.0
    error: str = ""


class EngineUnavailable(RuntimeError):
    """An engine or an adapter cannot be used. The message is a sentence for people that says what to do.

    `lasting` is False where the same attempt may succeed later (memory, network).
    """

    def __init__(self, message: str, *, lasting: bool = True) -> None:
        super().__init__(message)
        self.lasting = lasting


class Generation(Protocol):
    """One running generation: iterate over the pieces of text, then read `result`.

    The iterator always ends: after cancel() with finish_reason "cancelled", after a failure with "error"
    (`result.error` says why); it raises nothing of the engine's own.
    """

    def __iter__(self) -> Iterator[str]: ...

    def cancel(self) -> None: ...

    @property
    def result(self) -> GenerationResult: ...


class Engine(Protocol):
    """A generator that is loaded once per process and serves many threads."""

    @property
    def name(self) -> str: ...

    def generate(self, request: GenerationRequest) -> Generation: ...

    def activate(self, adapter: str) -> None:
        """Switch to an adapter (a folder of safetensors, "" for the base model) without losing a running turn."""
        ...

    def close(self) -> None:
        """Stop threads and give memory back. The process must be able to end after this."""
        ...


@dataclass(frozen=True)
class EngineConfig:
    """What `finetune.engines.load_engine` needs; built from settings by the composition root."""

    kind: Literal["extractive", "transformers", "openai", "mock"] = "extractive"
    model: str = ""
    adapter: str = ""
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    context_tokens: int = 3072
    max_new_tokens: int = 320
    batch: int = 16
    device: str = ""
    """"" picks CUDA when there is one."""
    dtype: Literal["", "float32", "bfloat16", "float16"] = ""
    """"" picks by hardware (finetune.base_model)."""
    options: dict[str, float] = field(default_factory=dict)
    """Dials. mock: first_token_ms, token_ms, tokens, failure_rate. transformers: drain_seconds, cache_gib.
    openai: connect_seconds, first_token_seconds, stall_seconds, retries."""
