"""The embedded store: acknowledged durable events, history reads, snapshot and load.

    python bench/bench_store.py [--seconds 3] [--events 1000000] [--folder DIR]

Writers are closed-loop threads: each waits for its acknowledgement before it sends again. The folder
decides which disk is measured; the cost of one fsync on it is printed first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from zhiyin.data import Dataset
from zhiyin.data.catalogue import Catalogue, Ids
from zhiyin.store import Event, SqliteStore
from zhiyin.store.check import check_store
from zhiyin.types import Item

AT = 1_700_000_000.0


def fsync_us(folder: Path) -> float:
    with (folder / "probe").open("wb", buffering=0) as file:
        times = []
        for _ in range(200):
            file.write(bytes(4096))
            start = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return float(np.median(times) * 1e6)


def write(
    store: SqliteStore, n_threads: int, batch: int, seconds: float, name: str
) -> tuple[float, np.ndarray]:
    """Events a second, and how long the acknowledgements took (ms)."""
    counts, waits = [0] * n_threads, [[] for _ in range(n_threads)]
    until = time.perf_counter() + seconds

    def run(thread: int) -> None:
        random = np.random.default_rng(thread)
        step = 0
        while (start := time.perf_counter()) < until:
            users, items = random.integers(0, 200_000, batch).tolist(), random.zipf(1.3, batch) % 100_000
            events = [
                Event(
                    user=f"user-{user}",
                    item=f"item-{item}",
                    at=AT + step,
                    event_id=f"{name}-{thread}-{step}-{k}",
                )
                for k, (user, item) in enumerate(zip(users, items.tolist(), strict=True))
            ]
            begin = time.perf_counter()
            store.append(events, at=AT + step).result()
            waits[thread].append(time.perf_counter() - begin)
            counts[thread] += batch
            step += 1
        del start

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds, np.concatenate([np.array(wait) for wait in waits]) * 1e3


def one_process(path: str, n_threads: int, batch: int, seconds: float, name: str) -> None:
    store = SqliteStore.open(path, verify=False)
    rate, waits = write(store, n_threads, batch, seconds, name)
    store.close()
    p50, p99 = np.percentile(waits, [50, 99])
    print(f"{rate:.0f} {p50:.1f} {p99:.1f} {waits.max():.1f}", flush=True)


def processes(folder: Path, n: int, batch: int, seconds: float) -> None:
    path = folder / f"write-{n}-{batch}.db"
    SqliteStore.open(path).close()
    call = [sys.executable, __file__, "--one", str(path), str(16 // n), str(batch), str(seconds)]
    running = [subprocess.Popen([*call, f"p{k}"], stdout=-1, text=True) for k in range(n)]
    rows = np.array([process.communicate()[0].split() for process in running], float)
    p50, p99, most = rows[:, 1].mean(), rows[:, 2].max(), rows[:, 3].max()
    print(
        f"{n} process(es), 16 threads, batches of {batch}: {rows[:, 0].sum():,.0f} events/s; "
        f"p50 {p50:.1f} p99 {p99:.1f} longest {most:.0f} ms"
    )


def data_set(n_events: int, n_users: int, n_items: int) -> Dataset:
    random = np.random.default_rng(0)
    return Dataset.build(
        users=Ids(f"user-{k}" for k in range(n_users)),
        items=Catalogue.of(
            Item(f"item-{k}", f"title {k}", "", {"genre": (f"g{k % 20}",)}) for k in range(n_items)
        ),
        user=random.integers(0, n_users, n_events).astype(np.int32),
        item=(random.zipf(1.3, n_events) % n_items).astype(np.int32),
        kind=np.full(n_events, 2, np.int8),
        value=np.full(n_events, np.nan, np.float32),
        at=AT + np.sort(random.uniform(0, 1e7, n_events)),
    )


def timed(what: str, start: tuple[float, float]) -> None:
    wall, processor = (after - before for before, after in zip(start, clocks(), strict=True))
    print(f"{what}: {wall:.1f} s, {processor:.1f} s of them on a processor", flush=True)


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def whole(folder: Path, n_events: int) -> None:
    data = data_set(n_events, max(n_events // 25, 10), max(n_events // 50, 10))
    path = folder / "whole.db"
    store = SqliteStore.open(path)
    start = clocks()
    store.load(data, at=AT)
    timed(f"load of {n_events:,} events", start)
    store.close()
    print(f"file {path.stat().st_size / 2**20:,.0f} MiB")
    start = clocks()
    store = SqliteStore.open(path)
    timed("open, every page checked", start)
    start = clocks()
    back = store.snapshot()
    timed(f"snapshot of {len(back):,} events", start)
    start = clocks()
    assert check_store(path) == []
    timed("check_store", start)
    for n in (1, 50, 200):
        users = [f"user-{k}" for k in np.random.default_rng(1).integers(0, data.n_users, 2000)]
        times = []
        for user in users:
            start = time.perf_counter()
            store.history(user, n)
            times.append(time.perf_counter() - start)
        print(
            f"history of {n}: least {min(times) * 1e6:.0f} us, p50 {np.median(times) * 1e6:.0f} us, "
            f"p99 {np.percentile(times, 99) * 1e6:.0f} us"
        )
    store.close()


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        path, n_threads, batch, seconds, name = sys.argv[2:]
        one_process(path, int(n_threads), int(batch), float(seconds), name)
        return
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--folder", default=None)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        print(f"one fsync of 4 KiB: {fsync_us(folder):.0f} us (median)")
        for n in (1, 2):
            for batch in (100, 1):
                processes(folder, n, batch, given.seconds)
        whole(folder, given.events)


if __name__ == "__main__":
    main()
