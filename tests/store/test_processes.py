"""Two processes on one store: what one acknowledged the other reads in its next call; both may write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from answering_process import part_of
from workload import AT, event, wrong

from zhiyin.store import Event, SqliteStore

SCRIPT = Path(__file__).parent / "answering_process.py"


def misses(path: Path, trials: int, how: str) -> int:
    """How often the other process did not see what had been acknowledged here."""
    store = SqliteStore.open(path, commit_ms=0)
    store.append([Event(user="u0", item="i")], at=AT).result()
    other = subprocess.Popen([sys.executable, str(SCRIPT), str(path), how], stdin=-1, stdout=-1, text=True)
    assert other.stdin and other.stdout
    missed = 0
    try:
        assert other.stdout.readline() == "ready\n"
        for trial in range(trials):
            user = f"u{trial % 10}"
            done = store.append([Event(user=user, item="i", at=AT + trial)], at=AT + trial).result()
            other.stdin.write(f"{user}\n")
            other.stdin.flush()
            missed += int(other.stdout.readline()) != done[0].seq
    finally:
        other.stdin.close()
        other.stdout.close()
        other.wait(20)
        store.close()
    return missed


def test_what_one_acknowledges_the_other_reads(tmp_path: Path, many: bool) -> None:
    assert misses(tmp_path / "store.db", 10_000 if many else 1_000, "fresh") == 0


def test_a_stale_reader_is_found(tmp_path: Path) -> None:
    assert misses(tmp_path / "store.db", 30, "stale") > 0


@pytest.mark.parametrize("n_processes", [2])
def test_several_may_write(tmp_path: Path, n_processes: int) -> None:
    """Overlapping lists in different orders come to one state."""
    path = tmp_path / "store.db"
    SqliteStore.open(path).close()
    command = [sys.executable, str(SCRIPT), str(path)]
    others = [subprocess.Popen([*command, str(seed)]) for seed in range(n_processes)]
    assert [other.wait(60) for other in others] == [0] * n_processes
    store = SqliteStore.open(path)
    ids = {event(number).event_id for seed in range(n_processes) for number in part_of(seed, 300)}
    assert wrong(store, ids, ids) == []
    for user in range(7):
        at = store.history(f"u{user}", 1000).at
        assert at.tolist() == [AT + number for number in range(300) if number % 7 == user]
    store.close()
