"""A disk that remembers every write and sync, can fail, and can tell what a power loss would have left.

What was synced stays. Of what was not, each write may have reached the disk whole, in part (sectors of 512
bytes) or not at all, in any order. Writes that a failed sync was to secure may be gone even if a later
sync succeeds.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import apsw

SECTOR = 512
_names = itertools.count()


@dataclass(slots=True)
class Step:
    """One thing that happened to a file; or `op` = "ack", and `note` what was acknowledged."""

    op: str
    file: str = ""
    offset: int = 0
    data: bytes = b""
    note: object = None


@dataclass
class Fault:
    """The `nth` operation from now on (of write, sync, truncate) fails; and all after it when `sticky`."""

    nth: int
    error: type[apsw.Error] = apsw.IOError
    sticky: bool = False


@dataclass
class FaultyDisk:
    """Use `name` as the vfs of a store. The planted bugs: `lying` files are never synced, `retries` repeats a
    failed sync and believes the second answer."""

    lying: str = ""
    retries: bool = False
    trace: list[Step] = field(default_factory=list)
    fault: Fault | None = None
    failing: str = ""
    """`sync`: every sync fails as long as this stands here."""
    n_ops: int = 0

    def __post_init__(self) -> None:
        self.name = f"faulty-{next(_names)}"
        self.lock = threading.RLock()
        self.vfs = FaultyVfs(self)

    def note(self, note: object) -> None:
        with self.lock:
            self.trace.append(Step("ack", note=note))

    def arm(self, fault: Fault | None) -> None:
        with self.lock:
            self.fault, self.n_ops = fault, 0

    def fails(self) -> bool:
        self.n_ops += 1
        if self.fault is None:
            return False
        return self.n_ops == self.fault.nth or (self.fault.sticky and self.n_ops > self.fault.nth)

    def after_power_loss(self, steps: list[Step], random: Random | None) -> dict[str, bytes]:
        """What the files hold; without `random` nothing that was not synced is left."""
        durable: dict[str, bytearray] = {}
        pending: dict[str, list[Step]] = {}
        for step in steps:
            if step.op == "sync":
                for waiting in pending.pop(step.file, []):
                    replay(durable, waiting)
            elif step.op == "lost":
                pending[step.file] = [
                    one for one in pending.get(step.file, []) if random and random.random() < 0.5
                ]
            elif step.op == "delete":
                durable.pop(step.file, None)
                pending.pop(step.file, None)
            elif step.op in ("write", "truncate"):
                pending.setdefault(step.file, []).append(step)
        if random is not None:
            survive(durable, pending, random)
        return {name: bytes(data) for name, data in durable.items()}


def survive(durable: dict[str, bytearray], pending: dict[str, list[Step]], random: Random) -> None:
    """Let chance decide which unsynced steps reached the disk, and which sectors of them."""
    likely = random.choice([0.0, 0.2, 0.5, 0.8, 1.0])
    for steps in pending.values():
        for step in steps:
            if random.random() >= likely:
                continue
            if step.op == "truncate" or random.random() < 0.5:
                replay(durable, step)
                continue
            for start in range(0, len(step.data), SECTOR):
                if random.random() < 0.7:
                    part = step.data[start : start + SECTOR]
                    replay(durable, Step("write", step.file, step.offset + start, part))


def replay(files: dict[str, bytearray], step: Step) -> None:
    data = files.setdefault(step.file, bytearray())
    if step.op == "truncate":
        del data[step.offset :]
        return
    data.extend(bytes(max(0, step.offset + len(step.data) - len(data))))
    data[step.offset : step.offset + len(step.data)] = step.data


class FaultyVfs(apsw.VFS):
    def __init__(self, disk: FaultyDisk) -> None:
        self.disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return FaultyFile(self.disk, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802 - SQLite's name
        super().xDelete(name, sync)
        with self.disk.lock:
            self.disk.trace.append(Step("delete", Path(name).name))


class FaultyFile(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        self.disk, self.file = disk, Path(path).name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        with self.disk.lock:
            if self.disk.fails():
                raise self.disk.fault.error("planted")
            super().xWrite(data, offset)
            self.disk.trace.append(Step("write", self.file, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        with self.disk.lock:
            if self.disk.fails():
                raise self.disk.fault.error("planted")
            super().xTruncate(size)
            self.disk.trace.append(Step("truncate", self.file, size))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        with self.disk.lock:
            if self.disk.fails() or self.disk.failing == "sync":
                self.disk.trace.append(Step("lost", self.file))
                if not self.disk.retries:
                    raise (self.disk.fault.error if self.disk.fault else apsw.IOError)("planted")
            if not (self.disk.lying and self.file.endswith(self.disk.lying)):
                self.disk.trace.append(Step("sync", self.file))
