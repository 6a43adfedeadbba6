"""M7: does a hybrid with language-model vectors find more than the same hybrid without any?

    python bench/bench_hybrid.py [--last 10] [--seeds 3]

ML-100K, the last events of every user to be foreseen from what came before, whole catalogue, seen
items filtered. "with" is the default recommender, "without" the same but for every part that reads text
vectors. Precision, recall and F1 at 10 of both, the paired difference with its interval over users (each
user's value is the mean over the seeds), and F1 by history length and item popularity, and for items that
nobody had chosen.
"""

from __future__ import annotations

import argparse

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveLastN
from zhiyin.evaluate import Protocol, compare, evaluate
from zhiyin.evaluate.cold import cold_items
from zhiyin.recommender import Recommender

TEXT = ("text_kernel", "text_factors", "content")
METRICS = ("precision@10", "recall@10", "f1@10")


def hybrids(data: Dataset) -> dict[str, Recommender]:
    """The default, and the default without its text vectors."""
    plain = Recommender.default(data)
    plain.retrievers = {name: part for name, part in plain.retrievers.items() if name not in TEXT}
    plain.encoder = None
    return {"with": Recommender.default(data), "without": plain}


def show(name: str, rows: dict[str, list[dict[str, np.ndarray]]]) -> None:
    print(f"\n**{name}**\n\n| metric | with | without | difference | p |\n|---|---|---|---|---|")
    for metric in METRICS:
        a, b = (np.mean([row[metric] for row in rows[side]], axis=0) for side in ("with", "without"))
        found = compare(a, b, names=("with", "without"), metric=metric)
        interval = found.difference
        print(
            f"| {metric} | {a.mean():.4f} | {b.mean():.4f} "
            f"| {interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}] | {found.p:.2g} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="ml-100k")
    parser.add_argument("--last", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    data = load_bench(args.set)
    protocols = {
        f"last {args.last} events": lambda seed: Protocol(splitter=LeaveLastN(n=args.last), seed=seed),
        "last event, T": lambda seed: Protocol(seed=seed),
        "cold items (10 % hidden)": lambda seed: cold_items(seed=seed),
    }
    for name, protocol in protocols.items():
        rows: dict[str, list[dict[str, np.ndarray]]] = {"with": [], "without": []}
        for seed in range(1 if "cold" in name else args.seeds):
            found = evaluate(hybrids(data), data, protocol(seed), floors=False)
            for row in found.rows:
                rows[row.name].append({metric: row.per_user[metric] for metric in METRICS})
            if seed == 0:
                print(found.protocol.describe())
                for kind in found.groups:
                    for bucket, paired in found.compare_by(kind, "with", "without", "f1@10").items():
                        print(f"  {kind} {bucket}: {paired}")
        show(name, rows)


if __name__ == "__main__":
    main()
