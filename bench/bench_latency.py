"""One recommendation in process on ML-1M, and what the fit of the default recommender costs.

    python bench/bench_latency.py [--set ml-1m] [--requests 2000]

Askers bring a history of 100 events. The floor of the ratio is EASE alone by a dense library
routine: one dense matrix-vector product over the catalogue, the seen items masked, `argpartition` for
ten. All ways run in this process on one thread, one after the other in several rounds: by single requests
in turn, the 46 MB of the dense matrix would push everything else out of the processor's caches. `rank` is
the path of evaluation and service, `recommend` adds reasons and objects.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.recommender import Recommender
from zhiyin.retrieve.ease import exact_weights
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.types import Query

ROUNDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="ml-1m")
    parser.add_argument("--requests", type=int, default=2000)
    args = parser.parse_args()
    split = LeaveOneOut().split(load_bench(args.set))
    start = time.perf_counter()
    recommender = Recommender.default(split.fit).fit(split.fit)
    fit_s = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    slowest = sorted(recommender.timings_.items(), key=lambda pair: -pair[1])[:8]
    print(f"fit of the default recommender on {args.set}: {fit_s:.0f} s, peak {peak:.2f} GiB")
    print("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest))

    weights = exact_weights(user_item_matrix(split.fit), 400.0)
    queries = [question(split, place) for place in range(args.requests)]

    def dense(query: Query) -> object:
        row = np.zeros(weights.shape[0], np.float32)
        row[query.history.items] = 1
        scores = row @ weights
        scores[query.exclude] = -np.inf
        best = np.argpartition(-scores, 10)[:10]
        return best[np.argsort(-scores[best])]

    ways: dict[str, Callable[[Query], object]] = {
        "dense EASE alone": dense,
        "rank": lambda query: recommender.rank(query, 10),
        "recommend": lambda query: recommender.answer(query, 10),
    }
    with threadpool_limits(1):
        report({name: [] for name in ways}, ways, queries)


def question(split, place: int) -> Query:  # type: ignore[no-untyped-def]
    history = split.holdout.history(place % len(split.holdout))
    return Query(history.tail(100), exclude=np.unique(history.items))


def report(
    times: dict[str, list[float]], ways: dict[str, Callable[[Query], object]], queries: list[Query]
) -> None:
    for query in queries[:50]:
        for ask in ways.values():
            ask(query)
    for part in np.array_split(np.arange(len(queries)), ROUNDS):
        for name, ask in ways.items():
            for place in part:
                start = time.perf_counter()
                ask(queries[place])
                times[name].append((time.perf_counter() - start) * 1e3)
    floor = float(np.median(times["dense EASE alone"]))
    print("| way | p50 ms | p99 ms | p50 / dense EASE |\n|---|---|---|---|")
    for name, values in times.items():
        p50, p99 = np.percentile(values, [50, 99])
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {p50 / floor:.1f} |")


if __name__ == "__main__":
    main()
