"""Items that nobody has chosen yet: R@20 among hidden items, by what each method makes of their texts.

    python bench/bench_cold.py [--data FOLDER] [--sets amazon-games ml-1m] [--part test] [--seed 0]

A tenth of the items is hidden from all training; users whose last event is with a hidden item are asked, with
everything before it as history; the hidden items alone are candidates, seen ones filtered. Prints one row
per set and method with the 95 % bootstrap interval over users. The data sets are no part of zhiyin: see
`zhiyin.data.sets`. The encoder's vectors are cached, so the seconds of a fit are those without encoding.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import ColdItems, Split
from zhiyin.evaluate.intervals import bootstrap
from zhiyin.represent import CachedEncoder, UseEncoder, item_vectors
from zhiyin.retrieve.kernel import KernelRetriever
from zhiyin.retrieve.text_factors import TextFactorsRetriever
from zhiyin.retrieve.text_kernel import TextKernelRetriever
from zhiyin.types import FloatArray, Query

K, DECAY = 20, 0.8
Scores = Mapping[str, NDArray[np.floating]]


def methods(encoder: CachedEncoder) -> dict[str, Any]:
    return {
        "co-occurrence kernel (no text)": KernelRetriever(),
        "text kernel": TextKernelRetriever(encoder=encoder),
        "text factors": TextFactorsRetriever(encoder=encoder),
    }


def scored(split: Split, fitted: Mapping[str, Any], vectors: FloatArray) -> Iterator[tuple[int, Scores]]:
    """For each question the place of the target among the candidates, and every method's scores of these."""
    for _, history, targets in split.holdout:
        items = np.setdiff1d(split.hidden, history.items)
        place = np.flatnonzero(items == targets[0])
        if not len(place):  # seen before: out of everybody's reach
            continue
        query = Query(history)
        scores = {name: part.relevance(query).of(items) for name, part in fitted.items()}
        past = history.decayed(DECAY) @ vectors[history.items]
        scores["raw cosine"] = vectors[items] @ past
        scores["blend: text kernel / 2 + text factors"] = 0.5 * standard(scores["text kernel"]) + standard(
            scores["text factors"]
        )
        yield int(place[0]), scores


def standard(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    filled = np.nan_to_num(scores)
    found: NDArray[np.floating] = (filled - filled.mean()) / max(float(filled.std()), 1e-9)
    return found


def chance(scores: NDArray[np.floating], target: int) -> float:
    """Chance that the target is in the first K when equal scores are drawn by lot; NaN stands last."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    above, equal = int((filled > filled[target]).sum()), int((filled == filled[target]).sum())
    return float(np.clip((K - above) / equal, 0, 1))


def measure(data: Dataset, part: Any, seed: int, encoder: CachedEncoder) -> None:
    split = ColdItems(seed=seed).split(data, part)
    vectors = item_vectors(encoder, data.items)
    fitted, seconds = methods(encoder), {}
    for name, retriever in fitted.items():
        start = time.perf_counter(), time.process_time()
        retriever.fit(split.fit, seed=seed)
        seconds[name] = f"{time.perf_counter() - start[0]:.1f} ({time.process_time() - start[1]:.1f})"
    hits: dict[str, list[float]] = {}
    for target, scores in scored(split, fitted, vectors):
        for name, row in scores.items():
            hits.setdefault(name, []).append(chance(row, target))
    for name, found in hits.items():
        recall = bootstrap(found, seed=seed)[0]
        asked = f"{len(found)} / {len(split.hidden)}"
        print(f"| {data.name} | {name} | {recall} | {asked} | {seconds.get(name, '–')} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder of the sets; default $ZHIYIN_DATA")
    parser.add_argument("--sets", nargs="+", default=["amazon-games", "amazon-beauty", "ml-1m"])
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    encoder = CachedEncoder(UseEncoder())
    print(f"{ColdItems(seed=options.seed).describe()}; part {options.part}; regime T; seen filtered; R@{K}\n")
    print(
        "| set | method | R@20 [95 %] | questions / candidates | fit: s (processor) |\n|---|---|---|---|---|"
    )
    for name in options.sets:
        measure(load_bench(name, options.data), options.part, options.seed, encoder)


if __name__ == "__main__":
    main()
