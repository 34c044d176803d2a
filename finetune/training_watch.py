"""Looks on while the trainer works: writes progress, and ends it for a cancel, a stop, a lost worker or a broken loss.

HEAVY: imports transformers.
"""

import math
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from finetune import training_folder


class Watch(TrainerCallback):
    """`verdict` is set when the training must count as failed; `stopped` says why it ended early."""

    def __init__(self, folder: Path, *, whole: int) -> None:
        self.verdict = ""
        self.stopped = ""
        self.newest: dict[str, Any] = {}
        self._folder = folder
        self._whole = whole
        self._parent = os.getppid()
        self._told = threading.Event()
        self._last: tuple[float, float] | None = None
        self._begun: tuple[float, int] | None = None
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._told.set())

    def on_step_end(self, args: Any, state: Any, control: Any, **_more: Any) -> None:
        if training_folder.cancel_asked(self._folder):
            self.stopped = "cancel"
        elif self._told.is_set():
            self.stopped = "It was told to stop."
        elif os.getppid() != self._parent:
            self.stopped = "Its worker is gone."
        if self.stopped:
            control.should_training_stop = True
            control.should_save = self.stopped != "cancel"

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_more: Any) -> None:
        logs = logs or {}
        if not state.is_world_process_zero or not {"loss", "eval_loss"} & set(logs):
            return
        loss = logs.get("loss", logs.get("eval_loss"))
        if not isinstance(loss, int | float) or not math.isfinite(loss):
            self.verdict = (
                f"The loss became {loss} at step {state.global_step}: nothing can be learnt from there. Take a smaller "
                "learning rate, or look for broken examples in the dataset."
            )
            control.should_training_stop = True
            return
        self._tell(state, logs)

    def _tell(self, state: Any, logs: dict[str, Any]) -> None:
        whole = int(state.max_steps or self._whole)
        row: dict[str, Any] = {"step": int(state.global_step), "steps": whole, "at": round(time.time(), 1)}
        if "loss" in logs:
            row |= {"loss": round(float(logs["loss"]), 5), "learning_rate": logs.get("learning_rate")}
            row |= self._speed(state, logs, whole)
        if "eval_loss" in logs:
            row["held_out_loss"] = round(float(logs["eval_loss"]), 5)
        self.newest |= row
        training_folder.add_progress(self._folder, self.newest)

    def _speed(self, state: Any, logs: dict[str, Any], whole: int) -> dict[str, Any]:
        """Since the last log: tokens per second, and how long the rest takes at this pace."""
        now, tokens = time.monotonic(), float(logs.get("num_tokens", state.num_input_tokens_seen or 0))
        before, self._last = self._last, (now, tokens)
        begun = self._begun
        if begun is None:
            self._begun = (now, int(state.global_step))
            return {}
        done = state.global_step - begun[1]
        figures: dict[str, Any] = {}
        if done > 0:
            figures["eta_seconds"] = round((now - begun[0]) / done * max(0, whole - state.global_step), 1)
        if before is not None and now > before[0] and tokens > before[1]:
            figures["tokens_per_second"] = round((tokens - before[1]) / (now - before[0]), 1)
        return figures
