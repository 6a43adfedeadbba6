"""Another process on the same store. Called with a number it ingests that list of events.

Called with `fresh` it answers each line of its input, a user, with the event it sees last; with `stale` it
reads one state for ever, the planted bug.
"""

from __future__ import annotations

import os
import sys
from random import Random

from workload import AT, event

from zhiyin.store import SqliteStore


def part_of(seed: int, n: int) -> list[int]:
    """Numbers of events, some twice, in an order of chance."""
    random = Random(seed)
    numbers = [random.randrange(n) for _ in range(n)] + list(range(n))
    random.shuffle(numbers)
    return numbers


if __name__ == "__main__":
    path, how = sys.argv[1:3]
    store = SqliteStore.open(path, commit_ms=0)
    if how == "stale":
        store.history("u0", 1)
        store._local.db.execute("BEGIN")
    if how.isdecimal():
        futures = [store.append([event(number)], at=AT + 1e6) for number in part_of(int(how), 300)]
        for future in futures:
            future.result()
    else:
        os.write(1, b"ready\n")
        for line in sys.stdin:
            seqs = store.history(line.strip(), 1).seqs
            os.write(1, b"%d\n" % (seqs[-1] if len(seqs) else 0))
    store.close()
