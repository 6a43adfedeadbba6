"""How fast events come in, and in how much memory, beside the bare reader of the same file in the same run.

    python bench/bench_import.py [--rows 1000000] [--repeat 3]

Prints rows per second and the peak of memory of each. Every measurement is a process of its own, so that
one's memory is not the other's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

RUNS = ("csv bare", "csv", "parquet bare", "parquet", "jsonl bare", "jsonl", "csv messy")


def write(folder: Path, rows: int) -> None:
    """Skewed users and items, all kinds, a value, a time, a device; `messy` has 2 % of every flaw."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(rng.zipf(1.3, rows) % 100_000).cast(pl.String),
            "item_id": "item-" + pl.Series(rng.zipf(1.2, rows) % 50_000).cast(pl.String),
            "event": rng.choice(["view", "click", "addtocart", "buy", "like"], rows),
            "value": (rng.random(rows) * 5).round(1),
            "timestamp": 1_600_000_000 + rng.integers(0, 10_000_000, rows),
            "device": rng.choice(["ios", "android", "web"], rows),
        }
    )
    frame.write_csv(folder / "events.csv")
    frame.write_parquet(folder / "events.parquet")
    frame.write_ndjson(folder / "events.jsonl")
    lot = pl.Series(rng.random(rows))
    messy = frame.with_columns(
        user_id=pl.when(lot < 0.02).then(pl.lit("")).otherwise("user_id"),
        item_id=pl.when(lot.is_between(0.02, 0.04)).then(pl.col("item_id") + " ").otherwise("item_id"),
        event=pl.when(lot.is_between(0.04, 0.06)).then(pl.lit("teleport")).otherwise("event"),
        timestamp=pl.when(lot.is_between(0.06, 0.08)).then(pl.lit(5)).otherwise("timestamp"),
    )
    messy.write_csv(folder / "messy.csv")


def measure(folder: Path, name: str) -> dict[str, float]:
    """Seconds and MiB above the imports of one run, in this process."""
    from zhiyin.data.importing import import_events

    form, _, how = name.partition(" ")
    path = folder / ("messy.csv" if how == "messy" else f"events.{form}")
    bare = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}[form]
    before = peak_mib()
    start, burnt = time.perf_counter(), time.process_time()
    result = bare(path) if how == "bare" else import_events(path).data
    seconds = time.perf_counter() - start
    cpu = time.process_time() - burnt
    return {"seconds": seconds, "cpu": cpu, "mib": peak_mib() - before, "rows": len(result)}


def peak_mib() -> float:
    """The most that this process ever held; what `getrusage` says would include its parent's peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(Path(options.measure[0]), options.measure[1])))
        return
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), options.rows)
        print(f"{options.rows:,} rows, {Path(scratch, 'events.csv').stat().st_size / 2**20:.0f} MiB as CSV")
        best: dict[str, dict[str, float]] = {}
        for name in RUNS * options.repeat:
            command = [sys.executable, __file__, "--measure", scratch, name]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if name not in best or found["seconds"] < best[name]["seconds"]:
                best[name] = found
        for name, found in best.items():
            base = best["csv bare" if name == "csv messy" else f"{name.split()[0]} bare"]
            speed = options.rows / found["seconds"]
            ratio = found["seconds"] / base["seconds"], found["cpu"] / base["cpu"]
            print(
                f"{name:<13} {found['seconds']:6.2f} s  CPU {found['cpu']:5.2f} s {speed:>12,.0f} rows/s "
                f"{found['mib']:6.0f} MiB  x bare: {ratio[0]:.1f} time, {ratio[1]:.1f} CPU"
            )


if __name__ == "__main__":
    main()
