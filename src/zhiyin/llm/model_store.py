"""The models on this machine: a folder each, with the file, its hash, its licence and where it is from."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from functools import lru_cache
from pathlib import Path

import msgspec

from zhiyin.errors import ArtefactError, ConfigError, nearest
from zhiyin.llm.gguf_header import check_gguf
from zhiyin.llm.known_models import KNOWN
from zhiyin.llm.verdict import models_directory
from zhiyin.prepared import prepared

__all__ = [
    "Manifest",
    "check_model",
    "fingerprint",
    "found_model",
    "installed",
    "put_in_place",
    "remove_model",
    "sha256_of",
    "unpacked_folder",
]

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Manifest(msgspec.Struct, frozen=True):
    """What stands beside a model's file as `model.json`."""

    name: str
    file: str
    """In the same folder, or an absolute path elsewhere."""
    sha256: str
    size: int
    licence: str
    source: str
    attribution: str = ""
    modified_ns: int = 0
    """Of the file when its hash was taken."""
    at: float = 0.0
    """UTC seconds when it came."""

    def path(self, root: Path | None = None) -> Path:
        return (root or models_directory()) / self.name / self.file


def installed(root: Path | None = None) -> list[Manifest]:
    """By name; a folder without a readable manifest is none."""
    root = root or models_directory()
    found = [_manifest(folder) for folder in sorted(root.glob("*/"))] if root.is_dir() else []
    return [one for one in found if one is not None]


def found_model(path: str | Path) -> Path:
    """The file that a path or the name of an installed model stands for."""
    given = Path(path).expanduser()
    if given.is_file():
        return given
    name = str(path)
    if NAME.fullmatch(name):
        manifest = _manifest(models_directory() / name)
        if manifest is not None and manifest.path().is_file():
            return manifest.path()
        if name in KNOWN:
            raise ConfigError(f"the model {name!r} is not on this machine: zhiyin models add {name}")
    names = {*KNOWN, *(one.name for one in installed())}
    raise ConfigError(f"{name!r} is no file and no installed model: {nearest(name, names)}")


def fingerprint(path: Path) -> str:
    """16 hex digits of the file's SHA-256, taken once while its size and time stay."""
    facts = path.stat()
    manifest = _manifest(path.parent)
    if manifest is not None and manifest.path(path.parent.parent) == path:
        same = (manifest.size, manifest.modified_ns) == (facts.st_size, facts.st_mtime_ns)
        return manifest.sha256[:16] if same else _fingerprint(path, facts.st_size, facts.st_mtime_ns)
    return _fingerprint(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=32)
def _fingerprint(path: Path, _size: int, _modified_ns: int) -> str:
    return sha256_of(path)[:16]


def put_in_place(
    file: Path, *, name: str, sha256: str = "", licence: str, source: str, attribution: str = "",
    move: bool = False, root: Path | None = None,
) -> Manifest:  # fmt: skip
    """Checks a GGUF file and makes it the model `name`; what was there under this name is replaced.

    `move` takes the file itself; else it is linked where the disk can, or copied. The name of a known model
    is for its own file.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"a model's name is of a-z, 0-9, '.', '_' and '-', got {name!r}")
    check_gguf(file)
    found = sha256_of(file)
    if sha256 and found != sha256.lower():
        raise ArtefactError(f"{file} has SHA-256 {found}, expected {sha256}: it is not the file meant")
    if name in KNOWN and found != KNOWN[name].sha256:
        raise ConfigError(
            f"{name} is the name of a known model, and {file} is another: give it a name of its own"
        )
    root = root or models_directory()
    folder = root / name
    before = _manifest(folder)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file.name
    if target.resolve() != file.resolve():
        fresh = folder / f".{file.name}.new"
        _bring(file, fresh, move)
        os.replace(fresh, target)
    facts = target.stat()
    manifest = Manifest(
        name, file.name, found, facts.st_size, licence, source, attribution, facts.st_mtime_ns, time.time()
    )
    fresh = folder / ".model.json.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    os.replace(fresh, folder / "model.json")
    if before is not None and before.file != manifest.file:
        before.path(root).unlink(missing_ok=True)
    if before is not None and before.sha256 != found:
        _forget_unpacked(before.sha256, root)
    return manifest


def check_model(manifest: Manifest, root: Path | None = None) -> None:
    """Raises ArtefactError unless the file is the one that came."""
    path = manifest.path(root)
    if not path.is_file():
        raise ArtefactError(f"{path} is gone: zhiyin models add {manifest.name}")
    found = sha256_of(path)
    if found != manifest.sha256:
        raise ArtefactError(f"{path} has SHA-256 {found}, expected {manifest.sha256}: it was altered")


def remove_model(name: str, root: Path | None = None) -> int:
    """Deletes an installed model and what was unpacked of it; the bytes that it took."""
    root = root or models_directory()
    known = {one.name: one for one in installed(root)}
    if name not in known:
        raise ConfigError(f"there is no installed model {name!r}: {nearest(name, known)}")
    size = _deleted(root / name)
    return size + _forget_unpacked(known[name].sha256, root)


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _forget_unpacked(sha256: str, root: Path) -> int:
    """Deletes the weights that torch reads, unless another model has the same file."""
    folder = unpacked_folder(sha256[:16], root)
    shared = any(one.sha256 == sha256 for one in installed(root))
    return 0 if shared or not folder.is_dir() else _deleted(folder)


def unpacked_folder(print_: str, root: Path | None = None) -> Path:
    """Where the weights of a GGUF with this `fingerprint` are unpacked for torch."""
    return (root or models_directory()) / "unpacked" / print_


def _deleted(folder: Path) -> int:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder)
    return size


def _manifest(folder: Path) -> Manifest | None:
    try:
        found = msgspec.json.decode((folder / "model.json").read_bytes(), type=prepared(Manifest))
    except (OSError, msgspec.MsgspecError):
        return None
    safe = found.name == folder.name and Path(found.file).name == found.file
    return found if safe else None


def _bring(file: Path, target: Path, move: bool) -> None:
    target.unlink(missing_ok=True)
    if move:
        shutil.move(file, target)
        return
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
