"""Flipped bytes, cut files, garbage: refused or mended, never silently misread."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest
from workload import AT, event

from zhiyin.errors import StoreError
from zhiyin.store import ItemRecord, SqliteStore, event_bodies, opening, page_sums
from zhiyin.store.check import check_store

N = 400


def said(store: SqliteStore) -> dict[str, Any]:
    """All that the store says to readers."""
    users = store.users(limit=1000)
    return {
        "users": users,
        "histories": [str(store.history(user.id, 100)) for user in users],
        "exports": [store.export(user.id) for user in users],
        "items": store.items(limit=1000),
        "changes": store.changes(0, 1000),
        "log": str(store.events_after(0, 100_000).items.tolist()),
        "audit": store.audit_rows(limit=1000),
        "whole": store.audit_is_whole(),
        "counts": store.counts(),
    }


def fill(path: Path, first: int = 0) -> SqliteStore:
    store = SqliteStore.open(path, commit_ms=0)
    for start in range(first, first + N, 20):
        store.append([event(number) for number in range(start, start + 20)], at=AT + 1e6).result()
    store.put_items(
        [ItemRecord(id=f"i{k}", title=f"title {k}", text="text " * 20) for k in range(30)], at=AT
    ).result()
    store.audit(at=AT, actor="me", action="did", target="something").result()
    return store


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A closed store, and what it says."""
    folder = tmp_path_factory.mktemp("whole")
    store = fill(folder / "store.db")
    truth = said(store)
    store.close()
    return folder, truth


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A store as a kill leaves it, most of it in the write-ahead log, and what it says."""
    folder = tmp_path_factory.mktemp("killed")
    store = fill(folder / "live.db")
    truth = said(store)
    for rest in ("", "-wal"):
        shutil.copy(folder / f"live.db{rest}", folder / f"store.db{rest}")
    store.close()
    for name in folder.glob("live*"):
        name.unlink()
    return folder, truth


def silent(
    folder: Path, truth: dict[str, Any], name: str, harm: Callable[[bytearray], None], copy: Path
) -> bool:
    """Whether a harmed store opens and says something else than the truth, or refuses without its name."""
    shutil.copytree(folder, copy)
    data = bytearray((copy / name).read_bytes())
    harm(data)
    (copy / name).write_bytes(data)
    try:
        store = SqliteStore.open(copy / "store.db", commit_ms=0)
    except StoreError as error:
        return str(copy / "store.db") not in str(error)
    try:
        return said(store) != truth
    except StoreError:
        return False
    finally:
        store.close()
        shutil.rmtree(copy)


def flip(place: int, bit: int) -> Callable[[bytearray], None]:
    def harm(data: bytearray) -> None:
        data[place] ^= 1 << bit

    return harm


def flips(folder: Path, truth: dict[str, Any], n: int, copies: Path) -> int:
    """How many of `n` single flipped bits were misread."""
    random, size = Random(3), (folder / "store.db").stat().st_size
    return sum(
        silent(
            folder, truth, "store.db", flip(random.randrange(size), random.randrange(8)), copies / str(number)
        )
        for number in range(n)
    )


def test_no_flipped_bit_is_misread(whole: tuple[Path, dict[str, Any]], tmp_path: Path, many: bool) -> None:
    assert flips(*whole, 5000 if many else 60, tmp_path) == 0


def test_reading_without_page_sums_is_found(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "bad_pages", lambda _: [])
    assert flips(*whole, 60, tmp_path) > 0


@pytest.mark.parametrize("cut", [0, 1, 100, 4095, 4096, 4097, 50_000])
def test_a_cut_file_is_refused(whole: tuple[Path, dict[str, Any]], tmp_path: Path, cut: int) -> None:
    def harm(data: bytearray) -> None:
        del data[cut:]

    assert cut < (whole[0] / "store.db").stat().st_size
    copy = tmp_path / "copy"
    shutil.copytree(whole[0], copy)
    data = bytearray((copy / "store.db").read_bytes())
    harm(data)
    (copy / "store.db").write_bytes(data)
    if cut:
        with pytest.raises(StoreError, match=r"store.db.*(damaged|restore)"):
            SqliteStore.open(copy / "store.db")
    assert check_store(copy / "store.db")


def test_garbage_behind_the_end_is_ignored(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    def harm(data: bytearray) -> None:
        data += Random(1).randbytes(5000)

    assert not silent(*whole, "store.db", harm, tmp_path / "copy")


def test_exchanged_pages_are_refused(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    def harm(data: bytearray) -> None:
        data[8192:12288], data[12288:16384] = data[12288:16384], data[8192:12288]

    shutil.copytree(whole[0], tmp_path / "copy")
    data = bytearray((tmp_path / "copy" / "store.db").read_bytes())
    harm(data)
    (tmp_path / "copy" / "store.db").write_bytes(data)
    assert "2 pages" in check_store(tmp_path / "copy" / "store.db")[0]
    with pytest.raises(StoreError, match="2 pages are not what was written, the first is page 3"):
        SqliteStore.open(tmp_path / "copy" / "store.db")


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"user,item\n" * 1000)
    with pytest.raises(StoreError, match="restore a backup"):
        SqliteStore.open(tmp_path / "store.db")
    assert check_store(tmp_path / "store.db") and check_store(tmp_path / "none.db")


def test_a_flip_inside_of_the_log_is_never_misread(
    killed: tuple[Path, dict[str, Any]], tmp_path: Path, many: bool
) -> None:
    """Before the last commit it is refused; within the last it looks like a torn end, and that is dropped."""
    random, size = Random(5), (killed[0] / "store.db-wal").stat().st_size
    last = 12 * 4120
    for number in range(2000 if many else 40):
        place = random.randrange(size - last)
        assert not silent(*killed, "store.db-wal", flip(place, number % 8), tmp_path / str(number)), place


def test_a_log_that_is_cut_off_is_found(killed: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Nothing tells a log that was cut at a commit from one that never went on; what is there reads well."""

    def harm(data: bytearray) -> None:
        del data[-5000:]

    shutil.copytree(killed[0], tmp_path / "copy")
    log = tmp_path / "copy" / "store.db-wal"
    data = bytearray(log.read_bytes())
    harm(data)
    log.write_bytes(data)
    store = SqliteStore.open(tmp_path / "copy" / "store.db")
    assert store.last_seq() == N and store.audit_is_whole()
    store.close()
    assert check_store(tmp_path / "copy" / "store.db") == []


def test_a_changed_row_is_not_served(tmp_path: Path) -> None:
    """Damage while the store is open, which no page sum has seen yet."""
    store = fill(tmp_path / "store.db")
    db = apsw.Connection(str(tmp_path / "store.db"))
    (body,) = db.execute("SELECT body FROM events WHERE seq = 8").fetchone()
    harmed = bytearray(body)
    harmed[20] ^= 1
    db.execute("UPDATE events SET body = ? WHERE seq = 8", (bytes(harmed),))
    db.close()
    for read in (lambda: store.history("u0", 100), store.snapshot, lambda: store.events_after(0, 100)):
        with pytest.raises(StoreError, match="event near number 8 is not what was written"):
            read()
    assert len(store.history("u1", 10).seqs) == 10
    store.close()
    assert "event near number 8" in check_store(tmp_path / "store.db")[0]


def test_a_changed_row_that_is_not_checked_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_bodies, "seals", lambda bodies: bodies["seal"])
    with pytest.raises(pytest.fail.Exception):
        test_a_changed_row_is_not_served(tmp_path)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 2", "audit"),
        ("UPDATE audit SET target = 'else' WHERE seq = 2", "audit"),
        ("DELETE FROM audit WHERE seq = 2", "audit"),
        ("DELETE FROM audit WHERE seq = 3", "audit"),
        ("DELETE FROM items WHERE key = 2", "items"),
        ("DELETE FROM events WHERE seq = 5", "events"),
        ("UPDATE events SET user = 3 WHERE seq = 5", "event 5"),
    ],
)
def test_tampering_is_found(tmp_path: Path, sql: str, word: str) -> None:
    store = fill(tmp_path / "store.db")
    for number in range(2):
        store.audit(at=AT, actor="me", action="did", target=str(number)).result()
    assert check_store(tmp_path / "store.db") == []
    db = apsw.Connection(str(tmp_path / "store.db"))
    db.execute(sql)
    db.close()
    assert any(word in one for one in check_store(tmp_path / "store.db"))
    assert store.audit_is_whole() == (word != "audit")
    store.close()


def test_a_store_beyond_a_gigabyte_has_a_page_without_a_checksum(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """SQLite locks bytes of the page at 1 GiB and never writes it. A hole in the file stands for the rest."""
    path = tmp_path / "store.db"
    shutil.copy(whole[0] / "store.db", path)
    with path.open("r+b") as file:
        file.truncate((page_sums.LOCK_PAGE + 1) * page_sums.PAGE_SIZE)
        file.seek(28)
        file.write((page_sums.LOCK_PAGE + 1).to_bytes(4, "big"))
    bad = page_sums.bad_pages(path)
    assert page_sums.LOCK_PAGE - 1 in bad and page_sums.LOCK_PAGE + 1 in bad
    assert page_sums.LOCK_PAGE not in bad and page_sums.still_bad(path, [page_sums.LOCK_PAGE]) == []
