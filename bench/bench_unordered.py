"""Logs without times whose rows say nothing of the order: what it costs to believe it.

    python bench/bench_unordered.py SET [--split random|leave-one-out] [--questions 1000] [--data FOLDER]

Rows: the default recommender as it ships, the same that takes the rows of the file for the order of events
(as it did before), implicit's ALS, and the floors. The random split holds out a fifth of all rows;
"leave-one-out" what stands last in the file. Difference by pairs over users, 95 % bootstrap, sign flips.
"""

from __future__ import annotations

import argparse
import time
from unittest.mock import patch

from zhiyin.data.order import is_ordered
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut, RandomSplit
from zhiyin.evaluate import Protocol, evaluate
from zhiyin.recommender import Recommender
from zhiyin.retrieve import AlsRetriever

METRICS = ("ndcg@10", "recall@10", "ndcg@20", "recall@20")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("set")
    parser.add_argument("--split", choices=("random", "leave-one-out"), default="random")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--data")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = load_bench(args.set, args.data)
    splitter = RandomSplit(seed=args.seed) if args.split == "random" else LeaveOneOut()
    rules = Protocol(splitter=splitter, k=(10, 20), max_questions=args.questions, seed=args.seed)
    with patch("zhiyin.data.shape.is_ordered", return_value=True):
        believed = Recommender.default(data)
    als = AlsRetriever(factors=64, regularisation=0.05, alpha=10.0, decay=1.0)
    rows = {
        "as it ships": Recommender.default(data),
        "the order of the file believed": believed,
        "als": Recommender(retrievers={"als": als}, fallback="als"),
    }
    started = time.perf_counter()
    found = evaluate(rows, data, rules)
    print(f"{args.set}, {args.split}: is_ordered {is_ordered(data)}; {time.perf_counter() - started:.0f} s")
    for row in found.rows:
        print(f"{row.name:32}", "  ".join(f"{name} {row.metrics[name].value:.4f}" for name in METRICS))
    print(found.compare("as it ships", "the order of the file believed", "ndcg@10"))


if __name__ == "__main__":
    main()
