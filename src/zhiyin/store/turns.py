"""The file beside the database by which processes take turns, and leave word for the next opening."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Turns"]

MADE = b"zhiyin store"
CLEAN, UNSURE = b"\n", b"?"


class Turns:
    """A lock on a file wakes the next writer at once; SQLite's own waiting polls, with growing sleeps."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)

    @contextmanager
    def mine(self) -> Iterator[None]:
        """No other process writes or copies the log meanwhile."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @property
    def made(self) -> bool:
        """Whether a store has stood here: an empty file is then not a new one."""
        return os.pread(self._file, len(MADE), 0) == MADE

    @property
    def unsure(self) -> bool:
        """Whether a commit failed since the log was last empty: rests of it may stand there."""
        return os.pread(self._file, 1, len(MADE)) == UNSURE

    def note(self, *, unsure: bool) -> None:
        """One byte in place: it needs no room on a full disk."""
        os.pwrite(self._file, MADE + (UNSURE if unsure else CLEAN), 0)

    def close(self) -> None:
        os.close(self._file)
