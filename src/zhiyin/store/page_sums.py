"""A checksum in every page of the database file, written when the write-ahead log is copied into it; and no
copies of rows that have moved on.

The last 8 bytes of a page are reserved for it. Only the connection that makes the file and the one that
checkpoints go through this layer, so a request never pays for it; `bad_pages` reads the file from end to
end, a gigabyte in a few seconds. The checksums of the events catch what changes in between.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import apsw

from zhiyin.store.connections import PAGE_SIZE, RESERVED

__all__ = ["bad_pages", "still_bad", "summing_vfs"]

CONTENT = PAGE_SIZE - RESERVED
LOCK_PAGE = 0x40000000 // PAGE_SIZE + 1
"""The page at 1 GiB, whose bytes SQLite locks and never writes: it has no checksum."""
MARK = b"zyn1"
TREE_PAGES = {2: 12, 5: 12, 10: 8, 13: 8}
"""First byte of a page of a table or an index -> bytes of its header."""
COUNTS = struct.Struct(">HH")
AT_ONCE = 256 * PAGE_SIZE
_layers: dict[str, SummingVfs] = {}


def summing_vfs(below: str = "") -> str:
    """Name of a file layer that sums pages, over another one."""
    if below not in _layers:
        _layers[below] = SummingVfs(below)
    return _layers[below].vfs_name


def sum_of(content: bytes | memoryview, page: int) -> bytes:
    """8 bytes; the number of the page is in it, so that a page in another's place is found."""
    return zlib.crc32(content, page & 0xFFFFFFFF).to_bytes(4, "little") + MARK


class SummingVfs(apsw.VFS):
    def __init__(self, below: str) -> None:
        self.below = below
        self.vfs_name = f"zhiyin-sums-{below}"
        super().__init__(self.vfs_name, below)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        kind: type[apsw.VFSFile] = SummingFile if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else apsw.VFSFile
        return kind(self.below, name, flags)


class SummingFile(apsw.VFSFile):
    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if len(data) == PAGE_SIZE and offset % PAGE_SIZE == 0:
            content = without_leftovers(data, offset)[:CONTENT]
            data = b"".join((content, sum_of(content, offset // PAGE_SIZE + 1)))
        super().xWrite(data, offset)


def without_leftovers(data: bytes, offset: int) -> memoryview:
    """The page with zeros in the gap between its cell pointers and its cells.

    Rows that move to another page leave copies there, which secure_delete does not reach: an erased user
    would go on standing in them. Format: https://www.sqlite.org/fileformat2.html#b_tree_pages
    """
    header = 100 if offset == 0 else 0
    size = TREE_PAGES.get(data[header])
    # The first byte of other pages belongs to a page number, and is 0 as long as the file is below 64 GiB.
    if size is None or offset >= 2**36:
        return memoryview(data)
    n_cells, cells = COUNTS.unpack_from(data, header + 3)
    pointers = header + size + 2 * n_cells
    if not pointers < cells <= CONTENT:
        return memoryview(data)
    return memoryview(b"".join((data[:pointers], bytes(cells - pointers), data[cells:])))


def bad_pages(path: Path) -> list[int]:
    """Numbers of the pages that are not as written, from 1; those missing at the end count too.

    A page that is being written at this moment may look bad: ask `still_bad` when nobody writes.
    """
    bad: list[int] = []
    with path.open("rb", buffering=0) as file:
        n_pages = pages_of(file.fileno())
        for first in range(0, n_pages, AT_ONCE // PAGE_SIZE):
            piece = memoryview(os.pread(file.fileno(), AT_ONCE, first * PAGE_SIZE))
            for place in range(min(AT_ONCE // PAGE_SIZE, n_pages - first)):
                page = piece[place * PAGE_SIZE : (place + 1) * PAGE_SIZE]
                number = first + place + 1
                if page[CONTENT:] != sum_of(page[:CONTENT], number) and number != LOCK_PAGE:
                    bad.append(number)
    return bad


def still_bad(path: Path, pages: list[int]) -> list[int]:
    """Those of some pages that are not as written."""
    with path.open("rb", buffering=0) as file:
        return [page for page in pages if not is_good(file.fileno(), page)]


def is_good(file: int, page: int) -> bool:
    data = os.pread(file, PAGE_SIZE, (page - 1) * PAGE_SIZE)
    return page == LOCK_PAGE or data[CONTENT:] == sum_of(data[:CONTENT], page)


def pages_of(file: int) -> int:
    """How many pages the header names; the file's own size where the header is not to be trusted."""
    header = os.pread(file, 100, 0)
    named = int.from_bytes(header[28:32], "big")
    return named or -(-os.fstat(file).st_size // PAGE_SIZE)
