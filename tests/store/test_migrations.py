"""Schemas: an older one is brought up to date whole or not at all, a newer one is refused."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from workload import AT, event

from zhiyin.errors import StoreError
from zhiyin.store import SqliteStore, migrations
from zhiyin.store.check import check_store
from zhiyin.store.connections import connect_writer
from zhiyin.store.migrations import STEPS, migrate, schema_of
from zhiyin.store.page_sums import summing_vfs

SCHEMA_1 = (Path(__file__).parent / "schema_1.sql").read_text("utf-8")
"""A store of the first release, as SQL: one event, one item, one user."""


def old_store(path: Path) -> None:
    db = connect_writer(path, busy_ms=0, vfs=summing_vfs())
    db.execute(SCHEMA_1)
    db.close()


def test_a_store_of_the_first_release_opens(tmp_path: Path) -> None:
    old_store(tmp_path / "store.db")
    store = SqliteStore.open(tmp_path / "store.db")
    assert store.history("u0", 10).at.tolist() == [AT]
    item = store.item("i0")
    assert item is not None and item.title == "first"
    store.append([event(1)], at=AT).result()
    assert store.last_seq() == 2
    store.close()
    assert check_store(tmp_path / "store.db") == []


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "store.db").close()
    db = connect_writer(tmp_path / "store.db", busy_ms=0, vfs=summing_vfs())
    db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    db.close()
    for _ in range(2):
        with pytest.raises(StoreError, match=f"schema {len(STEPS) + 1}, this version knows {len(STEPS)}"):
            SqliteStore.open(tmp_path / "store.db")
    assert "schema" in check_store(tmp_path / "store.db")[0]


def test_a_new_step_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore.open(tmp_path / "store.db")
    store.append([event(1)], at=AT).result()
    store.close()
    later = (*STEPS, "ALTER TABLE users ADD COLUMN shoe_size INTEGER")
    monkeypatch.setattr(migrations.migrate, "__defaults__", (later,))
    for _ in range(2):
        store = SqliteStore.open(tmp_path / "store.db")
        with store._reader() as db:
            assert db.execute("SELECT id, shoe_size FROM users").fetchall() == [("u1", None)]
            assert schema_of(db) == len(later)
        assert store.last_seq() == 1
        store.close()


def test_a_step_that_fails_leaves_the_old_schema(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "store.db").close()
    db = connect_writer(tmp_path / "store.db", busy_ms=0)
    with pytest.raises(apsw.SQLError):
        migrate(db, (*STEPS, "CREATE TABLE more(a)", "CREATE TABLE more(a)"))
    assert schema_of(db) == len(STEPS)
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)
    db.close()
    SqliteStore.open(tmp_path / "store.db").close()
