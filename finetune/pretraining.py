"""Pre-trains a small causal language model from scratch, or goes on with one, on lessons and a company's own text.

HEAVY: imports torch and transformers. Stops at any moment and goes on from its last checkpoint with the same losses.
Writes one model folder (safetensors, bfloat16, tokenizer, report.json) at the very end, whole or not at all.
"""

from finetune import threads

threads.prepare_environment()

import json  # noqa: E402
import logging  # noqa: E402
import math  # noqa: E402
import shutil  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import asdict, dataclass, replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final  # noqa: E402

import torch  # noqa: E402
from torch.utils.data import Dataset, SequentialSampler  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback  # noqa: E402
from transformers.trainer_utils import get_last_checkpoint  # noqa: E402

from finetune import base_model  # noqa: E402
from finetune.starter import copying, growing, measuring  # noqa: E402
from finetune.starter.found import Reading  # noqa: E402
from finetune.starter.lessons import Course  # noqa: E402
from finetune.starter.packing import drawn, row, tokenize  # noqa: E402
from finetune.starter.vocabulary import grown  # noqa: E402

logger = logging.getLogger(__name__)

TEMPLATE: Final = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY: Final = 6144
"""Tokens of a new tokenizer."""
EVERYDAY_FROM: Final = 10_000
EVERYDAY_ROOM: Final = 3_000
"""Of a new vocabulary of EVERYDAY_FROM tokens or more: for everyday Chinese characters that its texts do not teach."""
LESSONS_BESIDE: Final = 1500
"""Lessons that a tokenizer reads beside documents: more would fill it with syllables of invented names."""
COMPILED_FROM: Final = 500
"""Steps from which compiling the layers, some ninety seconds, is worth it: a quarter more tokens a second on a CPU."""
ALIKE: Final = 128
"""Tensors of ever new sizes leave gaps in the memory, which grew by gigabytes in an hour."""
HELD_OUT: Final = 150
"""Conversations with companies that are never trained on, for the perplexity."""

Progress = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Pretraining:
    """What is trained. The defaults make a model of 7 million parameters; sizes are in tokens where they say so."""

    tokens: int = 10_000_000
    """Tokens to see, padding included."""
    length: int = 768
    """Tokens of a row; also the longest sequence seen."""
    batch: int = 8
    vocabulary: int = 0
    """0: as many tokens as the base has, or VOCABULARY for a model from nothing."""
    new_tokenizer: bool = False
    """Instead of the base's, which is else kept or given more tokens."""
    hidden: int = 256
    layers: int = 8
    heads: int = 4
    learning_rate: float = 1.5e-3
    seed: int = 0
    checkpoint_steps: int = 200
    bf16: bool = True
    """Where the processor computes with bfloat16; emulated, a step takes twenty times as long (measured with AVX2)."""

    @property
    def steps(self) -> int:
        return max(1, self.tokens // (self.length * self.batch))


def train_tokenizer(texts: Sequence[str], folder: Path, *, vocabulary: int) -> None:
    """A byte-level BPE that knows every text: digits one by one, so that numbers are copied and never guessed.

    Chinese characters stand one by one as well, and where there is room for it every everyday one is a token.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}|[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - (EVERYDAY_ROOM if vocabulary >= EVERYDAY_FROM else 0),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    if vocabulary >= EVERYDAY_FROM:
        core = Tokenizer.from_str(json.dumps(grown(json.loads(core.to_str()), texts, vocabulary)))
    made: Any = PreTrainedTokenizerFast
    tokenizer = made(
        tokenizer_object=core,
        eos_token="<|im_end|>",  # noqa: S106 - a mark, not a secret
        pad_token="<|endoftext|>",  # noqa: S106
        additional_special_tokens=["<|im_start|>"],
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)


def grow_tokenizer(before: Any, texts: Sequence[str], folder: Path, *, vocabulary: int) -> None:
    """The tokenizer `before` with more tokens and everything else as it was. Raises growing.CannotGrow."""
    before.save_pretrained(folder)
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise growing.CannotGrow("The base has no tokenizer.json, and only such a tokenizer can be given more tokens.")
    core = grown(json.loads(file.read_text(encoding="utf-8")), texts, vocabulary)
    file.write_text(json.dumps(core, ensure_ascii=False, indent=1), encoding="utf-8")


def new_model(config: Pretraining, tokenizer: Any) -> Any:
    torch.manual_seed(config.seed)
    shape = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden,
        intermediate_size=config.hidden * 3,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=max(1, config.heads // 2),
        head_dim=config.hidden // config.heads,
        max_position_embeddings=config.length,  # it has seen no longer ones
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(shape)
    copying.initialise(model, seed=config.seed)
    return model


class Rows(Dataset[dict[str, Any]]):
    """Rows of the course, made when asked for."""

    def __init__(
        self,
        config: Pretraining,
        tokenizer: Any,
        count: int,
        *,
        read: Reading | None = None,
        goes_on: bool = False,
        fresh: Sequence[int] = (),
    ) -> None:
        """`goes_on`: the model has had a course before. `fresh`: tokens that it has just been given."""
        self._config, self._tokenizer, self._count = config, tokenizer, count
        self._read, self._fresh = read, fresh
        self._course = Course.going_on(seed=config.seed) if goes_on else Course(seed=config.seed)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Any]:
        made = row(
            index,
            course=self._course,
            progress=index / self._count,
            tokenizer=self._tokenizer,
            length=self._config.length,
            read=self._read,
            fresh=self._fresh,
        )
        return {
            "input_ids": torch.tensor(made.ids),
            "weights": torch.tensor(drawn(made.weights, seed=f"{self._config.seed} row {index}")),
            "position_ids": torch.tensor(made.positions),
        }


class WeightedTrainer(Trainer):
    """Cross-entropy per token times its weight, rows in order."""

    def _get_train_sampler(self, *_args: Any) -> Any:
        rows: Any = self.train_dataset
        return SequentialSampler(rows)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, *_args: Any, **_more: Any) -> Any:
        ids, weights = inputs["input_ids"], inputs["weights"][:, 1:]
        counts = _counting(weights)  # what counts for nothing is not compared with all tokens
        # No attention mask: transformers keeps packed lessons apart by their positions.
        out = model(input_ids=ids, position_ids=inputs["position_ids"], use_cache=False, logits_to_keep=counts)
        logits = out.logits.reshape(-1, out.logits.shape[-1]).float()
        each = torch.nn.functional.cross_entropy(logits, ids[:, 1:][:, counts].reshape(-1), reduction="none")
        loss = (each * weights[:, counts].reshape(-1)).sum() / weights.sum().clamp(min=1.0)
        return (loss, out) if return_outputs else loss


def _counting(weights: torch.Tensor) -> torch.Tensor:
    """The places that weigh something in any row, filled up to a multiple of ALIKE."""
    counts = (weights > 0).any(0)
    counts[(~counts).nonzero().flatten()[: -int(counts.sum()) % ALIKE]] = True
    return counts.nonzero().flatten()


class _Tell(TrainerCallback):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs: dict[str, float] = kwargs.get("logs") or {}
        if "loss" in logs:
            self._progress({"step": state.global_step, "steps": state.max_steps, **logs})


def pretrain(
    out: Path,
    config: Pretraining,
    *,
    work: Path,
    base: str = "",
    documents: Sequence[str] = (),
    progress: Progress = lambda _logs: None,
) -> dict[str, Any]:
    """Train and write the model to `out`; `work` keeps checkpoints for going on. Returns the report.

    `base` is a folder to go on with instead of beginning from nothing; with fewer layers, tokens or places than
    `config` says it is grown. Raises FileExistsError when `out` is there, and growing.CannotGrow.
    """
    if out.exists():
        raise FileExistsError(f"{out} exists already: choose another folder, or remove it first.")
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads.model_threads())
    before = AutoTokenizer.from_pretrained(base) if base else None
    tokenizer = _tokenizer(work, config, before, documents)
    model = _going_on(base, config, before, tokenizer) if base else new_model(config, tokenizer)
    trainer = WeightedTrainer(
        model=model,
        args=_arguments(work, config),
        train_dataset=Rows(
            config,
            tokenizer,
            config.steps * config.batch,
            read=Reading.of_texts(documents) if documents else None,
            goes_on=bool(base),
            fresh=_fresh(before, tokenizer),
        ),
        callbacks=[_Tell(progress)],
    )
    if config.steps >= COMPILED_FROM and shutil.which("g++"):
        model.base_model.compile(dynamic=False)
    trainer.remove_callback(PrinterCallback)  # it prints to standard output, which belongs to the report
    last: Any = get_last_checkpoint
    trainer.train(resume_from_checkpoint=last(str(work)))
    report = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokens": config.steps * config.batch * config.length,
        "perplexity": perplexity(model, config, tokenizer),
        "config": asdict(replace(config, vocabulary=len(tokenizer))),
        "base": base,
    }
    _write(out, model, tokenizer, report)
    return report


def _going_on(base: str, config: Pretraining, before: Any, tokenizer: Any) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if config.new_tokenizer:
        model = growing.with_tokenizer(model, before, tokenizer, seed=config.seed)
    elif len(tokenizer) > len(before):
        model = growing.with_vocabulary(model, before, tokenizer, seed=config.seed)
    growing.with_positions(model, config.length)
    return growing.grown(model, config.layers) if config.layers > model.config.num_hidden_layers else model


def _tokenizer(work: Path, config: Pretraining, before: Any, documents: Sequence[str]) -> Any:
    """`before` is the base's, None for a model from nothing."""
    anew = before is None or config.new_tokenizer
    if not anew and config.vocabulary in (0, len(before)):
        return before
    folder = work / "tokenizer"
    if not folder.is_dir():
        from finetune.starter.reading import sample_text

        with tempfile.TemporaryDirectory(dir=work) as made:
            if anew:
                beside = sample_text(config.seed)[: LESSONS_BESIDE if documents else None]
                size = config.vocabulary or (len(before) if before is not None else VOCABULARY)
                train_tokenizer([*documents, *beside], Path(made) / "t", vocabulary=size)
            else:  # invented names would become tokens that no text has, so lessons are only read for want of others
                texts = documents or sample_text(config.seed)
                grow_tokenizer(before, texts, Path(made) / "t", vocabulary=config.vocabulary)
            (Path(made) / "t").rename(folder)
    return AutoTokenizer.from_pretrained(folder)


def _fresh(before: Any, tokenizer: Any) -> list[int]:
    """The tokens that the base does not know."""
    known: dict[str, int] = (before or tokenizer).get_vocab()
    return sorted(place for token, place in tokenizer.get_vocab().items() if token not in known)


def _arguments(work: Path, config: Pretraining) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(work),
        max_steps=config.steps,
        per_device_train_batch_size=config.batch,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, config.steps // 50),
        weight_decay=0.05,
        adam_beta2=0.95,
        max_grad_norm=1.0,
        bf16=config.bf16 and base_model.computes_bfloat16(base_model.choose_device("")),
        use_cpu=not torch.cuda.is_available(),
        logging_steps=max(1, min(20, config.steps // 10)),
        save_steps=config.checkpoint_steps,
        save_total_limit=2,
        seed=config.seed,
        report_to=[],
        remove_unused_columns=False,
        dataloader_num_workers=0,
        disable_tqdm=True,
    )


@torch.no_grad()
def perplexity(model: Any, config: Pretraining, tokenizer: Any) -> float | None:
    """Of the answers in conversations about companies that were never trained on; None where none of them fits."""
    model.eval()
    total = count = 0.0
    for test in measuring.held_out(HELD_OUT):
        ids, weights = tokenize(test, tokenizer, length=config.length)
        if not ids:
            continue
        taught = torch.tensor([ids])
        logits = model(input_ids=taught, use_cache=False).logits[0, :-1].float()
        each = torch.nn.functional.cross_entropy(logits, taught[0, 1:], reduction="none")
        answers = torch.tensor(weights[1:]) >= 1.0
        total += float(each[answers].sum())
        count += float(answers.sum())
    return round(math.exp(total / count), 4) if count else None


def _write(out: Path, model: Any, tokenizer: Any, report: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        model.to(torch.bfloat16).save_pretrained(made)
        tokenizer.save_pretrained(made)
        (made / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        made.rename(out)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
