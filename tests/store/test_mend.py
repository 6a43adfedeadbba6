"""A database tool has opened the file: refused with the way out, taken over when it is whole, else not."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from test_damage import fill, said

from zhiyin.errors import StoreError
from zhiyin.store import SqliteStore
from zhiyin.store.mend import mend_store


def with_a_tool(path: Path) -> None:
    """As `sqlite3 store.db` would: a write, and the log copied into the file on closing."""
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE notes(text); INSERT INTO notes VALUES ('x'); DROP TABLE notes")
    db.close()


def test_a_tool_may_be_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = fill(path)
    truth = said(store)
    store.close()
    with_a_tool(path)
    with pytest.raises(StoreError, match="--mend"):
        SqliteStore.open(path)
    assert mend_store(path) > 0
    assert path.with_name("store.db.before-mend").is_file()
    store = SqliteStore.open(path)
    assert said(store) == truth
    store.close()
    assert mend_store(path) == 0


def test_an_event_that_was_changed_is_not_accepted(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    fill(path).close()
    db = apsw.Connection(str(path))
    db.execute("UPDATE events SET kind = kind + 1 WHERE seq = 7")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not mended"):
        mend_store(path)
    assert path.read_bytes() == before
