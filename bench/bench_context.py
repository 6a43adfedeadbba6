"""What the situation of a question adds: one lean recommender with context and without, on the same events.

    python bench/bench_context.py [--part test]

Frappe, next app, seen items allowed. Without: no context anywhere, in the log, the history or the question,
and neither the source nor the feature that would use it. Prints the rows and the paired tests per user.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from zhiyin.contracts import Feature, Retriever
from zhiyin.data.sets import load_bench
from zhiyin.evaluate import evaluate
from zhiyin.evaluate.bench import Blind
from zhiyin.evaluate.benchmarks import BENCHMARKS
from zhiyin.rank import (
    AgreementFeature,
    BoostedRanker,
    ContextFeature,
    HistoryFeature,
    PopularityFeature,
    RepeatFeature,
    SourceFeature,
)
from zhiyin.recommender import Recommender
from zhiyin.retrieve import (
    ContextRetriever,
    ItemKnnRetriever,
    KernelRetriever,
    PopularRetriever,
    RepeatRetriever,
)


def lean(*, context: bool) -> Recommender:
    """Cheap sources, so that the pair is fitted in seconds."""
    retrievers: dict[str, Retriever] = {
        "kernel": KernelRetriever(backward=0.2, damp_target=0.4, decay=0.75),
        "repeat": RepeatRetriever(),
        "popular": PopularRetriever(),
        "item_knn": ItemKnnRetriever(),
    }
    features: list[Feature] = [
        SourceFeature(),
        AgreementFeature(),
        HistoryFeature(),
        PopularityFeature(),
        RepeatFeature(),
    ]
    if context:
        retrievers["context"] = ContextRetriever()
        features.append(ContextFeature())
    ranker = BoostedRanker(features=features, n_threads=1)
    return Recommender(retrievers=retrievers, ranker=ranker, repeats=True, n_history=200, n_replay=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("validation", "test"), default="validation")
    args = parser.parse_args()
    benchmark = BENCHMARKS["frappe/in-context"]
    protocol = replace(benchmark.protocol(0), part=args.part)
    rows = {"with": lean(context=True), "without": Blind(recommender=lean(context=False))}
    found = evaluate(rows, load_bench("frappe"), protocol)
    print(found.table(*benchmark.metrics))
    for metric in benchmark.metrics:
        print(found.compare("with", "without", metric))


if __name__ == "__main__":
    main()
