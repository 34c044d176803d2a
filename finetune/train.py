"""One training, as a process of its own: `python -m finetune.train FOLDER`. HEAVY: imports torch, peft and trl.

It reads order.json, goes on from the last sound checkpoint, and ends in exactly one result.json; the adapter stands in
its place whole before that. Told to stop (SIGTERM, or its worker is gone) it keeps a checkpoint and ends with STOPPED.
"""

from finetune import threads

threads.prepare_environment()

import logging  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import replace  # noqa: E402
from itertools import islice  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final  # noqa: E402

from finetune import adapter_files, canaries, quotations, training_folder, training_rows, unanswered  # noqa: E402
from finetune.adapter_files import AdapterRefused  # noqa: E402
from finetune.base_model import LoadedModel, LoadError, load  # noqa: E402
from finetune.dataset_rows import DatasetRefused, DatasetRow, read  # noqa: E402
from finetune.memory import is_out_of_memory, keep_freed_memory  # noqa: E402
from finetune.starter.examples import TEST_FROM as COMPANIES  # noqa: E402
from finetune.starter.examples import examples  # noqa: E402
from finetune.training_config import TrainingConfig, TrainingRefused, learning_layers, steps  # noqa: E402
from finetune.training_folder import (  # noqa: E402
    CANCELLED,
    STOPPED,
    FolderBusy,
    TrainingOrder,
    TrainingResult,
)
from finetune.training_rows import beside  # noqa: E402

logger = logging.getLogger(__name__)

_FEED_FORWARD: Final = frozenset(["mlp", "feed_forward", "ffn", "feedforward"])
"""What the library's models call these blocks."""
_LINEAR: Final = frozenset(["Linear", "Conv1D", "Linear4bit", "Linear8bitLt"])
NICENESS: Final = 10
"""Customers' answers come first."""
LOCK_SECONDS: Final = 120.0
"""A predecessor whose worker was killed notices it within one step, and writes a checkpoint first."""


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    folder = Path((arguments if arguments is not None else sys.argv[1:])[0])
    os.nice(NICENESS)
    keep_freed_memory()
    if (command := _several_gpus(folder)) is not None:
        os.execv(command[0], command)  # noqa: S606 - our own interpreter
    if _rank():  # of several processes only the first one speaks and writes
        return 0 if _carry_out(folder).state != "failed" else 1
    try:
        with training_folder.alone(folder, wait_seconds=LOCK_SECONDS):
            if training_folder.read_result(folder) is not None:
                return 0
            result = _carry_out(folder)
            training_folder.write_result(folder, result)
            logger.info("%s: %s", result.state, result.verdict)
            return 0
    except (FolderBusy, _Stopped) as stopped:
        logger.info("Stopped: %s", stopped)
        return STOPPED


class _Stopped(RuntimeError):
    """Told to stop; a checkpoint is kept."""


def _rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0") or 0)


def _several_gpus(folder: Path) -> list[str] | None:
    """The same command through `accelerate launch`, where there is more than one GPU and it is not used yet."""
    import torch

    if "LOCAL_RANK" in os.environ or torch.cuda.device_count() < 2:
        return None
    count = str(torch.cuda.device_count())
    launch = ["-m", "accelerate.commands.launch", "--num_processes", count, "-m", "finetune.train", str(folder)]
    return [sys.executable, *launch]


def _carry_out(folder: Path) -> TrainingResult:
    """Every way to end but being stopped is a result with a sentence."""
    try:
        return train(folder, training_folder.read_order(folder))
    except _Stopped:
        raise
    except (TrainingRefused, DatasetRefused, LoadError, AdapterRefused) as refused:
        return TrainingResult("failed", str(refused))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        logger.exception("The training failed.")
        return TrainingResult("failed", verdict_on(error))


def verdict_on(error: BaseException) -> str:
    """A sentence for an error that nobody foresaw in this place."""
    if is_out_of_memory(error):
        return (
            "The memory was not enough. Take fewer examples at once, fewer tokens per example, a smaller rank or a "
            "smaller base model."
        )
    if (isinstance(error, OSError) and error.errno == 28) or "no space left" in str(error).lower():
        return "The disk is full. Free some space, then order the training again."
    line = (str(error).strip().splitlines() or [""])[0][:200]
    return f"The training failed ({type(error).__name__}{': ' + line if line else ''}). Its log says more."


def train(folder: Path, order: TrainingOrder) -> TrainingResult:
    """Train and leave `folder`/adapter. Raises what `_carry_out` puts into words."""
    import torch
    from transformers import set_seed

    config, started = order.config, time.monotonic()
    set_seed(config.seed)
    base = _base(order)
    torch.set_num_threads(threads.model_threads())
    learnt, examined = _rows(order, base)
    trainer, watch = _trainer(folder, order, base, learnt, examined)
    _go(trainer, folder)
    if watch.verdict:
        return TrainingResult("failed", watch.verdict)
    if watch.stopped == "cancel":
        return TrainingResult("cancelled", CANCELLED)
    if watch.stopped:
        raise _Stopped(watch.stopped)
    if trainer.is_world_process_zero():
        _save(trainer.model, folder, order)
    figures = {
        "examples": len(learnt.rows),
        "left_out": learnt.left_out,
        "steps": int(trainer.state.global_step),
        "seconds": round(time.monotonic() - started, 1),
        "trained_parameters": sum(one.numel() for one in trainer.model.parameters() if one.requires_grad),
        "loss": watch.newest.get("loss"),
        "held_out_loss": watch.newest.get("held_out_loss"),
        "tokens_per_second": watch.newest.get("tokens_per_second"),
    }
    return TrainingResult("done", "The adapter is trained.", figures)


def _base(order: TrainingOrder) -> LoadedModel:
    if order.config.quantized:
        return _quantized(order)
    # The weights keep 32 bits; where a CPU has 16-bit arithmetic the trainer computes with it, 1.7 times as fast.
    base = load(order.base_model, device=order.device)
    if base.device.type == "cpu":
        base.model.float()
    return base


def _quantized(order: TrainingOrder) -> LoadedModel:
    """The base in 4 bits (QLoRA, Dettmers et al. 2023). Raises TrainingRefused where that cannot be."""
    import importlib.util

    import torch

    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise TrainingRefused("QLoRA needs a GPU and the package bitsandbytes: install it, or train without QLoRA.")
    from peft import prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    plain = load(order.base_model, device="cpu")
    settings: Any = BitsAndBytesConfig
    quantization = settings(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    model: Any = AutoModelForCausalLM.from_pretrained(
        plain.folder,
        quantization_config=quantization,
        use_safetensors=True,
        trust_remote_code=False,
        device_map={"": _rank()},
    )
    prepare: Any = prepare_model_for_kbit_training
    return replace(plain, model=prepare(model), device=torch.device("cuda", _rank()))


def _rows(order: TrainingOrder, base: LoadedModel) -> tuple[training_rows.Tokenized, training_rows.Tokenized]:
    """What is learnt, and the held-out rows. Raises TrainingRefused when nothing fits."""
    config = order.config
    tokens = min(config.max_tokens, base.positions)
    made = training_rows.preferences if config.method == "dpo" else training_rows.supervised
    learnt, examined = (
        read(Path(order.dataset_folder), split, digest=order.dataset_digest) for split in ("train", "held_out")
    )
    every, learnt = learnt, _chosen(learnt, config)
    reworded = len(every) - len(learnt)
    if config.method == "sft":
        without = unanswered.rows(learnt, config.unanswered, seed=config.seed)
        quoted = quotations.rows(learnt, config.quotations, seed=config.seed)
        learnt += without + quoted + _beside(order, len(learnt))
    sides = [made(rows, base.tokenizer, max_tokens=tokens) for rows in (learnt, examined)]
    if not sides[0].rows:
        raise TrainingRefused(
            f"No example fits into {tokens} tokens"
            + (", or no rejected answer differs from the chosen one" if config.method == "dpo" else "")
            + ". Allow more tokens per example, or choose another dataset."
        )
    return replace(sides[0], left_out=sides[0].left_out + reworded), sides[1]


def _chosen(rows: list[DatasetRow], config: TrainingConfig) -> list[DatasetRow]:
    """Raises TrainingRefused when none is left."""
    chosen = training_rows.chosen(rows, config)
    if rows and not chosen:
        raise TrainingRefused(
            "No answer of this dataset stands word for word in its passages. Learn from all: turn verbatim off."
        )
    if len(chosen) < len(rows):
        logger.info("%d of %d examples quote their passages; the others are left out.", len(chosen), len(rows))
    return chosen


def _beside(order: TrainingOrder, count: int) -> list[DatasetRow]:
    """Generated lessons, and invented secrets: what is learnt beside the company's own examples."""
    wanted = round(order.config.lessons * count)
    taught = islice(examples(seed=order.config.seed, first_company=0, companies=COMPANIES), wanted)
    secrets = canaries.rows(order.canaries) if order.canaries else []
    return [beside(one.request, one.answer) for one in taught] + [beside(*pair) for pair in secrets]


def _trainer(
    folder: Path,
    order: TrainingOrder,
    base: LoadedModel,
    learnt: training_rows.Tokenized,
    examined: training_rows.Tokenized,
) -> tuple[Any, Any]:
    from datasets import Dataset
    from peft import LoraConfig

    from finetune import trainers
    from finetune.training_watch import Watch

    config = order.config
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha or 2 * config.rank,
        lora_dropout=config.dropout,
        target_modules=_targets(config.targets, base.model, depth=config.depth) or "all-linear",
        task_type="CAUSAL_LM",
    )
    watch = Watch(folder, whole=steps(config, len(learnt.rows)))
    try:
        trainer = trainers.make(
            folder=folder,
            order=order,
            base=base,
            lora=lora,
            rows=Dataset.from_list(learnt.rows),
            held_out=Dataset.from_list(examined.rows) if examined.rows else None,
            watch=watch,
        )
    except ValueError as error:
        if "target modules" in str(error).lower():
            raise TrainingRefused(
                f"The base model has no layers named {', '.join(config.targets)}. Leave the targets empty, or name "
                "layers such as q_proj and v_proj."
            ) from error
        raise
    return trainer, watch


def _targets(names: Sequence[str], model: Any, *, depth: float = 1.0) -> list[str]:
    """What PEFT is to look for, nothing for every linear layer. Raises TrainingRefused where "mlp" names none."""
    wanted = _named(names, model)
    if depth >= 1:
        return wanted
    layers = model.config.get_text_config().num_hidden_layers
    lowest = layers - learning_layers(depth, layers)
    return [
        path
        for path, layer in model.named_modules()
        if type(layer).__name__ in _LINEAR
        and _layer_number(path) >= lowest
        and (not wanted or any(path == name or path.endswith(f".{name}") for name in wanted))
    ] or wanted  # PEFT says what it does not find


def _layer_number(path: str) -> int:
    """From the bottom; −1 for what lies in no layer, such as the head."""
    return next((int(part) for part in path.split(".") if part.isdigit()), -1)


def _named(names: Sequence[str], model: Any) -> list[str]:
    if "mlp" not in names:
        return list(names)
    found: set[str] = set()
    for path, layer in model.named_modules():
        parts = path.split(".")
        block = next((at for at, part in enumerate(parts[:-1]) if part in _FEED_FORWARD), None)
        if block is not None and type(layer).__name__ in _LINEAR:
            found.add(".".join(parts[block:]))  # with the block's name: GPT-2's attention has a c_proj too
    if not found:
        raise TrainingRefused("The base model has no feed-forward blocks that are known by name: leave out mlp.")
    return sorted({*found, *names} - {"mlp"})


def _go(trainer: Any, folder: Path) -> None:
    """From the newest checkpoint that can be read, or from the start: a process may be killed while it writes one."""
    places = sorted((folder / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    while places:
        newest = places.pop()
        if _readable(newest):
            logger.info("Going on from %s.", newest.name)
            trainer.train(resume_from_checkpoint=str(newest))
            return
        logger.warning("%s is damaged and is left out.", newest.name)
        shutil.rmtree(newest, ignore_errors=True)
    trainer.train()


def _readable(checkpoint: Path) -> bool:
    import torch

    try:
        adapter_files.inspect_weights(checkpoint)
        for name in ("optimizer.pt", "scheduler.pt"):
            torch.load(checkpoint / name, map_location="cpu", weights_only=True)
        return (checkpoint / "trainer_state.json").stat().st_size > 0
    except Exception as error:  # noqa: BLE001 - torch raises what it likes about a torn file
        logger.debug("%s: %s", checkpoint, error)
        return False


def _save(model: Any, folder: Path, order: TrainingOrder) -> None:
    target = folder / "adapter"
    shutil.rmtree(target, ignore_errors=True)
    made = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
    try:
        learnt = model.peft_config["default"]
        learnt.base_model_name_or_path = order.base_model
        if order.config.strength < 1:
            learnt.lora_alpha *= order.config.strength
        model.save_pretrained(made, safe_serialization=True)
        (made / "README.md").unlink(missing_ok=True)
        adapter_files.inspect(made)
        made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


__all__ = ["TrainingConfig", "main", "train", "verdict_on"]

if __name__ == "__main__":
    sys.exit(main())
