"""kill -9 during ingestion: every acknowledged event is there once, the store opens without repair."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from workload import wrong

from zhiyin.store import SqliteStore


class Nursery:
    """Children that ingest into a store until they are killed."""

    def __init__(self) -> None:
        script = Path(__file__).parent / "ingesting_process.py"
        self.process = subprocess.Popen([sys.executable, str(script)], stdin=-1, stdout=-1, text=True)

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)

    def run(self, folder: Path, seed: int, how: str, ms: float) -> set[str]:
        """The ids that a child acknowledged before it was killed, `ms` after its first sign."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{folder} {seed} {how}\n")
        self.process.stdin.flush()
        acknowledged: set[str] = set()
        pid = 0
        for line in self.process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "pid":
                pid = int(rest)
            elif word == "ready":
                time.sleep(ms / 1e3)
                os.kill(pid, signal.SIGKILL)
            elif word == "gone":
                break
            else:
                acknowledged.add(word)
        return acknowledged


def kills(folder: Path, n: int, how: str) -> tuple[list[str], int]:
    """Complaints after the first of `n` kills that gives any, and how many events were acknowledged.

    Ten kills go to one store, which is opened and looked through after each.
    """
    random, total = Random(7), 0
    nursery = Nursery()
    try:
        for seed in range(n):
            place = folder / str(seed // 10)
            if seed % 10 == 0:
                place.mkdir()
                acknowledged: set[str] = set()
            new = nursery.run(place, seed, how, random.uniform(5, 300))
            acknowledged, total = acknowledged | new, total + len(new)
            store = SqliteStore.open(place / "store.db")
            seen = {row["event_id"] for user in store.users() for row in store.export(user.id)["events"]}
            said = wrong(store, acknowledged, seen)
            store.close()
            if said:
                return said, total
    finally:
        nursery.close()
    return [], total


def test_every_acknowledged_event_survives(tmp_path: Path, many: bool) -> None:
    said, n = kills(tmp_path, 100 if many else 12, "late")
    assert not said
    assert n > 100


def test_an_acknowledgement_before_the_commit_is_found(tmp_path: Path) -> None:
    said, _ = kills(tmp_path, 12, "early")
    assert any(one.startswith("lost") for one in said)


@pytest.mark.parametrize("how", ["late"])
def test_a_killed_store_is_small_again_when_it_opens(tmp_path: Path, how: str) -> None:
    kills(tmp_path, 1, how)
    SqliteStore.open(tmp_path / "0" / "store.db").close()
    assert (tmp_path / "0" / "store.db-wal").stat().st_size == 0
