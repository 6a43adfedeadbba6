"""One recommendation in process, and what the fit of the default recommender costs.

    python bench/bench_latency.py [--set ml-1m] [--requests 2000]
    python bench/bench_latency.py --synthetic 100000,200000,5000000 [--artefact DIR]
    python bench/bench_latency.py --short

The second form takes a made-up shop (items, users, events) and texts in hashed vectors; the recommender is
read from DIR, or fitted and saved there. It also tells what the process holds and what one new item costs.

Askers bring a history of 100 events. The floor of the ratio is EASE alone by a dense library
routine: one dense matrix-vector product over the catalogue, the seen items masked, `argpartition` for
ten. All ways run in this process on one thread, one after the other in several rounds: by single requests
in turn, the 46 MB of the dense matrix would push everything else out of the processor's caches. `rank` is
the path of evaluation and service, `recommend` adds reasons and objects.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from synthetic import Shop, new_items, synthetic
from threadpoolctl import threadpool_limits

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.recommender import Recommender
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.hash_encoder import HashEncoder
from zhiyin.represent.short_rows import in_16_bits
from zhiyin.retrieve.ease import exact_weights
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.types import FloatArray, Query

ROUNDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="ml-1m")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--synthetic", default="")
    parser.add_argument("--artefact", default="")
    parser.add_argument("--short", action="store_true", help="a product with rows in 16 bits and in 32")
    args = parser.parse_args()
    if args.short:
        return short()
    if args.synthetic:
        return large(Shop(*map(int, args.synthetic.split(","))), args.requests, args.artefact)
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


def large(shop: Shop, n_requests: int, artefact: str) -> None:
    data = synthetic(shop)
    if not artefact or not Path(artefact).exists():
        artefact = artefact or str(Path(tempfile.mkdtemp()) / "artefact")
        start = time.perf_counter()
        recommender = Recommender.default(data, encoder=CachedEncoder(HashEncoder(dim=512))).fit(data)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"fit: {time.perf_counter() - start:.0f} s, peak {peak:.2f} GiB; {recommender.timings_}")
        recommender.save(artefact)
        del recommender
    before, start = resident(), time.perf_counter()
    recommender = Recommender.load(artefact, histories=False)
    print(f"load: {time.perf_counter() - start:.1f} s, {resident() - before:.2f} GiB")
    users = np.flatnonzero(np.diff(data.indptr) >= 30)[:n_requests]
    pasts = [data.history(int(user)).tail(50) for user in users]
    queries = [Query(past, at=float(past.at[-1]) + 60, exclude=np.unique(past.items)) for past in pasts]
    factors = np.random.default_rng(0).normal(size=(shop.n_items, 128)).astype(np.float32)

    def dense(query: Query) -> object:
        scores = factors @ factors[query.history.items].mean(axis=0)
        scores[query.exclude] = -np.inf
        best = np.argpartition(-scores, 10)[:10]
        return best[np.argsort(-scores[best])]

    ways: dict[str, Callable[[Query], object]] = {
        "dense product of 128 factors": dense,
        "rank": lambda query: recommender.rank(query, 10),
        "recommend": lambda query: recommender.answer(query, 10),
    }
    with threadpool_limits(1):
        report({name: [] for name in ways}, ways, queries)
        for n in (1, 1, 1000):
            items = new_items(data, n, seed=n)
            recommender.encoder.encode([Catalogue.of([item]).describe(0) for item in items])  # type: ignore[union-attr]
            start = time.perf_counter()
            recommender.add_items(items)
            print(f"add_items of {n}: {(time.perf_counter() - start) * 1e3:.0f} ms")
    print(f"the process holds {resident():.2f} GiB, with the data set")


def resident() -> float:
    """GiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**30


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
    first = next(iter(times))
    floor = float(np.median(times[first]))
    print(f"| way | p50 ms | p99 ms | p50 / {first} |\n|---|---|---|---|")
    for name, values in times.items():
        p50, p99 = np.percentile(values, [50, 99])
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {p50 / floor:.1f} |")


def short(n_items: int = 100_000, dim: int = 256, n_read: int = 1_500) -> None:
    """A product with the rows that one search reads, from lists that lie far apart, by three ways of keeping
    them. The rows of a whole catalogue are there, so that the cache does not hold what is read."""
    rng = np.random.default_rng(0)
    wide = rng.normal(0, dim**-0.5, (n_items, dim)).astype(np.float32)
    whole, scales = in_16_bits(wide)
    halves, size = wide.astype(np.float16), int(n_items / (4 * n_items**0.5))
    vector = rng.normal(size=dim).astype(np.float32)
    starts = [np.sort(rng.choice(n_items // size, n_read // size, replace=False)) * size for _ in range(200)]

    def product(rows: NDArray[Any], some: NDArray[np.integer]) -> FloatArray:
        read = np.concatenate([rows[start : start + size] for start in some], dtype=np.float32)
        return read @ vector

    def scaled(some: NDArray[np.integer]) -> FloatArray:
        return product(whole, some) * np.concatenate([scales[start : start + size] for start in some])

    ways = {
        "float32": lambda some: product(wide, some),
        "whole numbers and a scale a row": scaled,
        "float16": lambda some: product(halves, some),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    with threadpool_limits(1):
        for some in starts:
            for name, way in ways.items():
                start = time.process_time()
                way(some)
                spent[name].append(time.process_time() - start)
    print(f"{n_read:,} of {n_items:,} x {dim}")
    for name, taken in spent.items():
        print(f"  {name:34}{float(np.median(taken)) * 1e3:6.3f} ms")


if __name__ == "__main__":
    main()
