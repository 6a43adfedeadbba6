"""Every write, sync and truncation fails once, or from then on: nothing is acknowledged that is not
there, reads go on, and the store works again when the disk does, without a restart."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from faulty_disk import Fault, FaultyDisk
from workload import AT, complaints, event, ingest, wrong

from zhiyin.errors import StoreError
from zhiyin.store import Event, SqliteStore, group_commit
from zhiyin.store.group_commit import GroupCommit, Write
from zhiyin.store.log_tail import lost_commits

SENT = {event(number).event_id for number in range(1000)}
STEPS = 14


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "WAL_PAGES", 40)


def trial(folder: Path, fault: Fault | None, *, retries: bool = False) -> tuple[list[str], int]:
    """What went wrong with one fault, and how many operations the disk was asked for."""
    folder.mkdir()
    disk = FaultyDisk(retries=retries)
    acknowledged: list[str] = []
    store = SqliteStore.open(folder / "store.db", vfs=disk.name, commit_ms=0)
    try:
        ingest(store, 6, acknowledged.append)
        disk.arm(fault)
        ingest(store, STEPS, acknowledged.append, first=6)
        n_ops = disk.n_ops
        said = [] if len(store.history("u1", 50).seqs) else ["reads fail"]
        refused = set(acknowledged) != {
            event(k * 4 + j).event_id for k in range(6 + STEPS) for j in range(1 + k % 4)
        }
        if fault is not None and fault.sticky and refused and not store.writable():
            said.append("says that it can write")
        disk.arm(None)
        ingest(store, 3, acknowledged.append, first=50)
        if store.writable() or event(200).event_id not in acknowledged:
            said.append(f"does not recover: {store.writable()}")
        said += wrong(store, set(acknowledged), SENT)
        steps = list(disk.trace)
    finally:
        store.close()
    left = folder / "left"
    left.mkdir()
    for name, data in disk.after_power_loss(steps, None).items():
        (left / name).write_bytes(data)
    return said + [
        f"after a power loss: {one}" for one in complaints(left / "store.db", set(acknowledged), SENT)
    ], n_ops


def trials(folder: Path, every: int, **planted: bool) -> Iterator[tuple[Fault, list[str]]]:
    _, n_ops = trial(folder / "clean", None)
    assert n_ops > 50
    for number, nth in enumerate(range(1, n_ops + 1, every)):
        for error in (apsw.IOError, apsw.FullError):
            fault = Fault(nth, error, sticky=(number + (error is apsw.IOError)) % 2 == 0)
            yield fault, trial(folder / f"{nth}-{error.__name__}", fault, **planted)[0]


def test_nothing_is_lost_or_believed(tmp_path: Path, many: bool) -> None:
    for fault, said in trials(tmp_path, 1 if many else 11):
        assert not said, f"{fault}: {said}"


def test_a_sync_that_is_repeated_until_it_succeeds_is_found(tmp_path: Path) -> None:
    assert any(said for _, said in trials(tmp_path, 3, retries=True))


def test_an_acknowledgement_in_spite_of_the_error_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Write.settle

    def settle(self: Write, error: BaseException | None = None) -> None:
        self.result = self.result or []
        honest(self)

    monkeypatch.setattr(Write, "settle", settle)
    assert any(said for _, said in trials(tmp_path, 7))


def test_building_on_a_commit_whose_sync_failed_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds on to the index of the log: the next writer reads the failed commit."""
    monkeypatch.setattr(group_commit, "connect_anchor", lambda _: apsw.Connection(":memory:"))
    assert any(said for _, said in trials(tmp_path, 1))


def test_a_full_disk(tmp_path: Path) -> None:
    """A real one of 4 MB."""
    with small_disk(tmp_path / "small") as folder:
        store = SqliteStore.open(folder / "store.db", commit_ms=0)
        words = "w" * 2_000
        acknowledged = []

        def fill() -> None:
            for number in range(10_000):
                one = Event(user="u", item="i", at=AT + number, event_id=f"e{number}", words=words)
                store.append([one], at=AT).result()
                acknowledged.append(one.event_id)

        with pytest.raises(StoreError, match="disk full"):
            fill()
        assert "disk full" in store.writable()
        assert len(store.history("u", 50).seqs) == 50
        (folder / "ballast").unlink()
        store.append([event(1)], at=AT).result()
        assert store.writable() == ""
        seen = [row["event_id"] for row in store.export("u")["events"]]
        assert seen[: len(acknowledged)] == acknowledged and len(seen) <= len(acknowledged) + 1
        store.close()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        (folder / "ballast").write_bytes(bytes(4 * 2**20))
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_rests_of_failed_commits_are_no_damage(tmp_path: Path) -> None:
    """Smaller and smaller commits whose sync fails leave several ends of commits in the log; then a kill."""
    disk = FaultyDisk()
    store = SqliteStore.open(tmp_path / "store.db", vfs=disk.name, commit_ms=0)
    store.append([event(0)], at=AT).result()
    for size in (60, 30, 1):
        disk.arm(None)
        before = disk.n_ops
        disk.failing = "sync"
        with pytest.raises(StoreError, match="I/O error"):
            store.append([event(1000 * size + k) for k in range(size)], at=AT).result()
        assert disk.n_ops > before
    left = tmp_path / "left"
    left.mkdir()
    for name in ("store.db", "store.db-wal", "store.db.lock"):
        (left / name).write_bytes((tmp_path / name).read_bytes())
    disk.failing = ""
    assert lost_commits(left / "store.db", 2) > 0
    again = SqliteStore.open(left / "store.db")
    assert event(0).event_id in {row["event_id"] for row in again.export("u0")["events"]}
    again.close()
    store.close()


def test_one_bad_write_does_not_poison_the_others(store: SqliteStore) -> None:
    def bad(_: object) -> None:
        raise ValueError("mine alone")

    writer: GroupCommit = store._writer
    futures = [store.append([event(1)], at=AT), writer.submit(bad), store.append([event(2)], at=AT)]
    assert [type(future.exception()) for future in futures] == [type(None), ValueError, type(None)]
    assert store.counts()["events"] == 2 == store.last_seq()


def test_what_waits_behind_cancelled_writes_is_written_before_the_end(tmp_path: Path) -> None:
    gate, store = threading.Event(), SqliteStore.open(tmp_path / "store.db")
    writer = store._writer
    writer.submit(lambda transaction: gate.wait(10))
    until = time.monotonic() + 5
    while writer._queue and time.monotonic() < until:
        time.sleep(0.001)  # until the first is being written
    gone = writer.submit(lambda transaction: None, rows=group_commit.MOST_ROWS)
    last = store.append([Event(user="u", item="i")], at=AT)
    assert gone.cancel()
    ending = threading.Thread(target=store.close)
    ending.start()
    time.sleep(0.05)
    gate.set()
    ending.join(10)
    assert last.result(1)[0].status == "accepted"
