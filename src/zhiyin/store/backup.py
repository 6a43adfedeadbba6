"""Backups: one consistent state of a running store and the artefact that serves, with a sum of every file.

A backup holds what users did. It does not hold the pepper or other secrets unless they are named: with
them, keys and receipts can be checked on another machine, and whoever has the backup can do so too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import apsw
import msgspec

from zhiyin.errors import StoreError
from zhiyin.prepared import prepared
from zhiyin.store.check import check_store
from zhiyin.store.connections import connect_reader, reading, refusal, rows
from zhiyin.store.migrations import schema_of
from zhiyin.store.page_sums import summing_vfs

__all__ = ["STORE_FILE", "BackupManifest", "create_backup", "restore_backup", "verify_backup"]

STORE_FILE = "store.db"
"""Name of the store in a project's directory and in a backup."""
MANIFEST = "backup.json"
FORMAT = 1


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds: `backup.json`."""

    format: int = FORMAT
    at: float
    """When it was made, UTC seconds."""
    schema: int
    seq: int
    """The last event that is in it; every event before is in it too."""
    revision: int
    """Of the catalogue."""
    files: dict[str, tuple[str, int]]
    """Path inside of the backup -> SHA-256, bytes."""
    digest: str = ""
    """SHA-256 of everything above."""

    def signed(self) -> BackupManifest:
        bare = msgspec.json.encode(msgspec.structs.replace(self, digest=""))
        return msgspec.structs.replace(self, digest=hashlib.sha256(bare).hexdigest())


def create_backup(
    path: str | Path,
    target: str | Path,
    *,
    at: float,
    artefact: str | Path | None = None,
    secrets: Sequence[str | Path] = (),
) -> BackupManifest:
    """Copy a store (a file, or the directory that holds `store.db`) while it is written to.

    `target` is a new directory; it is there whole or not at all. A damaged store is refused, lest a
    backup say that it is good.
    """
    source, target = store_file(path), Path(target)
    if target.exists():
        raise StoreError(f"{target} exists: a backup is a new directory, give another name")
    if faults := check_store(source, quick=True):
        raise StoreError(f"{source} is not whole, no backup was made of it: {faults[0]}")
    with fresh_directory(target) as folder:
        copy_store(source, folder / STORE_FILE)
        if artefact is not None:
            shutil.copytree(artefact, folder / "artefact")
        for secret in map(Path, secrets):
            (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
            shutil.copy(secret, folder / "secrets" / secret.name)
        manifest = describe(folder, at)
        (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        sync_tree(folder)
    return manifest


def copy_store(source: Path, target: Path) -> None:
    """One state of the store, in one read; writers are not held up."""
    with reading(source):
        reader = connect_reader(source, busy_ms=5000)
        try:
            writer = apsw.Connection(str(target), vfs=summing_vfs())
            try:
                with writer.backup("main", reader, "main") as copy:
                    while not copy.done:
                        copy.step(-1)
            finally:
                writer.close()
        finally:
            reader.close()
    target.chmod(0o600)


def describe(folder: Path, at: float) -> BackupManifest:
    store = folder / STORE_FILE
    # immutable: no log is made beside it
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    db = apsw.Connection(f"{store.resolve().as_uri()}?immutable=1", flags=flags)
    try:
        counters, schema = dict(rows(db, "SELECT name, n FROM counters")), schema_of(db)
    finally:
        db.close()
    files = {
        name.relative_to(folder).as_posix(): summed(name)
        for name in sorted(folder.rglob("*"))
        if name.is_file()
    }
    return BackupManifest(
        at=at, schema=schema, seq=counters.get("seq", 0), revision=counters.get("revision", 0), files=files
    ).signed()


def verify_backup(path: str | Path) -> BackupManifest:
    """The manifest of a backup whose every byte is as it was written; StoreError names what is not."""
    folder = Path(path)
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=prepared(BackupManifest))
    except OSError as error:
        raise StoreError(f"{folder} is no backup: {MANIFEST} cannot be read ({error.strerror})") from error
    except msgspec.MsgspecError as error:
        raise StoreError(f"{folder / MANIFEST} is damaged: {error}. Use another backup") from error
    if manifest != manifest.signed():
        raise StoreError(f"{folder / MANIFEST} is damaged: it is not what was written. Use another backup")
    if manifest.format != FORMAT:
        raise StoreError(
            f"{folder / MANIFEST} has format {manifest.format}, this version reads {FORMAT}: "
            "use the version of zhiyin that made it"
        )
    for name, sums in manifest.files.items():
        file = folder / name
        parts = PurePosixPath(name).parts
        if ".." in parts or PurePosixPath(name).is_absolute() or file.is_symlink() or not file.is_file():
            raise StoreError(f"{file} is not in the backup, though {MANIFEST} names it: use another backup")
        if summed(file) != tuple(sums):
            raise StoreError(f"{file} is damaged: its bytes are not what was written. Use another backup")
    return manifest


def restore_backup(path: str | Path, target: str | Path, *, force: bool = False) -> BackupManifest:
    """Put the files of a verified backup into the directory `target`; no service may run there.

    What is there already is replaced only with `force`. Everything is copied beside its place first, the
    store comes last: a restore that is cut off can be repeated.
    """
    manifest, source, target = verify_backup(path), Path(path), Path(target)
    target.mkdir(parents=True, exist_ok=True)
    there = [name for name in ("artefact", STORE_FILE, *manifest.files) if (target / name).exists()]
    if there and not force:
        raise StoreError(f"{target / there[0]} exists: restore into an empty directory, or with force")
    if (target / STORE_FILE).exists():
        refuse_if_open(target / STORE_FILE)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=target) as name:
        folder = Path(name)
        for file, sums in manifest.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / file, folder / file)
            if summed(folder / file) != tuple(sums):
                raise StoreError(
                    f"{source / file} changed while it was copied: nothing was restored, try again"
                )
        sync_tree(folder)
        for part in sorted(folder.iterdir(), key=lambda part: part.name == STORE_FILE):
            put_in_place(part, target / part.name)
        sync_tree(target, files=False)
    return manifest


def put_in_place(part: Path, place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    if place.name == STORE_FILE:
        # A log that is left from the old store would be read into the new one.
        for rest in ("-wal", "-shm"):
            place.with_name(place.name + rest).unlink(missing_ok=True)
    os.replace(part, place)


def refuse_if_open(store: Path) -> None:
    try:
        db = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            db.pragma("locking_mode", "EXCLUSIVE")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            db.close()
    except (apsw.BusyError, apsw.LockedError) as error:
        raise StoreError(f"{store} is in use: stop the service, then restore") from error
    except apsw.Error:
        return  # damaged: that is what the restore is for


def store_file(path: str | Path) -> Path:
    path = Path(path)
    found = path / STORE_FILE if path.is_dir() else path
    if not found.is_file():
        raise StoreError(
            f"there is no store at {found}: give a store's file, or a directory with {STORE_FILE}"
        )
    return found


@contextmanager
def fresh_directory(target: Path) -> Iterator[Path]:
    """A directory that takes its name when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder
        os.rename(folder, target)
        sync_tree(target.parent, files=False)
    except OSError as error:
        raise refusal(error, target, "write") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def summed(file: Path) -> tuple[str, int]:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), file.stat().st_size


def sync_tree(folder: Path, *, files: bool = True) -> None:
    """Force files and directories to the disk."""
    paths = [folder, *folder.rglob("*")] if files else [folder]
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
