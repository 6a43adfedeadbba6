"""Power loss at any moment, with any part of what was not synced: whatever was acknowledged is there."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from faulty_disk import FaultyDisk
from workload import complaints, event, ingest

from zhiyin.store import SqliteStore, group_commit

SENT = {event(number).event_id for number in range(1000)}


def run(folder: Path, disk: FaultyDisk, synchronous: str = "FULL") -> None:
    """A life of a store on this disk: commits, copies of the log into the file, erasures, a reopening."""
    path = folder / "live" / "store.db"
    for part in range(2):
        store = SqliteStore.open(path, vfs=disk.name, synchronous=synchronous, commit_ms=0)
        ingest(store, 40, disk.note, first=part * 40)
        store.erase("nobody", at=0.0, actor="test").result()
        ingest(store, 10, disk.note, first=100 + part * 10)
        store.close()


def search(folder: Path, disk: FaultyDisk, n_states: int) -> tuple[list[str], int]:
    """Complaints about the first crash state that gives any, and how many states were looked at."""
    acks = [place for place, step in enumerate(disk.trace) if step.op == "ack"]
    for seed in range(n_states):
        random = Random(seed)
        cut = random.randrange(acks[0], len(disk.trace)) + 1
        crashed = folder / str(seed)
        crashed.mkdir()
        for name, data in disk.after_power_loss(disk.trace[:cut], random).items():
            (crashed / name).write_bytes(data)
        acknowledged = {str(step.note) for step in disk.trace[:cut] if step.op == "ack"}
        if said := complaints(crashed / "store.db", acknowledged, SENT):
            return said, seed + 1
    return [], n_states


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is copied into the file every few commits."""
    monkeypatch.setattr(group_commit, "WAL_PAGES", 40)


def test_nothing_acknowledged_is_lost(tmp_path: Path, many: bool) -> None:
    disk = FaultyDisk()
    run(tmp_path, disk)
    assert sum(step.op == "ack" for step in disk.trace) > 100
    assert sum(step.op == "sync" and step.file == "store.db" for step in disk.trace) > 5
    said, seen = search(tmp_path, disk, 10_000 if many else 150)
    assert not said, f"state {seen}: {said}"


@pytest.mark.parametrize(
    ("lying", "synchronous"), [("-wal", "FULL"), ("store.db", "FULL"), ("", "NORMAL"), ("", "OFF")]
)
def test_a_missing_sync_is_found(tmp_path: Path, lying: str, synchronous: str) -> None:
    disk = FaultyDisk(lying=lying)
    run(tmp_path, disk, synchronous)
    said, _ = search(tmp_path, disk, 200)
    assert said
