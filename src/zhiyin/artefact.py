"""What was learnt, as a directory that can be checked before it is believed.

    manifest.json                      every other file with its size and SHA-256, and a seal over itself
    config.toml                        the parts and their options
    parts/<part>/arrays.safetensors    what a part has learnt: arrays
    parts/<part>/<key>.txt             what a part has learnt: text, for instance trees
    tables/<table>.parquet             catalogue, users, log; `removed`: items that must not be proposed

Nothing in it is code, and nothing is parsed before its hash was compared. The hashes find damage and
accidents; who can rewrite a whole artefact can also rewrite its manifest, so load only what you trust.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from zhiyin.contracts import State
from zhiyin.errors import ArtefactError, shorten
from zhiyin.prepared import prepared

__all__ = ["FORMAT", "Artefact", "read_artefact", "write_artefact"]

FORMAT = 3
MANIFEST, CONFIG, ARRAYS = "manifest.json", "config.toml", "arrays.safetensors"
MAX_HEADER = 16 << 20
"""Bytes that a manifest or the header of an array file may have: a forged length must not fill the memory."""
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class FileEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Size in bytes and hash of one file."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """The content of `manifest.json`."""

    format: int
    zhiyin: str
    config: str
    """SHA-256 of config.toml: two artefacts with one config differ only in what they learnt."""
    files: dict[str, FileEntry]
    info: dict[str, Any]
    seal: str = ""
    """SHA-256 of this manifest with an empty seal."""

    def sealed(self) -> str:
        return _sha256(msgspec.json.encode(msgspec.structs.replace(self, seal=""), order="deterministic"))


@dataclass(frozen=True, slots=True)
class Artefact:
    """A directory whose every file was checked."""

    parts: Mapping[str, State]
    config: str
    tables: Mapping[str, pl.DataFrame]
    info: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    """The first 12 characters of the seal: any change gives another one."""
    zhiyin: str = ""
    """Version of the package that wrote it."""


def write_artefact(
    path: str | Path,
    *,
    parts: Mapping[str, State],
    config: str,
    tables: Mapping[str, pl.DataFrame],
    info: Mapping[str, Any],
) -> str:
    """Returns the version. Writes beside `path`, then renames: a kill leaves the old one or the new one.

    `info` is any JSON content, for instance when and from what it was made.
    """
    path = Path(path)
    _refuse_to_replace(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.writing-", dir=path.parent))
    try:
        files = {name: _write(fresh / name, content) for name, content in _contents(parts, config, tables)}
        manifest = Manifest(FORMAT, version("zhiyin"), files[CONFIG].sha256, files, dict(info))
        manifest.seal = manifest.sealed()
        _write(fresh / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        for folder in (fresh, *(place for place in fresh.rglob("*") if place.is_dir())):
            _sync(folder)
        fresh.chmod(0o755)
        _swap(fresh, path)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return manifest.seal[:12]


def read_artefact(path: str | Path, *, without_rows: Sequence[str] = ()) -> Artefact:
    """Every file is compared with the manifest, then parsed from the very bytes that were compared.

    One file after the other, so that the memory needed is that of the content and one file. The tables
    `without_rows` are checked too, but come back empty.
    """
    path = Path(path)
    while True:
        place, before = _place(path)
        try:
            return _read(place, without_rows)
        except (OSError, ArtefactError) as error:
            if _place(path) == (place, before):  # nobody replaced it meanwhile: it is really broken
                if isinstance(error, OSError):
                    raise _broken(place, f"expected readable files: {error}") from error
                raise


def _place(path: Path) -> tuple[Path, int]:
    """Where to read, and which folder stood there: a writer may be between its two changes of name."""
    place = path if path.exists() or not _previous(path).is_dir() else _previous(path)
    return place, place.stat().st_ino if place.exists() else 0


def _read(path: Path, without_rows: Sequence[str]) -> Artefact:
    manifest = _read_manifest(path)
    names, config = _listed(path, manifest), ""
    if CONFIG not in names:
        raise _broken(path / CONFIG, "expected the options of every part, there is no such file")
    parts: dict[str, State] = {}
    tables: dict[str, pl.DataFrame] = {}
    for name in names:
        content = _read_file(path, name, manifest.files[name])
        match PurePosixPath(name).parts:
            case ("parts", part, "arrays.safetensors"):
                parts.setdefault(part, {}).update(_parse_arrays(path / name, content))
            case ("parts", part, file) if file.endswith(".txt"):
                parts.setdefault(part, {})[file.removesuffix(".txt")] = _parse_text(path / name, content)
            case ("tables", file) if file.endswith(".parquet"):
                table = file.removesuffix(".parquet")
                n_rows = 0 if table in without_rows else None
                tables[table] = _parse_table(path / name, content, n_rows)
            case ("config.toml",):
                config = _parse_text(path / name, content)
            case _:
                raise _broken(path / name, f"expected a part, a table or {CONFIG} here")
    return Artefact(parts, config, tables, manifest.info, manifest.seal[:12], manifest.zhiyin)


# -- writing ---------------------------------------------------------------------------------------


def _contents(
    parts: Mapping[str, State], config: str, tables: Mapping[str, pl.DataFrame]
) -> Iterator[tuple[str, bytes]]:
    yield CONFIG, config.encode()
    for part, state in parts.items():
        folder = f"parts/{_safe(part, 'part')}"
        yield f"{folder}/{ARRAYS}", save_arrays(_arrays(part, state))
        for key, value in state.items():
            if isinstance(value, str):
                yield f"{folder}/{_safe(key, 'text')}.txt", value.encode()
    for table, frame in tables.items():
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        yield f"tables/{_safe(table, 'table')}.parquet", buffer.getvalue()


def _arrays(part: str, state: State) -> dict[str, NDArray[np.generic]]:
    """The arrays as safetensors wants them: contiguous and in this machine's byte order."""
    arrays = {}
    for key, value in state.items():
        if isinstance(value, str):
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ArtefactError(
                f"part {part!r}, {key!r}: expected an array of numbers or a string, got dtype {array.dtype}. "
                "Keep words as one string, for instance JSON"
            )
        arrays[key] = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    return arrays


def _safe(name: str, what: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise ArtefactError(f"a {what} names a file: expected letters, digits, '_', '-', '.', got {name!r}")
    return name


def _write(file: Path, content: bytes) -> FileEntry:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("xb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    return FileEntry(len(content), _sha256(content))


def _sync(folder: Path) -> None:
    """Makes the names in a folder durable, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _refuse_to_replace(path: Path) -> None:
    """Only an artefact or an empty folder may be replaced: a slip must not delete a home."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise ArtefactError(
            f"{path}: expected a folder or nothing there, found a file or a link. Name another place"
        )
    if path.is_dir() and any(path.iterdir()) and not (path / MANIFEST).is_file():
        raise ArtefactError(
            f"{path}: expected an artefact or nothing, found a folder with other files. Name another place"
        )


def _previous(path: Path) -> Path:
    return path.parent / f".{path.name}.previous"


def _swap(fresh: Path, path: Path) -> None:
    """Two changes of name; between them the old artefact stands beside `path`, where reading looks for it."""
    previous = _previous(path)
    if path.exists():
        shutil.rmtree(previous, ignore_errors=True)
        path.rename(previous)
    fresh.rename(path)
    _sync(path.parent)
    shutil.rmtree(previous, ignore_errors=True)


# -- reading ---------------------------------------------------------------------------------------


def _read_manifest(path: Path) -> Manifest:
    file = path / MANIFEST
    if not path.is_dir():
        raise ArtefactError(
            f"{path}: expected an artefact, there is no such folder. Make one with `zhiyin fit`"
        )
    if file.is_symlink() or not file.is_file():
        raise _broken(file, "expected the manifest of an artefact, there is no such file")
    if file.stat().st_size > MAX_HEADER:
        raise _broken(file, f"expected at most {MAX_HEADER} bytes, got {file.stat().st_size}")
    content = file.read_bytes()
    try:
        found = msgspec.json.decode(content)
        version = found.get("format") if isinstance(found, dict) else None
        if version != FORMAT:
            raise ArtefactError(
                f"{file}: expected format {FORMAT}, got {shorten(repr(version))}. "
                "Fit and save again with this version of zhiyin, or install the one that wrote it"
            )
        manifest = msgspec.convert(found, prepared(Manifest))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(file, f"expected a manifest in JSON: {shorten(str(error))}") from error
    if manifest.seal != manifest.sealed():
        raise _broken(file, "it was altered after it was written, its seal does not fit")
    return manifest


def _listed(path: Path, manifest: Manifest) -> tuple[str, ...]:
    """The names in the manifest, once it is sure that exactly these files are there."""
    for name in manifest.files:
        pieces = name.split("/")
        if not all(SAFE_NAME.fullmatch(piece) for piece in pieces) or name == MANIFEST:
            raise ArtefactError(
                f"{path / MANIFEST}: expected names inside the artefact, got {shorten(repr(name))}"
            )
    there = set(_files(path, path))
    for name in sorted(manifest.files.keys() - there):
        raise _broken(path / name, "the manifest names this file, it is missing")
    for name in sorted(there - manifest.files.keys()):
        raise _broken(path / name, "the manifest does not name this file, take it away")
    return tuple(manifest.files)


def _files(path: Path, folder: Path) -> Iterator[str]:
    """Every file below `folder` but the manifest, relative to `path`; links and devices are refused."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(path, Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                raise _broken(entry.path, "expected a plain file, found a link or a device")
            elif Path(entry.path) != path / MANIFEST:
                yield Path(entry.path).relative_to(path).as_posix()


def _read_file(path: Path, name: str, entry: FileEntry) -> bytes:
    file = path / name
    size = file.stat().st_size
    if size != entry.size:
        raise _broken(file, f"expected {entry.size} bytes, got {size}: it was cut or altered")
    content = file.read_bytes()
    if _sha256(content) != entry.sha256:
        raise _broken(file, "its SHA-256 is not the one in the manifest: it was altered")
    return content


def _parse_arrays(file: Path, content: bytes) -> State:
    header = int.from_bytes(content[:8], "little")
    if len(content) < 8 or header > min(MAX_HEADER, len(content) - 8):
        raise _broken(file, f"expected a header inside the file, it claims {header} bytes")
    try:
        return dict(load_arrays(content))
    except (SafetensorError, KeyError, ValueError) as error:
        raise _broken(file, f"expected arrays in safetensors: {shorten(str(error))}") from error


def _parse_text(file: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _broken(file, f"expected text in UTF-8: {error}") from error


def _parse_table(file: Path, content: bytes, n_rows: int | None = None) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(content), n_rows=n_rows)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _broken(file, f"expected a table in Parquet: {shorten(str(error))}") from error


def _broken(file: Path | str, problem: str) -> ArtefactError:
    again = "Save the recommender again, or copy the artefact again from where it was made"
    return ArtefactError(f"{file}: {problem}. {again}")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
