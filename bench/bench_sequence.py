"""What a network over the order of events adds: alone, beside the other sources, and at what price.

    python bench/bench_sequence.py ml-1m amazon-beauty amazon-games [--rows default sequence] [--keep DIR]
    python bench/bench_sequence.py amazon-beauty --regime T+V
    python bench/bench_sequence.py ml-1m --network '{"dim": 128, "negatives": 0}' --epochs 20
    python bench/bench_sequence.py ml-1m --latency
    python bench/bench_sequence.py ml-100k --augment --part validation

Leave-one-out, whole catalogue, seen filtered, regime T unless said. `default` is the recommender without the
network, `sequence` with it, `both` with a GRU beside it, `gru` a GRU alone, `transformer` the network of that
recommender alone, `no clock` (for data with times) the same when it is not told when the question is put.
With `--keep` trainings leave checkpoints there (a run that was cut off goes on), what was fitted is saved,
and rows keep their values by user, so that rows of several calls are compared. Times of a query are those of
the processor, which a busy machine does not lengthen.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.evaluate import Protocol
from zhiyin.evaluate.evaluate import measured
from zhiyin.evaluate.evaluation import Row
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.paired import compare
from zhiyin.evaluate.questions import Questions
from zhiyin.recommender import Recommender
from zhiyin.retrieve import GruRetriever, TransformerRetriever
from zhiyin.types import Candidates, Query

METRICS = ("recall@10", "ndcg@10")


class Clockless:
    """A recommender that is not told when it is asked."""

    def __init__(self, inner: Recommender) -> None:
        self.inner = inner
        self.items_ = inner.items_

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        return self

    def rank(self, query: Query, n: int) -> Candidates:
        return self.inner.rank(replace(query, at=np.nan), n)


def alone(fitted: Recommender) -> Recommender:
    """The network of a fitted recommender as a recommender of its own."""
    found = Recommender(
        retrievers={"transformer": fitted.retrievers["transformer"]}, n_history=fitted.n_history
    )
    found.items_, found.histories_ = fitted.items_, fitted.histories_
    return found


def recommender(name: str, data: Dataset, args: argparse.Namespace) -> Recommender:
    found = Recommender.default(data, sequence=name in ("sequence", "both"))
    if name in ("sequence", "both"):
        network: Any = found.retrievers["transformer"]
        network.checkpoint = str(args.keep / "checkpoints") if args.keep else None
        network.epochs, network.more_epochs = args.epochs, args.more_epochs
        for option, value in args.network.items():
            if not hasattr(network, option):
                raise SystemExit(f"--network: {type(network).__name__} has no option {option!r}")
            setattr(network, option, value)
        found.n_history = max(found.n_history, network.n_history)
    if name == "both":
        second = GruRetriever(
            encoder=network.encoder,
            dim=network.dim,
            dropout=network.dropout,
            n_history=network.n_history,
            max_len=network.max_len,
            epochs=args.epochs,
            more_epochs=args.more_epochs,
            checkpoint=network.checkpoint,
        )
        found.retrievers = {**found.retrievers, "gru": second}
    if name == "gru":
        network = GruRetriever(
            epochs=args.epochs, checkpoint=str(args.keep / "checkpoints") if args.keep else None
        )
        found = Recommender(retrievers={"gru": network}, n_history=50)
    return found


def tell(name: str, row: Row, parts: dict[str, float]) -> None:
    said = "  ".join(f"{metric} {row.metrics[metric]}" for metric in METRICS)
    timing = row.timing
    print(f"{name:<14}{said}  fit {timing.fit_s / 60:.1f} min  p50 {timing.p50_ms:.1f} ms", flush=True)
    for part, seconds in sorted(parts.items(), key=lambda pair: -pair[1])[:3]:
        print(f"    {part} {seconds / 60:.1f} min", flush=True)


def quality(name: str, data: Dataset, args: argparse.Namespace) -> None:
    protocol = Protocol(
        splitter=LeaveOneOut(regime=args.regime),
        part=args.part,
        seed=args.seed,
        max_questions=args.max_questions,
    )
    kept = f"{name}.{args.part}" if args.regime == "T" else f"{name}.{args.part}.{args.regime}"
    gauge = Gauge.of(Questions.of(data, protocol), None)
    values: dict[str, dict[str, Any]] = {}

    def keep(label: str, rankable: Any, *, fit: bool) -> Any:
        fitted: Any
        row, fitted = measured(label, rankable, gauge, fit=fit)
        tell(label, row, getattr(fitted, "timings_", {}) if fit else {})
        values[label] = {metric: row.per_user[metric] for metric in METRICS}
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            np.savez(args.keep / f"{kept}.{label.replace(' ', '_')}.npz", **values[label])
            if fit:
                fitted.save(str(args.keep / f"{kept}.{label}"))
        return fitted

    print(f"\n## {name}, {args.regime}, {args.part}, {len(gauge.questions):,} questions", flush=True)
    for label in args.rows:
        fitted = keep(label, recommender(label, data, args), fit=True)
        if label == "sequence":
            keep("transformer", alone(fitted), fit=False)
            if data.has_clock:
                keep("no clock", Clockless(alone(fitted)), fit=False)
                keep("sequence, no clock", Clockless(fitted), fit=False)
            shares = fitted.importances()
            share = sum(value for feature, value in shares.items() if feature.startswith("transformer."))
            print(f"    share of its features in what the ranker looks at: {share:.2f}", flush=True)
    if args.keep and "default" not in values:
        earlier = args.keep / f"{kept}.default.npz"
        if earlier.is_file():
            values["default"] = dict(np.load(earlier))
    for more, less in (("sequence", "default"), ("both", "sequence")):
        for metric in METRICS if {more, less} <= set(values) else ():
            pair = values[more][metric], values[less][metric]
            print(compare(*pair, names=(more, less), metric=metric, seed=args.seed), flush=True)


def latency(data: Dataset) -> None:
    """Milliseconds a query by length of history; the weights do not matter, so a short training does."""
    from threadpoolctl import threadpool_limits

    some = data.take(data.user < 200)
    users = np.flatnonzero(np.diff(data.indptr) >= 100)[:200]
    for part in (TransformerRetriever(epochs=1, n_history=100), GruRetriever(epochs=1, n_history=100)):
        part.fit(some)
        for length in (10, 50, 100):
            asked = [Query(data.history(int(user)).tail(length), at=1e9) for user in users]
            with threadpool_limits(1):
                times = []
                for query in asked:
                    started = time.process_time()
                    part.relevance(query).top(50, query.history.items)
                    times.append(time.process_time() - started)
            p50, p90 = np.percentile(times, [50, 90]) * 1e3
            print(
                f"{type(part).__name__:<22} {length:>4} events  p50 {p50:.2f} ms  p90 {p90:.2f} ms",
                flush=True,
            )


def augment(data: Dataset, args: argparse.Namespace) -> None:
    """ndcg@10 of the best check by kind of augmentation, on events held out inside of the fit."""
    fit = LeaveOneOut(regime="T").split(data, args.part).fit
    for options in ({}, {"crop": 0.5}, {"mask": 0.1}, {"reorder": 0.1}, {"noise": 0.05}):
        best = []
        for seed in range(args.seed, args.seed + args.seeds):
            part = TransformerRetriever(epochs=args.epochs, **options).fit(fit, seed=seed)
            best.append(max(part.ndcg_))
        print(f"{options or 'none'!s:<20} {np.mean(best):.4f}  {np.round(best, 4)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument(
        "--rows", nargs="+", choices=("default", "sequence", "both", "gru"), default=["default", "sequence"]
    )
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--regime", choices=("T", "T+V"), default="T")
    parser.add_argument("--max-questions", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--more-epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--network", type=json.loads, default={}, help="JSON: options of the network")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--augment", action="store_true")
    args = parser.parse_args()
    for name in args.sets:
        data = load_bench(name)
        if args.latency:
            latency(data)
        elif args.augment:
            augment(data, args)
        else:
            quality(name, data, args)


if __name__ == "__main__":
    main()
