"""Every collaborative retriever on its own, and the libraries' peers, as one Markdown table.

    ZHIYIN_DATA=... python bench/bench_retrievers.py ml-100k ml-1m --regime T --part test

Leave-one-out, whole catalogue, seen items filtered, ties in file order, settings from validation. `ms` is
the median processor time of one query through the very call that serves (relevance and its ten best), one
thread; `fit s` is processor time of all threads; `RSS` is what the process grew by, in MB. Each row runs in a
process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zhiyin import retrieve
from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.types import IntArray, Query

Ask = Callable[[Query, int], IntArray]


class Peer:
    """A recommender of the library `implicit`, asked with the whole live history."""

    def __init__(self, module: str, name: str, **options: Any) -> None:
        self.module, self.name, self.options = module, name, options

    def fit(self, data: Dataset) -> Ask:
        matrix = user_item_matrix(data)
        library = getattr(__import__(self.module, fromlist=[self.name]), self.name)(**self.options)
        library.fit(matrix, show_progress=False)
        if self.name == "BayesianPersonalizedRanking":  # it cannot fold in: a stored user's row answers

            def ask_stored(query: Query, n: int) -> IntArray:
                user, row = data.users.code(query.user or ""), matrix[:1]
                options = {"filter_already_liked_items": False, "filter_items": query.exclude}
                stored: IntArray = library.recommend(user, row, N=n, **options)[0]
                return stored

            return ask_stored
        empty = matrix[:1]
        fold = {"recalculate_user": True} if self.name == "AlternatingLeastSquares" else {}

        def ask(query: Query, n: int) -> IntArray:
            items = np.unique(query.history.items).astype(np.int32)
            ones = np.ones(len(items), np.float32)
            row = type(empty)((ones, items, np.array([0, len(items)])), shape=empty.shape)
            found: IntArray = library.recommend(0, row, N=n, filter_already_liked_items=True, **fold)[0]
            return found

        return ask


def ours(name: str, **options: Any) -> Callable[[Dataset], Ask]:
    def fit(data: Dataset) -> Ask:
        fitted = getattr(retrieve, name)(**options).fit(data, seed=0)
        return lambda query, n: fitted.relevance(query).top(n, query.exclude)

    return fit


ROWS: dict[str, Callable[[Dataset], Ask]] = {
    "popular": ours("PopularRetriever"),
    "popular, window 30 days": ours("PopularRetriever", window_days=30.0),
    "recent": ours("RecentRetriever"),
    "kernel": ours("KernelRetriever"),
    "ease": ours("EaseRetriever"),
    "ease, sparse form": ours("EaseRetriever", max_exact=0),
    "slit": ours("SlitRetriever"),
    "als": ours("AlsRetriever"),
    "sgd": ours("SgdRetriever"),
    "item_knn cosine": ours("ItemKnnRetriever", similarity="cosine"),
    "item_knn pearson": ours("ItemKnnRetriever", similarity="pearson"),
    "item_knn euclidean": ours("ItemKnnRetriever", similarity="euclidean"),
    "user_knn": ours("UserKnnRetriever"),
    "graph (RP3beta)": ours("GraphRetriever"),
    "page_rank": ours("PageRankRetriever"),
    "implicit cosine": Peer("implicit.nearest_neighbours", "CosineRecommender", K=100).fit,
    "implicit BM25": Peer("implicit.nearest_neighbours", "BM25Recommender", K=100).fit,
    "implicit ALS": Peer("implicit.als", "AlternatingLeastSquares", factors=64, random_state=0).fit,
    "implicit BPR": Peer("implicit.bpr", "BayesianPersonalizedRanking", factors=64, random_state=0).fit,
}


def measure(row: str, name: str, regime: Any, part: Any, most: int) -> dict[str, float]:
    """Quality and cost of one row on one set."""
    split = LeaveOneOut(regime).split(load_bench(name), part)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    ask = ROWS[row](split.fit)
    fitted = time.process_time() - start
    gains, spent = [], []
    for query, target in questions(split.holdout, most):
        start = time.thread_time()
        top = ask(query, 10)
        spent.append(time.thread_time() - start)
        place = np.flatnonzero(top == target)
        gains.append(1 / np.log2(place[0] + 2) if len(place) else 0.0)
    gain, rss = np.array(gains), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "N@10": float(gain.mean()),
        "se": float(gain.std() / np.sqrt(len(gain))),
        "HR@10": float((gain > 0).mean()),
        "fit s": fitted,
        "ms": 1000 * float(np.median(spent)),
        "RSS": rss / 1024,
    }


def questions(holdout: Any, most: int) -> Iterator[tuple[Query, int]]:
    chosen = np.arange(len(holdout))
    if most and most < len(chosen):
        chosen = np.sort(np.random.default_rng(0).permutation(chosen)[:most])
    for place in chosen:
        history, user = holdout.history(place), holdout.data.users[int(holdout.user[place])]
        query = Query(history.tail(100), user=user, at=holdout.at(place), exclude=np.unique(history.items))
        yield query, int(holdout.targets(place)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="*", default=["ml-100k"])
    parser.add_argument("--regime", choices=["T", "T+V"], default="T")
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--most", type=int, default=0, help="ask at most so many users; 0 = all")
    parser.add_argument("--rows", nargs="*", help="only rows whose name begins so")
    arguments = parser.parse_args()
    for name in arguments.sets:
        print(f"\n**{name}**, leave-one-out, {arguments.part}, regime {arguments.regime}, full catalogue, "
              f"seen filtered{f', {arguments.most} users' if arguments.most else ''}\n")  # fmt: skip
        print("| retriever | N@10 | HR@10 | fit s | ms | RSS MB |\n|---|---|---|---|---|---|")
        for row in ROWS:
            if arguments.rows and not row.startswith(tuple(arguments.rows)):
                continue
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                got = pool.apply(measure, (row, name, arguments.regime, arguments.part, arguments.most))
            print(
                f"| {row} | {got['N@10']:.4f} ± {got['se']:.4f} | {got['HR@10']:.4f} | {got['fit s']:.1f} "
                f"| {got['ms']:.2f} | {got['RSS']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
