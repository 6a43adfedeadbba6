"""Whether the write-ahead log is damaged where it had been synced.

After a power loss the log may end in the torn rest of the one commit that was under way: SQLite drops it,
and nobody had been told that it was there. But SQLite drops everything behind the first bad frame, and where
whole commits stand behind it, those had been acknowledged. Format: https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from zhiyin.store.connections import PAGE_SIZE

__all__ = ["lost_commits", "pages_in_log"]

HEADER, FRAME = 32, 24


def lost_commits(path: Path, valid: int) -> int:
    """Acknowledged commits behind the first bad frame of the log of a database at `path`; 0 = all is well.

    `valid` is how many frames SQLite found good. Damage within the very last commit cannot be told from a
    torn end. Nobody may write meanwhile.
    """
    log = path.with_name(path.name + "-wal")
    data = mapped(log)
    if len(data) < HEADER + FRAME:
        return 0
    whole = chained(data[:24]) == data[24:32]
    salts = data[16:24] if whole else data[HEADER + 8 : HEADER + 16]
    size = PAGE_SIZE + FRAME
    found = 0
    for start in range(HEADER + valid * size, len(data) - size + 1, size):
        pages, theirs = data[start + 4 : start + 8], data[start + 8 : start + 16]
        found += any(pages) and theirs == salts
    return max(found - 1, 0)


def pages_in_log(path: Path, valid: int) -> set[int]:
    """Pages of which the log holds a newer state than the file."""
    log = path.with_name(path.name + "-wal")
    data = mapped(log) if valid else b""
    size = PAGE_SIZE + FRAME
    return {
        int.from_bytes(data[start : start + 4], "big") for start in range(HEADER, HEADER + valid * size, size)
    }


def mapped(log: Path) -> bytes | mmap.mmap:
    if not log.exists() or not log.stat().st_size:
        return b""
    with log.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def chained(data: bytes) -> bytes:
    """The checksum of the log's format, over whole pairs of words, as the log writes it."""
    words = struct.unpack(f"{'>' if data[3] & 1 else '<'}{len(data) // 4}I", data)
    one = two = 0
    for a, b in zip(words[::2], words[1::2], strict=True):
        one = (one + a + two) & 0xFFFFFFFF
        two = (two + b + one) & 0xFFFFFFFF
    return struct.pack(">II", one, two)
