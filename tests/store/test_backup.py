"""Backups of a running store: whole, verified byte by byte, restored only where nothing is lost."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest
from workload import AT, event, wrong

from zhiyin.errors import StoreError
from zhiyin.store import SqliteStore, group_commit
from zhiyin.store.backup import create_backup, restore_backup, verify_backup
from zhiyin.store.check import check_store


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of a project with a store, an artefact and a secret."""
    store = SqliteStore.open(tmp_path / "shop" / "store.db", commit_ms=0)
    store.append([event(number) for number in range(100)], at=AT + 1e6).result()
    (tmp_path / "artefact").mkdir()
    (tmp_path / "artefact" / "manifest.json").write_text("{}")
    (tmp_path / "secret").write_bytes(b"pepper")
    create_backup(
        tmp_path / "shop",
        tmp_path / "backup",
        at=AT,
        artefact=tmp_path / "artefact",
        secrets=[tmp_path / "secret"],
    )
    store.append([event(number) for number in range(100, 110)], at=AT + 1e6).result()
    store.close()
    return tmp_path / "backup"


def test_a_backup_of_a_busy_store_is_a_prefix_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    monkeypatch.setattr(group_commit, "WAL_PAGES", 50)
    store = SqliteStore.open(tmp_path / "store.db", commit_ms=0)
    done: list[int] = []
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            done.append(store.append([event(number)], at=AT + 1e6).result()[0].seq)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(50 if many else 6):
            before = len(done)
            manifest = create_backup(tmp_path / "store.db", tmp_path / f"b{number}", at=AT)
            assert manifest.seq >= before
            copy = tmp_path / f"r{number}"
            restore_backup(tmp_path / f"b{number}", copy)
            assert check_store(copy / "store.db") == []
            restored = SqliteStore.open(copy / "store.db")
            assert restored.events_after(0, 10**6).seqs.tolist() == list(range(1, manifest.seq + 1))
            ids = {event(k).event_id for k in range(manifest.seq)}
            assert wrong(restored, ids, ids) == []
            restored.append([event(10**6)], at=AT).result()
            restored.close()
    finally:
        stop.set()
        writer.join()
        store.close()


def test_what_is_in_it(backup: Path, tmp_path: Path) -> None:
    manifest = verify_backup(backup)
    assert (manifest.at, manifest.seq) == (AT, 100)
    assert set(manifest.files) == {"store.db", "artefact/manifest.json", "secrets/secret"}
    create_backup(tmp_path / "shop" / "store.db", tmp_path / "plain", at=AT)
    assert set(verify_backup(tmp_path / "plain").files) == {"store.db"}
    with pytest.raises(StoreError, match="exists"):
        create_backup(tmp_path / "shop", backup, at=AT)
    with pytest.raises(StoreError, match="no store"):
        create_backup(tmp_path / "artefact", tmp_path / "other", at=AT)


def test_every_flipped_byte_is_refused_by_name(backup: Path, tmp_path: Path, many: bool) -> None:
    random = Random(1)
    for path in [path for path in backup.rglob("*") if path.is_file()]:
        good = path.read_bytes()
        for _ in range(200 if many else 8):
            place = random.randrange(len(good))
            path.write_bytes(
                good[:place] + bytes([good[place] ^ 1 << random.randrange(8)]) + good[place + 1 :]
            )
            with pytest.raises(StoreError, match=path.name):
                restore_backup(backup, tmp_path / "new")
            assert not (tmp_path / "new").exists()
        path.write_bytes(good[:-1])
        with pytest.raises(StoreError, match=path.name):
            verify_backup(backup)
        path.write_bytes(good)
    (backup / "artefact" / "manifest.json").unlink()
    with pytest.raises(StoreError, match=r"artefact/manifest\.json"):
        verify_backup(backup)


def test_a_restore_replaces_only_by_force(backup: Path, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    with pytest.raises(StoreError, match="force"):
        restore_backup(backup, shop)
    store = SqliteStore.open(shop / "store.db")
    with pytest.raises(StoreError, match="in use"):
        restore_backup(backup, shop, force=True)
    assert store.last_seq() == 110
    store.close()
    (shop / "store.db-wal").write_bytes(b"rest of another life")
    restore_backup(backup, shop, force=True)
    assert (shop / "artefact" / "manifest.json").read_text() == "{}"
    assert (shop / "secrets" / "secret").read_bytes() == b"pepper"
    store = SqliteStore.open(shop / "store.db")
    assert store.last_seq() == 100
    np.testing.assert_array_equal(store.events_after(0, 1000).seqs, np.arange(1, 101))
    store.close()
    assert [path.name for path in shop.iterdir() if path.name.startswith(".")] == []


def test_a_damaged_store_is_not_backed_up(backup: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "shop" / "store.db", copy)
    data = bytearray(copy.read_bytes())
    data[9000] ^= 4
    copy.write_bytes(data)
    with pytest.raises(StoreError, match="not whole"):
        create_backup(copy, tmp_path / "other", at=AT)
    assert not (tmp_path / "other").exists()


def test_names_that_lead_out_of_the_backup_are_refused(backup: Path, tmp_path: Path) -> None:
    manifest = verify_backup(backup)
    (tmp_path / "outside").write_bytes(b"x")
    for name in ("../outside", str(tmp_path / "outside")):
        files = {**manifest.files, name: ("", 1)}
        forged = type(manifest)(at=AT, schema=1, seq=1, revision=1, files=files).signed()
        (backup / "backup.json").write_bytes(msgspec.json.encode(forged))
        with pytest.raises(StoreError, match="not in the backup"):
            restore_backup(backup, tmp_path / "new")
