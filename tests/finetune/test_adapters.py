"""Adapters: what may be in the folder, the registry, and which one is active."""

import json
import shutil
from pathlib import Path

import pytest

from finetune import adapter_files, adapters
from finetune.adapter_files import AdapterRefused
from finetune.models import Adapter


@pytest.fixture
def folder(adapter_a: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(adapter_a, tmp_path / "adapter"))


def test_a_sound_folder_gives_digest_base_and_targets(folder: Path) -> None:
    files = adapter_files.inspect(folder)
    assert len(files.digest) == 64
    assert files.rank == 4
    assert files.targets()["model.layers.0.self_attn.q_proj"] == (64, 64)
    assert adapter_files.inspect(folder).digest == files.digest


def test_the_digest_changes_with_one_byte_of_either_file(folder: Path) -> None:
    first = adapter_files.inspect(folder).digest
    config = folder / "adapter_config.json"
    config.write_text(config.read_text() + " ")
    second = adapter_files.inspect(folder).digest
    weights = folder / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert len({first, second, adapter_files.inspect(folder).digest}) == 3


@pytest.mark.parametrize("name", ["adapter_model.bin", "sub/optimizer.pt", "x.PKL", "code.py", "scheduler.pth"])
def test_anything_that_could_run_code_is_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    with pytest.raises(AdapterRefused, match="can run code"):
        adapter_files.inspect(folder)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("adapter_config.json", None, "has no adapter_config"),
        ("adapter_config.json", b"{", "cannot be read"),
        ("adapter_config.json", b"[]", "Only LoRA"),
        ("adapter_config.json", b'{"peft_type": "PROMPT_TUNING"}', "Only LoRA"),
        ("adapter_config.json", b" " * 2_000_000, "larger"),
        ("adapter_model.safetensors", None, "has no adapter_model"),
        ("adapter_model.safetensors", b"", "damaged"),
        ("adapter_model.safetensors", b"\xff" * 64, "damaged"),
        ("adapter_model.safetensors", (4).to_bytes(8, "little") + b"[17]", "damaged"),
        ("adapter_model.safetensors", (2).to_bytes(8, "little") + b"{}", "cut off or empty"),
    ],
)
def test_a_broken_folder_gets_a_reason(folder: Path, file: str, content: bytes | None, says: str) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(AdapterRefused, match=says):
        adapter_files.inspect(folder)


def test_weights_that_were_cut_off_are_refused(folder: Path) -> None:
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(AdapterRefused, match="cut off"):
        adapter_files.inspect(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterRefused, match="no adapter folder"):
        adapter_files.inspect(tmp_path / "none")


@pytest.mark.django_db
class TestRegistry:
    @pytest.fixture(autouse=True)
    def _own_folder(self, settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        settings.ADAPTER_DIR = tmp_path / "kept"

    def test_a_registered_adapter_is_a_copy_named_by_its_digest(self, folder: Path, tmp_path: Path) -> None:
        row = adapters.register(folder)
        assert Path(row.path) == tmp_path / "kept" / row.digest
        shutil.rmtree(folder)
        assert adapter_files.inspect(Path(row.path)).digest == row.digest
        assert [path.name for path in (tmp_path / "kept").iterdir()] == [row.digest]

    def test_the_same_adapter_twice_is_one_row(self, folder: Path) -> None:
        assert adapters.register(folder) == adapters.register(folder)
        assert Adapter.objects.count() == 1

    def test_one_is_active_at_a_time_and_the_base_model_is_the_way_back(self, folder: Path, adapter_b: Path) -> None:
        first, second = adapters.register(folder), adapters.register(adapter_b)
        assert adapters.active() is None
        for row in (first, second, first):
            adapters.activate(row.digest)
            assert adapters.active() == row
            assert adapters.wanted_folder() == row.path
            assert Adapter.objects.filter(active=True).count() == 1
        adapters.activate("")
        assert adapters.active() is None

    def test_an_unknown_digest_changes_nothing(self, folder: Path) -> None:
        row = adapters.register(folder)
        adapters.activate(row.digest)
        with pytest.raises(AdapterRefused, match="registered"):
            adapters.activate("f" * 64)
        assert adapters.active() == row

    def test_without_an_active_row_the_setting_counts(self, settings) -> None:  # type: ignore[no-untyped-def]
        settings.GENERATOR_ADAPTER = "/some/where"
        assert adapters.wanted_folder() == "/some/where"

    def test_a_refused_folder_leaves_no_row_and_no_copy(self, folder: Path, tmp_path: Path) -> None:
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "IA3"}))
        with pytest.raises(AdapterRefused):
            adapters.register(folder)
        assert Adapter.objects.count() == 0
        assert not (tmp_path / "kept").exists()
