"""An artefact comes back as it was, and anything else is refused by the file's name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from zhiyin import artefact as room
from zhiyin.artefact import read_artefact, write_artefact
from zhiyin.errors import ArtefactError

ARRAYS = "parts/retrievers.ease/arrays.safetensors"
STATE: dict[str, Any] = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous: easily scrambled
    "flag": np.array(True),
    "none": np.empty((0, 3), np.int32),
    "big": np.arange(3, dtype=">i8"),
    "trees": "tree\r\n知音\n",
}


def save(path: Path, *, mark: str = "first") -> str:
    return write_artefact(
        path,
        parts={"retrievers.ease": STATE, "ranker": {"text": "x"}},
        config="[retrievers.ease]\n",
        tables={"items": pl.DataFrame({"id": ["a", "b"], "title": ["甲", "乙"]})},
        info={"created_at": 0.0, "mark": mark},
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(tmp_path / "artefact")
    return tmp_path / "artefact"


def forge(path: Path, **changes: Any) -> None:
    """Changes the manifest and seals it again, as an attacker would."""
    manifest = room.msgspec.json.decode((path / "manifest.json").read_bytes(), type=room.Manifest)
    for name, value in changes.items():
        setattr(manifest, name, value)
    manifest.seal = manifest.sealed()
    (path / "manifest.json").write_bytes(room.msgspec.json.encode(manifest))


def replace_file(path: Path, name: str, content: bytes) -> None:
    """Changes a file and what the manifest says of it."""
    (path / name).write_bytes(content)
    files = room.msgspec.json.decode((path / "manifest.json").read_bytes(), type=room.Manifest).files
    forge(path, files={**files, name: room.FileEntry(len(content), room._sha256(content))})


def test_everything_comes_back(saved: Path) -> None:
    found = read_artefact(saved)
    state = found.parts["retrievers.ease"]
    for key in ("weights", "flag", "none", "big"):
        np.testing.assert_array_equal(state[key], STATE[key])
        assert np.shape(state[key]) == np.shape(STATE[key])
    assert state["weights"].dtype == np.float32  # type: ignore[union-attr]
    assert state["trees"] == STATE["trees"]
    assert state["weights"].flags.writeable  # type: ignore[union-attr]  # parts go on learning in place
    assert found.config == "[retrievers.ease]\n"
    assert found.tables["items"]["title"].to_list() == ["甲", "乙"]
    assert found.info["mark"] == "first"


def test_the_version_names_the_content(tmp_path: Path) -> None:
    first, again, other = save(tmp_path / "a"), save(tmp_path / "b"), save(tmp_path / "c", mark="second")
    assert first == again == read_artefact(tmp_path / "a").version
    assert other != first


def test_replacing_leaves_nothing_beside_it(saved: Path) -> None:
    save(saved, mark="second")
    assert read_artefact(saved).info["mark"] == "second"
    assert [entry.name for entry in saved.parent.iterdir()] == ["artefact"]


@pytest.mark.parametrize("moment", ["_write", "_sync", "_swap"])
def test_a_failure_while_writing_leaves_the_old_one(
    saved: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(room, moment, fail)
        with pytest.raises(KeyboardInterrupt):
            save(saved, mark="second")
    assert read_artefact(saved).info["mark"] == "first"
    assert [entry.name for entry in saved.parent.iterdir()] == ["artefact"]


def test_a_kill_between_the_two_renames_leaves_the_old_one(saved: Path) -> None:
    saved.rename(room._previous(saved))
    assert read_artefact(saved).info["mark"] == "first"
    save(saved, mark="second")
    assert read_artefact(saved).info["mark"] == "second"


def test_other_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letters.txt").write_text("dear")
    with pytest.raises(ArtefactError, match="Name another place"):
        save(tmp_path / "home")
    assert (tmp_path / "home" / "letters.txt").read_text() == "dear"


@pytest.mark.parametrize("name", ["config.toml", ARRAYS, "tables/items.parquet", "parts/ranker/text.txt"])
@pytest.mark.parametrize("damage", ["cut", "altered", "missing", "link"])
def test_damage_is_refused_by_name(saved: Path, name: str, damage: str) -> None:
    file = saved / name
    content = bytearray(file.read_bytes())
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "altered":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "link":
        shutil.copyfile(saved / "manifest.json", saved.parent / "elsewhere")
        file.symlink_to(saved.parent / "elsewhere")
    with pytest.raises(ArtefactError, match=file.name):
        read_artefact(saved)


def test_a_file_too_many_is_refused(saved: Path) -> None:
    (saved / "parts" / "extra.py").write_text("import os")
    with pytest.raises(ArtefactError, match=r"extra\.py"):
        read_artefact(saved)


def test_a_linked_folder_is_refused(saved: Path) -> None:
    (saved / "parts" / "ranker").rename(saved.parent / "elsewhere")
    (saved / "parts" / "ranker").symlink_to(saved.parent / "elsewhere")
    with pytest.raises(ArtefactError, match="ranker"):
        read_artefact(saved)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_refused_and_does_not_block(saved: Path) -> None:
    os.mkfifo(saved / "parts" / "pipe")
    with pytest.raises(ArtefactError, match="pipe"):
        read_artefact(saved)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../secret", "parts//x", ".hidden", "a\\b"]
)
def test_a_path_out_of_the_folder_is_refused(saved: Path, name: str) -> None:
    forge(saved, files={name: room.FileEntry(0, room._sha256(b""))})
    with pytest.raises(ArtefactError, match="names inside"):
        read_artefact(saved)


def test_an_altered_manifest_is_refused(saved: Path) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["info"]["mark"] = "forged"
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="seal"):
        read_artefact(saved)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 2}', '{"format": 99}', "[" * 100_000])
def test_a_wrong_manifest_is_refused(saved: Path, content: str) -> None:
    (saved / "manifest.json").write_text(content)
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        read_artefact(saved)


def test_forged_headers_do_not_fill_the_memory(saved: Path) -> None:
    replace_file(saved, ARRAYS, (1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(ArtefactError, match=r"arrays\.safetensors.*header"):
        read_artefact(saved)
    with (saved / "manifest.json").open("r+b") as file:
        file.truncate(room.MAX_HEADER + 1)
    with pytest.raises(ArtefactError, match=r"manifest\.json.*bytes"):
        read_artefact(saved)


@pytest.mark.parametrize(
    ("name", "content"),
    [(ARRAYS, b"\x02\0\0\0\0\0\0\0[]"), ("tables/items.parquet", b"PAR1PAR1"), ("config.toml", b"\xff")],
)
def test_content_of_the_wrong_kind_is_refused(saved: Path, name: str, content: bytes) -> None:
    replace_file(saved, name, content)
    with pytest.raises(ArtefactError, match=Path(name).name):
        read_artefact(saved)


def test_what_cannot_be_kept_is_refused_when_written(tmp_path: Path) -> None:
    for state in ({"a": np.array(["x"])}, {"a": np.array([None])}, {"../a": "text"}):
        with pytest.raises(ArtefactError):
            write_artefact(tmp_path / "a", parts={"p": state}, config="", tables={}, info={})
        assert list(tmp_path.iterdir()) == []
