"""A process that forks children to be killed: one for each line `folder seed how` of its input.

The child ingests from 8 threads and prints the id of every acknowledged event. Where `how` is `early` it
prints them before they are on disk, the planted bug.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from random import Random

from workload import AT

from zhiyin.store import Event, SqliteStore, group_commit


def ingest(store: SqliteStore, thread: int, seed: int, early: bool) -> None:
    random = Random(seed * 100 + thread)
    for step in range(1_000_000):
        ids = [f"{seed}-{thread}-{step}-{k}" for k in range(random.choice([1, 1, 3, 20]))]
        events = [Event(user=f"u{random.randrange(5)}", item="i", at=AT + step, event_id=id) for id in ids]
        future = store.append(events, at=AT)
        line = "".join(f"{id}\n" for id in ids).encode()
        if early:
            os.write(1, line)
        future.result()
        if not early:
            os.write(1, line)


def child(folder: str, seed: int, how: str) -> None:
    group_commit.WAL_PAGES = 100
    store = SqliteStore.open(Path(folder) / "store.db", commit_ms=20 if how == "early" else 0)
    threads = [threading.Thread(target=ingest, args=(store, k, seed, how == "early")) for k in range(8)]
    for thread in threads:
        thread.start()
    os.write(1, b"ready\n")
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    for order in sys.stdin:
        folder, seed, how = order.split()
        pid = os.fork()
        if not pid:
            child(folder, int(seed), how)
        os.write(1, f"pid {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"gone\n")
