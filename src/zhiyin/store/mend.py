"""Pages that another program has written, taken over by order of the operator."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from zhiyin.errors import StoreError
from zhiyin.store.check import complaints
from zhiyin.store.connections import PAGE_SIZE, connect_reader, reading
from zhiyin.store.page_sums import CONTENT, bad_pages, sum_of
from zhiyin.store.turns import Turns

__all__ = ["mend_store"]


def mend_store(path: str | Path) -> int:
    """Writes the checksums of pages anew where they do not fit; how many there were.

    A database tool that opens the file in SQLite's usual way leaves pages without our checksum when it
    closes, and a store with such pages is not opened. This accepts them, if SQLite finds the file whole and
    every event and the audit trail still fit their own checksums; else StoreError. What those do not cover
    (an item's title) is taken as it is: after a failing disk restore a backup instead. The file as it was
    stays beside it, with `.before-mend` at the end.
    """
    path = Path(path)
    bad = bad_pages(path)
    if not bad:
        return 0
    turns = Turns(path)
    try:
        with turns.mine(), reading(path):
            _refuse_damage(path)
            shutil.copy2(path, path.with_name(f"{path.name}.before-mend"))
            with path.open("r+b", buffering=0) as file:
                for page in bad_pages(path):
                    start = (page - 1) * PAGE_SIZE
                    content = os.pread(file.fileno(), CONTENT, start)
                    os.pwrite(file.fileno(), sum_of(content, page), start + CONTENT)
                os.fsync(file.fileno())
    finally:
        turns.close()
    return len(bad)


def _refuse_damage(path: Path) -> None:
    db = connect_reader(path, busy_ms=5000)
    try:
        found = next(complaints(db, path), "")
    finally:
        db.close()
    if found:
        raise StoreError(f"{path} was not mended, it is damaged: {found}. Restore a backup")
