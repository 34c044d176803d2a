"""Loading a model: what is chosen, and the sentence for everything that can be wrong."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from finetune import base_model, memory, threads
from finetune.base_model import LoadError, load
from tests.finetune import tiny_model


def test_a_folder_is_loaded_with_its_end_tokens_and_length(model_folder: Path) -> None:
    import torch

    loaded = load(str(model_folder), device="cpu", dtype="float32")
    assert loaded.dtype == torch.float32
    assert loaded.end_tokens == {2}
    assert loaded.positions == 4096
    assert not loaded.model.training


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(("avx2", "avx512_bf16"), "bfloat16"), (("amx_bf16",), "bfloat16"), (("avx2", "avx512f"), "float32")],
)
def test_a_cpu_computes_with_16_bits_only_when_its_hardware_does(flags: tuple[str, ...], expected: str) -> None:
    import torch

    chosen = base_model.choose_dtype("", torch.device("cpu"), cpu_flags=flags)
    assert str(chosen) == f"torch.{expected}"
    assert base_model.choose_dtype("float16", torch.device("cpu"), cpu_flags=flags) == torch.float16


@pytest.mark.parametrize(("flags", "native"), [(["avx2", "avx512_bf16"], True), (["avx2"], False), ([], False)])
def test_training_computes_with_bfloat16_only_where_the_processor_does(
    flags: list[str], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(base_model, "cpu_flags", lambda: frozenset(flags))
    assert base_model.computes_bfloat16(torch.device("cpu")) is native


def test_a_pickled_model_is_refused_without_being_opened(tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(LoadError, match="pickle"):
        load(str(folder))


def test_a_folder_with_remote_code_does_not_run_it(model_folder: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "remote"
    shutil.copytree(model_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "stranger", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nclass C: pass\nclass M: pass\n")
    with pytest.raises(LoadError, match="cannot be loaded"):
        load(str(folder))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no config.json"),
        ({"config.json": "{}"}, "no weights"),
        ({"config.json": "{}", "model.safetensors": "x"}, "cannot be loaded"),
        ({"config.json": "not json", "model.safetensors": "x"}, "cannot be loaded"),
    ],
)
def test_a_broken_folder_gets_a_sentence(tmp_path: Path, files: dict[str, str], says: str) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    with pytest.raises(LoadError, match=says) as caught:
        load(str(folder))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "set GENERATOR_MODEL"),
        ("/no/such/folder", "no folder"),
        ("./nothing/here", "no folder"),
        ("a b!", "neither a folder nor a hub name"),
    ],
)
def test_a_wrong_name_gets_a_sentence(name: str, says: str) -> None:
    with pytest.raises(LoadError, match=says):
        load(name)


def test_a_wrong_device_gets_a_sentence(model_folder: Path) -> None:
    import torch

    with pytest.raises(LoadError, match="no device"):
        load(str(model_folder), device="toaster")
    if not torch.cuda.is_available():
        with pytest.raises(LoadError, match="sees no GPU"):
            load(str(model_folder), device="cuda")


def test_weights_larger_than_the_memory_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "huge"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(8 * 1024**3)  # sparse: takes no room on the disk
    monkeypatch.setattr(base_model, "available_bytes", lambda _device: 4 * 1024**3)
    with pytest.raises(LoadError, match=r"needs about .* GiB .* 4.0 GiB are free") as caught:
        load(str(folder), device="cpu", dtype="bfloat16")
    assert not caught.value.lasting


def test_running_out_of_memory_while_loading_is_said_as_such(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_arguments: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(base_model, "_load", explode)
    with pytest.raises(LoadError, match="does not fit into the memory") as caught:
        load(str(model_folder), device="cpu")
    assert not caught.value.lasting


class Hub(BaseHTTPRequestHandler):
    """Enough of the hub for one small model: user/tiny."""

    folder: Path

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        names = [*(file.name for file in sorted(self.folder.iterdir())), "pytorch_model.bin"]
        if path.startswith("/api/models/user/tiny/tree/"):
            content = json.dumps([{"type": "file", "path": name, "size": 9, "oid": "b"} for name in names]).encode()
        elif path.startswith("/api/models/user/tiny"):
            files = [{"rfilename": name} for name in names]
            content = json.dumps({"id": "user/tiny", "sha": "a" * 40, "siblings": files}).encode()
        elif path.startswith("/user/tiny/resolve/"):
            content = (self.folder / path.rpartition("/")[2]).read_bytes()
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hash(path) & 0xFFFFFFFF:08x}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hub(model_folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ThisHub", (Hub,), {"folder": model_folder}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


LOAD = """
import sys
from finetune.base_model import LoadError, load
try:
    print("loaded", load(sys.argv[1], device="cpu").model.config.hidden_size)
except LoadError as error:
    print(error)
"""


def fetch(name: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0", **environment}
    return subprocess.run(
        [sys.executable, "-c", LOAD, name], env=env, capture_output=True, text=True, timeout=120, check=True
    )


def test_a_hub_name_is_downloaded_with_a_bar_on_stderr_and_without_its_pickle(hub: str, tmp_path: Path) -> None:
    run = fetch("user/tiny", tmp_path, HF_ENDPOINT=hub)
    assert run.stdout.strip() == "loaded 64"
    assert "%" in run.stderr
    assert not list(tmp_path.rglob("*.bin"))
    again = fetch("user/tiny", tmp_path, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert again.stdout.strip() == "loaded 64"


def test_an_unknown_model_no_network_and_offline_each_get_their_sentence(hub: str, tmp_path: Path) -> None:
    assert "knows no model user/other" in fetch("user/other", tmp_path, HF_ENDPOINT=hub).stdout
    gone = fetch("user/tiny", tmp_path, HF_ENDPOINT="http://127.0.0.1:9").stdout
    assert "out of reach" in gone
    assert "GENERATOR_MODEL" in gone
    assert "HF_HUB_OFFLINE is set" in fetch("user/tiny", tmp_path, HF_HUB_OFFLINE="1").stdout


def test_a_model_without_a_template_gets_the_fallback(tmp_path: Path) -> None:
    loaded = load(str(tiny_model.build_model(tmp_path / "plain", template=None)), device="cpu")
    assert loaded.tokenizer.chat_template is None
    assert loaded.end_tokens == {2}


def test_threads_leave_one_core_free_and_waiting_ones_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "usable_cores", lambda: 8)
    threads.prepare_environment()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"]) == (
        "7",
        "PASSIVE",
        "0",
    )
    monkeypatch.setattr(threads, "usable_cores", lambda: 1)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads.model_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads.model_threads() == 3


def test_free_memory_is_known_and_errors_about_it_are_recognised() -> None:
    free = memory.available_bytes()
    assert free is None or free > 0
    assert memory.is_out_of_memory(MemoryError())
    assert memory.is_out_of_memory("CUDA out of memory. Tried to allocate")
    assert not memory.is_out_of_memory(ValueError("wrong shape"))
