"""Trees against a network as the ranker of the default recommender: the same sources, the same lessons.

    python bench/bench_ranker.py ml-100k ml-1m amazon-beauty [--part test] [--seeds 3]
    python bench/bench_ranker.py ml-100k --rows trees cross --cross '{"rank": 32}'

Leave-one-out, whole catalogue, seen items filtered (but with `--seen`), regime T. Sources and features are
fitted once a set; each ranker then learns from the replay rows of that fit, `--seeds` times, and a user's
value is the mean over the seeds. `both` adds the standardised scores of the two. Milliseconds are those of
the processor for the scores of 200 candidates whose features are known, on one thread.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.evaluate import Protocol
from zhiyin.evaluate.evaluate import measured
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.paired import compare
from zhiyin.evaluate.questions import Questions
from zhiyin.rank import BoostedRanker, CrossRanker
from zhiyin.rank.ranker import RowsRanker
from zhiyin.rank.rows import Rows
from zhiyin.rank.student import standard
from zhiyin.recommender import Recommender
from zhiyin.types import FloatArray

METRICS = ("recall@10", "ndcg@10")
Values = dict[str, list[FloatArray]]


class Noting(BoostedRanker):
    """Keeps the rows that it learnt from."""

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Self:
        self.given = rows
        return super().fit_rows(rows, seed=seed)


class Both(BoostedRanker):
    """The trees and a network, each in units of its spread among the candidates."""

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Self:
        self.network = CrossRanker(features=self.features, n_threads=1).fit_rows(rows, seed=seed)
        return super().fit_rows(rows, seed=seed)

    def score_rows(self, rows: FloatArray) -> FloatArray:
        found = standard(super().score_rows(rows)[:, None]) + standard(self.network.score_rows(rows)[:, None])
        return found[:, 0].astype(np.float32)


def makers(options: Mapping[str, Any]) -> dict[str, Callable[[Any], Any]]:
    """Name -> ranker over these features."""
    return {
        "trees": lambda features: BoostedRanker(features=features, n_threads=1),
        "cross": lambda features: CrossRanker(features=features, n_threads=1, **options),
        "linear": lambda features: CrossRanker(features=features, n_threads=1, n_cross=0),
        "both": lambda features: Both(features=features, n_threads=1),
    }


def milliseconds(ranker: RowsRanker, rows: FloatArray, n: int = 200) -> float:
    """Processor time of the scores of 200 candidates."""
    with threadpool_limits(1):
        ranker.score_rows(rows)
        started = time.process_time()
        for _ in range(n):
            ranker.score_rows(rows)
    return (time.process_time() - started) / n * 1e3


def quality(name: str, args: argparse.Namespace) -> None:
    data = load_bench(name)
    protocol = Protocol(splitter=LeaveOneOut(regime="T"), part=args.part, seed=0, filter_seen=not args.seen)
    gauge = Gauge.of(Questions.of(data, protocol), None)
    whole = Recommender.default(data)
    assert whole.ranker is not None
    noting = whole.ranker = Noting(features=whole.ranker.features, n_threads=1)
    started = time.perf_counter()
    whole.fit(gauge.questions.split.fit, seed=0)
    rows = noting.given
    print(f"\n## {name}, {args.part}, {len(gauge.questions):,} questions, {args.seeds} seeds")
    print(f"all sources and rows in {time.perf_counter() - started:.0f} s: {rows.values.shape[0]:,} rows of")
    print(f"{len(rows.group):,} questions, {rows.values.shape[1]} features", flush=True)
    values: dict[str, dict[str, FloatArray]] = {}
    for label in args.rows:
        values[label] = row(label, whole, rows, gauge, args)
    for label in args.rows[1:]:
        for metric in METRICS:
            pair = values[label][metric], values[args.rows[0]][metric]
            print(compare(*pair, names=(label, args.rows[0]), metric=metric), flush=True)


def row(
    label: str, whole: Recommender, rows: Rows, gauge: Gauge, args: argparse.Namespace
) -> dict[str, FloatArray]:
    """metric -> (q,) mean over the seeds."""
    found: Values = {metric: [] for metric in METRICS}
    seconds = []
    for seed in range(args.seeds):
        assert whole.ranker is not None
        ranker = makers(args.cross)[label](whole.ranker.features)
        started = time.process_time()
        ranker.fit_rows(rows, seed=seed)
        seconds.append(time.process_time() - started)
        less = copy.copy(whole)
        less.ranker = ranker
        told, _ = measured(label, less, gauge, fit=False)
        for metric in METRICS:
            found[metric].append(told.per_user[metric])
    means = {metric: np.mean(each, axis=0) for metric, each in found.items()}
    said = "  ".join(
        f"{metric} {means[metric].mean():.4f} ({', '.join(f'{one.mean():.4f}' for one in each)})"
        for metric, each in found.items()
    )
    ms = milliseconds(ranker, rows.values[:200])
    print(f"{label:<12}{said}  fit {np.mean(seconds):.1f} s  {ms:.2f} ms", flush=True)
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--part", choices=("validation", "test"), default="validation")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seen", action="store_true", help="seen items may come again, as places do")
    parser.add_argument("--rows", nargs="+", default=["trees", "cross", "both"], choices=makers({}))
    parser.add_argument("--cross", type=json.loads, default={}, help="options of the network, as JSON")
    args = parser.parse_args()
    for name in args.sets:
        quality(name, args)


if __name__ == "__main__":
    main()
