"""A real training on a tiny model: what it leaves, that it goes on after a kill with the same result, how it fails."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune import adapter_files, dataset_rows, datasets, training_folder
from finetune.estimating import estimate
from finetune.models import Dataset
from finetune.train import _targets
from finetune.training_config import TrainingConfig, TrainingRefused
from finetune.training_folder import TrainingOrder
from tests.finetune.training_data import dataset, example

pytestmark = pytest.mark.django_db
CONFIG = TrainingConfig(rank=4, epochs=2, batch=6, checkpoint_steps=2, learning_rate=5e-3)
PATIENCE = 400  # the process gives way to everything else on the machine
Train = Callable[..., Path]


@pytest.fixture
def data() -> Dataset:
    return dataset()


@pytest.fixture
def train(data: Dataset, model_folder: Path, tmp_path: Path) -> Train:
    """Writes an order and runs it to its end, in a process of its own."""

    def run(name: str, config: TrainingConfig = CONFIG, *, start: bool = True, **more: Any) -> Path:
        folder = tmp_path / name
        order = TrainingOrder(str(model_folder), data.folder, data.digest, config, **more)
        training_folder.write_order(folder, order)
        if start:
            process = begin(folder)
            assert process.wait(PATIENCE) == 0, (folder / "log.txt").read_text()
        return folder

    return run


def begin(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "finetune.train", str(folder)], stdout=log, stderr=log)


def wait_for_step(folder: Path, step: int) -> None:
    until = time.monotonic() + PATIENCE
    while not any((folder / "checkpoints").glob(f"checkpoint-{step}/trainer_state.json")):
        assert time.monotonic() < until, (folder / "log.txt").read_text()
        time.sleep(0.02)


def test_a_training_leaves_a_sound_adapter_its_figures_and_event_files(train: Train, model_folder: Path) -> None:
    folder = train("a")
    result = training_folder.read_result(folder)
    assert result is not None and result.state == "done", result
    files = adapter_files.inspect(folder / "adapter")
    assert (files.rank, files.base_model) == (4, str(model_folder))
    assert len([path for path in files.targets() if "lm_head" not in path]) == 14  # seven linear layers in each of two
    assert sorted(path.name for path in (folder / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert list((folder / "tensorboard").glob("events.*"))
    first, last = training_folder.tail(folder / "progress.jsonl").splitlines()[0], training_folder.last_progress(folder)
    assert last["step"] == last["steps"] == result.figures["steps"]
    assert '"loss"' in first and last["held_out_loss"] > 0


def test_the_same_order_gives_the_same_adapter_even_after_a_kill_and_a_torn_checkpoint(train: Train) -> None:
    whole = train("whole")
    killed = train("killed", start=False)
    process = begin(killed)
    wait_for_step(killed, 4)
    process.kill()
    process.wait()
    assert training_folder.read_result(killed) is None and not (killed / "adapter").exists()
    newest = max((killed / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    torn = newest / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:100])
    assert begin(killed).wait(PATIENCE) == 0
    weights = [(folder / "adapter" / adapter_files.WEIGHTS).read_bytes() for folder in (whole, killed)]
    assert weights[0] == weights[1]


def test_only_the_feed_forward_blocks_learn_where_that_is_wanted(train: Train) -> None:
    folder = train("mlp", replace(CONFIG, max_steps=2, targets=("mlp",)))
    found = adapter_files.inspect(folder / "adapter").targets()
    assert {path.split(".")[-2] for path in found} == {"mlp"}
    assert len(found) == 6  # three in each of two layers


@pytest.mark.parametrize(("targets", "count"), [((), 7), (("mlp",), 3), (("q_proj",), 1)])
def test_only_the_upper_layers_learn_where_that_is_wanted(train: Train, targets: tuple[str, ...], count: int) -> None:
    folder = train("upper", replace(CONFIG, max_steps=2, depth=0.5, targets=targets))
    found = adapter_files.inspect(folder / "adapter").targets()
    assert {path.split(".layers.")[1].split(".")[0] for path in found} == {"1"}  # of two
    assert len(found) == count


def test_reworded_answers_are_left_out_where_that_is_wanted(data: Dataset, model_folder: Path, tmp_path: Path) -> None:
    quoting = {
        example(100 + number, answer=f"Sure! Item {100 + number} may be kept for {103 + number} days [1].").digest
        for number in range(12)
    }
    more = datasets.freeze(name="More", by="test")
    rows = dataset_rows.read(Path(more.folder), "train", digest=more.digest)
    wanted = {row.id for row in rows} & quoting
    config = replace(CONFIG, verbatim=True, lessons=0, unanswered=0, max_steps=1)
    assert estimate(dataset=more, base_model=str(model_folder), config=config).examples == len(wanted) < len(rows)
    folder = tmp_path / "quoting"
    training_folder.write_order(folder, TrainingOrder(str(model_folder), more.folder, more.digest, config))
    assert begin(folder).wait(PATIENCE) == 0
    result = training_folder.read_result(folder)
    assert result is not None and result.state == "done", result
    assert result.figures["examples"] == len(wanted)
    assert result.figures["left_out"] == len(rows) - len(wanted)


def test_a_block_is_found_by_its_name_and_another_layer_of_that_name_is_left_alone() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel, OPTConfig, OPTForCausalLM

    gpt2 = GPT2LMHeadModel(GPT2Config(n_embd=8, n_head=2, n_layer=2, vocab_size=16))
    assert _targets(["mlp", "c_attn"], gpt2) == ["c_attn", "mlp.c_fc", "mlp.c_proj"]
    assert _targets(["q_proj"], gpt2) == ["q_proj"] and _targets([], gpt2) == []
    small = OPTConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=1, vocab_size=16, ffn_dim=8)
    with pytest.raises(TrainingRefused, match="leave out mlp"):
        _targets(["mlp"], OPTForCausalLM(small))


def test_half_the_strength_is_half_the_way_from_the_base_to_what_was_learnt(train: Train, model_folder: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    short = replace(CONFIG, max_steps=2)

    def moved(folder: Path) -> list[Any]:
        base = AutoModelForCausalLM.from_pretrained(model_folder)
        before = {name: one.clone() for name, one in base.named_parameters()}
        merged = PeftModel.from_pretrained(base, folder / "adapter").merge_and_unload()
        return [one - before[name] for name, one in merged.named_parameters()]

    ways = zip(moved(train("whole", short)), moved(train("half", replace(short, strength=0.5))), strict=True)
    pairs = [(whole, half) for whole, half in ways if whole.abs().max() > 0]
    assert len(pairs) == 14
    assert all((half - 0.5 * whole).abs().max() < 1e-6 for whole, half in pairs)


def test_a_stop_keeps_a_checkpoint_and_a_cancel_leaves_nothing(train: Train) -> None:
    long = replace(CONFIG, epochs=100, checkpoint_steps=2)
    folder = train("stopped", long, start=False)
    process = begin(folder)
    wait_for_step(folder, 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == training_folder.STOPPED
    assert training_folder.read_result(folder) is None
    steps = {int(path.name.split("-")[1]) for path in (folder / "checkpoints").glob("checkpoint-*")}
    process = begin(folder)
    wait_for_step(folder, max(steps) // 2 * 2 + 2)
    training_folder.ask_to_cancel(folder)
    assert process.wait(PATIENCE) == 0
    result = training_folder.read_result(folder)
    assert result is not None and result.state == "cancelled"
    assert not (folder / "adapter").exists()


def test_a_process_whose_worker_was_killed_ends_by_itself_and_two_never_train_in_one_folder(train: Train) -> None:
    folder = train("orphan", replace(CONFIG, epochs=100, checkpoint_steps=2), start=False)
    code = f"import subprocess,sys,time; subprocess.Popen([sys.executable,'-m','finetune.train',{str(folder)!r}],"
    code += f"stdout=open({str(folder / 'log.txt')!r},'ab'),stderr=subprocess.STDOUT); time.sleep(600)"
    worker = subprocess.Popen([sys.executable, "-c", code])
    wait_for_step(folder, 2)
    with pytest.raises(training_folder.FolderBusy), training_folder.alone(folder):
        pass
    worker.kill()
    worker.wait()
    with training_folder.alone(folder, wait_seconds=PATIENCE):
        assert training_folder.read_result(folder) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"targets": ("nothing_such",)}, "no layers named nothing_such"),
        ({"max_tokens": 64}, "No example fits into 64 tokens"),
        ({"quantized": True}, "QLoRA needs a GPU"),
        ({"verbatim": True}, "turn verbatim off"),
    ],
)
def test_what_goes_wrong_ends_in_a_verdict_that_says_what_to_do(
    train: Train, change: dict[str, Any], says: str
) -> None:
    folder = train("bad", replace(CONFIG, **change))
    result = training_folder.read_result(folder)
    assert result is not None
    assert result.state == "failed" and says in result.verdict
    assert not (folder / "adapter").exists()


def test_a_loss_that_is_no_number_ends_the_training(train: Train, model_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = Path(shutil.copytree(model_folder, tmp_path / "broken"))
    weights = load_file(broken / "model.safetensors")
    name = next(one for one in weights if "mlp" in one)
    weights[name][:] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    folder = train("nan", start=False)
    order = training_folder.read_order(folder)
    training_folder.write_order(folder, replace(order, base_model=str(broken)))
    assert begin(folder).wait(PATIENCE) == 0
    result = training_folder.read_result(folder)
    assert result is not None and result.state == "failed"
    assert "nothing can be learnt" in result.verdict and not (folder / "adapter").exists()


def test_a_full_disk_and_lack_of_memory_are_named() -> None:
    from finetune.train import verdict_on

    assert "disk is full" in verdict_on(OSError(28, os.strerror(28)))
    assert "disk is full" in verdict_on(RuntimeError("PytorchStreamWriter failed: No space left on device"))
    assert "memory was not enough" in verdict_on(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert "ValueError: odd" in verdict_on(ValueError("odd"))


def test_preferences_are_learnt_by_dpo(model_folder: Path, tmp_path: Path) -> None:
    data = dataset(kind="preference")
    folder = tmp_path / "dpo"
    config = replace(CONFIG, method="dpo", max_steps=8)
    training_folder.write_order(folder, TrainingOrder(str(model_folder), data.folder, data.digest, config))
    assert begin(folder).wait(PATIENCE) == 0
    result = training_folder.read_result(folder)
    assert result is not None and result.state == "done", result
    assert result.figures["loss"] < 0.69  # log 2 is where it begins
    adapter_files.inspect(folder / "adapter")


def test_rows_of_like_length_share_a_batch(model_folder: Path, tmp_path: Path) -> None:
    from datasets import Dataset as Rows
    from peft import LoraConfig
    from transformers import TrainerCallback

    from finetune import trainers
    from finetune.base_model import load

    lengths = [20, 200] * 80
    trainer = trainers.make(
        folder=tmp_path,
        order=TrainingOrder(str(model_folder), "", "", replace(CONFIG, batch=4)),
        base=load(str(model_folder), device="cpu"),
        lora=LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"),
        rows=Rows.from_list([{"input_ids": [5] * length, "labels": [5] * length} for length in lengths]),
        held_out=None,
        watch=TrainerCallback(),
    )
    shown = [batch["input_ids"].numel() for batch in trainer.get_train_dataloader()]
    assert sum(shown) < 1.25 * sum(lengths)  # drawn by chance it is 1.7 times as many


def test_packed_rows_learn_without_seeing_each_other(train: Train) -> None:
    result = training_folder.read_result(train("packed", replace(CONFIG, packing=True, max_tokens=1024)))
    assert result is not None and result.state == "done", result
