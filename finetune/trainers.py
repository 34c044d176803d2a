"""TRL's trainers with our settings and our token ids. HEAVY: imports trl.

The rows come tokenized by the one renderer (`finetune.training_rows`); the trainers' own ways of making prompts are
never used, because an answer would then be learnt after another prompt than the one it is served with.
"""

import os
from pathlib import Path
from typing import Any, Final

from torch.nn.functional import cross_entropy
from transformers.trainer_callback import PrinterCallback
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from finetune.base_model import LoadedModel, computes_bfloat16
from finetune.training_config import steps
from finetune.training_folder import TrainingOrder

IGNORED: Final = -100
"""The label of a token that is not learnt."""


class AnswersOnlyTrainer(SFTTrainer):
    """For one CPU: scores the answers alone, and attends without a mask where rows are padded on the right.

    Without Triton TRL scores every position of the prompt too, against the whole vocabulary, and gives it no weight; a
    mask makes the attention compute the half that causality hides anyway. The loss is the same to rounding.
    """

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if return_outputs or "attention_mask" not in inputs:  # packed rows have their bounds in position_ids
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        mask, following = inputs["attention_mask"], inputs["labels"][:, 1:]
        columns = (following != IGNORED).any(dim=0).nonzero().flatten()
        on_the_right = bool((mask.diff(dim=1) <= 0).all())
        logits = model(
            input_ids=inputs["input_ids"],
            attention_mask=None if on_the_right else mask,
            use_cache=False,
            logits_to_keep=columns,
        ).logits
        wanted = following[:, columns].flatten()
        total = cross_entropy(logits.flatten(0, 1).float(), wanted, ignore_index=IGNORED, reduction="sum")
        if model.training:
            self._total_train_tokens += int(mask.sum())
        self._metrics["train" if model.training else "eval"]["num_tokens"] = [self._total_train_tokens]
        count = (wanted != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        return total / max(1, int(count))


class TokenizedDPOTrainer(DPOTrainer):
    """Takes rows of prompt_ids, chosen_ids and rejected_ids as they are."""

    def _prepare_dataset(self, dataset: Any, *_args: Any, **_more: Any) -> Any:
        return dataset


def make(
    *, folder: Path, order: TrainingOrder, base: LoadedModel, lora: Any, rows: Any, held_out: Any, watch: Any
) -> Any:
    """A trainer ready to train. Raises ValueError for layers that the base does not have."""
    config = order.config
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    shared = _arguments(folder, order, base, len(rows), examines=held_out is not None)
    kind: Any
    if config.method == "dpo":
        kind = TokenizedDPOTrainer
        args: Any = DPOConfig(**shared, beta=config.beta)
    else:
        # A generated lesson is a fifth as long as a conversation: drawn together, half of a batch would be padding.
        kind = SFTTrainer if base.device.type == "cuda" else AnswersOnlyTrainer
        sampling = "random" if config.packing else "group_by_length"
        args = SFTConfig(**shared, packing=config.packing, eos_token=None, train_sampling_strategy=sampling)
    trainer = kind(
        model=base.model,
        args=args,
        train_dataset=rows,
        eval_dataset=held_out,
        processing_class=base.tokenizer,
        peft_config=lora,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(folder: Path, order: TrainingOrder, base: LoadedModel, rows: int, *, examines: bool) -> dict[str, Any]:
    config = order.config
    whole = steps(config, rows)
    cuda = base.device.type == "cuda"
    return {
        "output_dir": str(folder / "checkpoints"),
        "run_name": order.name or folder.name,
        "report_to": list(order.report_to),
        "num_train_epochs": config.epochs,
        "max_steps": config.max_steps or -1,
        "per_device_train_batch_size": config.batch,
        "per_device_eval_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": max(1, whole // 20),
        "max_grad_norm": 1.0,
        "max_length": min(config.max_tokens, base.positions),
        # Computing again what was not kept saves memory where it is scarce (GPU) and costs 20 % on a CPU (measured).
        "activation_checkpointing": cuda,
        "bf16": cuda or computes_bfloat16(base.device),
        "use_cpu": not cuda,
        "optim": "adamw_torch_fused" if cuda else "adamw_torch",
        "use_liger_kernel": cuda and _has_liger() and config.method == "sft",
        "logging_steps": max(1, min(10, whole // 20)),
        "logging_nan_inf_filter": False,
        "eval_strategy": "epoch" if examines else "no",
        "save_strategy": "steps",
        "save_steps": config.checkpoint_steps,
        "save_total_limit": 2,
        "seed": config.seed,
        "data_seed": config.seed,
        "dataloader_num_workers": 0,
        "disable_tqdm": True,
    }


def _has_liger() -> bool:
    import importlib.util

    return importlib.util.find_spec("liger_kernel") is not None
