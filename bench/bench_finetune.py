"""What a small model learns of next titles within minutes on a CPU: the loss of held ones, before and after.

python bench/bench_finetune.py --model smollm2-135m --data ml-100k --steps 60
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from zhiyin.cli import main
from zhiyin.data.sets import load_bench


def measure() -> None:
    """Runs the command itself on a project of the data set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--check", type=int, default=32)
    parser.add_argument("--out", type=Path, help="Keep the adapter there.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        load_bench(given.data).save(place / "data")
        out = given.out or place / "adapter"
        asked = ["--model", given.model, "--steps", str(given.steps), "--check", str(given.check)]
        began = time.perf_counter()
        try:
            main(["finetune", str(place), *asked, "--out", str(out)])
        except SystemExit as ended:
            if ended.code:
                raise
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{time.perf_counter() - began:.0f} s, of the processor {used.ru_utime + used.ru_stime:.0f} s")
        print(f"most memory {used.ru_maxrss / 1024:.0f} MB")
        for file in sorted(out.glob("adapter*")):
            print(f"{file.name} {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    measure()
