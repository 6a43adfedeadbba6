"""What each source adds: the default recommender without each of its sources in turn, fitted anew.

    python bench/bench_ablation.py [--set ml-100k] [--part test] [--features]

One call does it: `zhiyin.evaluate.ablate`. Differences are per user, with their bootstrap intervals and p
after Holm's correction; below it the ranker's importances by source (share of the gain of all splits).
"""

from __future__ import annotations

import argparse
from collections import defaultdict

from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.evaluate import Protocol, ablate
from zhiyin.evaluate.feature_ablation import ablate_features
from zhiyin.recommender import Recommender


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="ml-100k")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--features", action="store_true", help="leave out features instead of sources")
    args = parser.parse_args()
    data = load_bench(args.set)
    regime = "T+V" if args.set == "ml-100k" else "T"
    protocol = Protocol(splitter=LeaveOneOut(regime=regime), part=args.part)
    found = (ablate_features if args.features else ablate)(Recommender.default(data), data, protocol)
    print(found.table())
    shares: dict[str, float] = defaultdict(float)
    for name, share in found.importances.items():
        shares[name.split(".")[0]] += share
    for name, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        print(f"  {name:<14}{share:.3f}")


if __name__ == "__main__":
    main()
