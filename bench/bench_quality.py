"""How good the default recommender is on public sets, beside the floor rows, under the published protocols.

    python bench/bench_quality.py ml-100k ml-1m amazon-beauty amazon-games
    python bench/bench_quality.py --cold ml-1m amazon-beauty amazon-games
    python bench/bench_quality.py ml-1m --source slit          # beside its best single source
    python bench/bench_quality.py --part validation ml-1m      # the part on which settings are chosen

Sets come from $ZHIYIN_DATA. ML-100K is tested under regime T+V, the others under T. It prints the
table, the paired tests against the floors, and the peak memory; `--json DIR` keeps everything.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path

from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.evaluate import Evaluation, Protocol, evaluate
from zhiyin.evaluate.cold import cold_items
from zhiyin.recommender import Recommender


def protocol_of(name: str, args: argparse.Namespace) -> Protocol:
    if args.cold:
        return cold_items(seed=args.seed)
    regime = "T+V" if name == "ml-100k" or args.regime == "T+V" else "T"
    return Protocol(
        splitter=LeaveOneOut(regime=regime), part=args.part, seed=args.seed, max_questions=args.max_questions
    )


def run(name: str, args: argparse.Namespace) -> Evaluation:
    data = load_bench(name)
    default = Recommender.default(data)
    alone = {source: Recommender(retrievers={source: default.retrievers[source]}) for source in args.source}
    return evaluate({**alone, "default": default}, data, protocol_of(name, args), floors=not args.no_floors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--cold", action="store_true", help="the cold-item protocol instead")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--regime", choices=("T", "T+V"), default="T")
    parser.add_argument("--no-floors", action="store_true")
    parser.add_argument(
        "--source", nargs="*", default=[], help="sources of the default that get rows of their own"
    )
    parser.add_argument("--max-questions", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="a directory for the whole evaluation of every set")
    args = parser.parse_args()
    for name in args.sets:
        found = run(name, args)
        print(f"\n## {name}\n\n{found.table()}", flush=True)
        for row in found.rows:
            if row.name != "default" and "default" in {other.name for other in found.rows}:
                print(found.compare("default", row.name))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"peak memory of the process so far: {peak:.2f} GiB", file=sys.stderr)
        if args.json:
            args.json.mkdir(parents=True, exist_ok=True)
            (args.json / f"{name}.json").write_text(found.to_json())
            (args.json / f"{name}.html").write_text(found.to_html())


if __name__ == "__main__":
    main()
