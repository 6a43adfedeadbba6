"""What `zhiyin models add` and `remove` do with options, names, cut files and what is unpacked."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from zhiyin.cli import main
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError, LlmError
from zhiyin.llm import GgufLanguageModel
from zhiyin.llm.gguf_header import check_gguf
from zhiyin.llm.known_models import KNOWN
from zhiyin.llm.model_store import fingerprint, installed, unpacked_folder
from zhiyin.llm.torch_weights import unpacked
from zhiyin.recommender import Recommender
from zhiyin.types import Interaction


def text(said: str) -> bytes:
    return struct.pack("<Q", len(said)) + said.encode()


def tensor(name: str, kind: int, offset: int, *dims: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def gguf(fill: int = 0) -> bytes:
    """Two tensors, F32 and Q4_0, behind values of many kinds."""
    values = [
        text("general.alignment") + struct.pack("<II", 4, 64),
        text("general.name") + struct.pack("<I", 8) + text("small"),
        text("words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b"),
        text("scores") + struct.pack("<IIQ2f", 9, 6, 2, 1.0, 2.0),
    ]
    tensors = [tensor("a", 0, 0, 8, 4), tensor("b", 2, 128, 64, 2)]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + b"".join(values + tensors)
    return head.ljust(-(-len(head) // 64) * 64, b"\0") + bytes([fill]) * (128 + 4 * 18)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ZHIYIN_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "My Great_Model.v1 (Q4).gguf"
    path.write_bytes(gguf())
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(["models", *arguments, "--json"])
    said = json.loads(capsys.readouterr().out)
    return said if ended.value.code == 0 else said["error"]["message"]


def added(capsys: pytest.CaptureFixture[str], file: Path, *more: str) -> Any:
    return run(capsys, "add", str(file), "--licence", "MIT", "--yes", *more)


def test_options_that_a_known_model_cannot_take_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(
        capsys, "add", "smollm2-135m", "--as", "other", "--licence", "GPL", "--sha256", "00", "--yes"
    )  # fmt: skip
    assert "leave out --as and --licence and --sha256" in said


def test_a_known_name_is_for_its_own_file(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert "is the name of a known model" in added(capsys, file, "--as", "smollm2-135m")
    hub = ("add", "hf:a/b/c.gguf", "--licence", "MIT", "--yes", "--as", "smollm2-135m")
    assert "is the name of a known model" in run(capsys, *hub)
    assert installed() == [] and "smollm2-135m" in KNOWN


def test_a_name_is_made_of_any_file_name(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert added(capsys, file)["name"] == "my-great_model.v1-q4"
    other = file.rename(file.with_name("模型.gguf"))
    assert "--as" in added(capsys, other)
    assert "no wheels" in added(capsys, other, "--as", "a", "--wheels", str(file.parent))


def test_another_file_under_a_name_leaves_nothing_of_the_first(
    capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path, own_folder: Path
) -> None:
    first = added(capsys, file, "--as", "mine")
    weights = unpacked_folder(first["sha256"][:16])
    weights.mkdir(parents=True)
    (weights / "config.json").write_bytes(b"{}" * 50)
    second = tmp_path / "second.gguf"
    second.write_bytes(gguf(fill=1))
    added(capsys, second, "--as", "mine")
    assert sorted(one.name for one in (own_folder / "mine").iterdir()) == ["model.json", "second.gguf"]
    assert not weights.exists()


def test_remove_takes_what_was_unpacked_unless_another_model_needs_it(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    made = added(capsys, file, "--as", "one")
    added(capsys, file, "--as", "two")
    weights = unpacked_folder(made["sha256"][:16])
    assert weights.name == fingerprint(file)
    weights.mkdir(parents=True)
    (weights / "config.json").write_bytes(b"{" + b" " * 10_000 + b"}")
    assert run(capsys, "remove", "one")["bytes"] < 10_000 and weights.exists()
    assert run(capsys, "remove", "two")["bytes"] > 10_000 and not weights.exists()


@pytest.mark.parametrize("kept", [4, 7, 24, 60, 150, 250, -1])
def test_a_cut_file_is_refused(capsys: pytest.CaptureFixture[str], file: Path, kept: int) -> None:
    file.write_bytes(gguf()[:kept])
    assert "is cut" in added(capsys, file)
    assert installed() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"GGUF" + struct.pack("<IQQ", 9, 1, 0), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "no tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0), "values"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<I", 77), "kind 77"),
        (b"<html>", "not a GGUF"),
    ],
)
def test_a_damaged_file_is_named(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ArtefactError, match=said):
        check_gguf(file)


def test_a_whole_file_passes_and_a_damaged_one_is_no_bug_of_zhiyin(file: Path) -> None:
    check_gguf(file)
    file.write_bytes(b"GGUF")
    pytest.importorskip("transformers")
    with pytest.raises(ArtefactError, match="is cut"):
        unpacked(file)
    pytest.importorskip("xllamacpp")
    with pytest.raises(LlmError, match="is cut"):
        GgufLanguageModel(path=file).choose(None, ["a"], timeout=5.0)  # type: ignore[arg-type]


def test_what_the_readers_of_torch_stumble_over_is_an_error_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")

    def stumble(*_: object, **__: object) -> None:
        raise struct.error("unpack_from requires a buffer")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", stumble)
    with pytest.raises(ArtefactError, match="cannot be unpacked"):
        unpacked(file)


@pytest.mark.parametrize("way", ["likelihood", "letters"])
def test_distil_names_a_cut_model_before_anything_is_fitted(
    way: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers" if way == "likelihood" else "xllamacpp")
    events = [Interaction(f"u{n}", f"i{n + step}", at=1e9 + step) for n in range(9) for step in range(3)]
    Dataset.of(events).save(tmp_path / "data")
    file.write_bytes(gguf()[:-1])
    monkeypatch.setattr(Recommender, "fit", lambda *_, **__: pytest.fail("fitted for nothing"))
    with pytest.raises(SystemExit) as ended:
        main(["distil", str(tmp_path), "--model", str(file), "--way", way])
    said = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 1 and "is cut: it has" in said and "ArtefactError" not in said
