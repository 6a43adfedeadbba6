"""What a language model's tags add to lists, as the attribute that `tags_in_lists` makes of them.

    python bench/bench_tags.py [--set ml-100k] [--llm MODEL] [--items 400] [--draws 5] [--seeds 2] --kept FILE

Of a set without descriptions: the most chosen items alone, each asked about once (answers are kept in FILE,
a run that was cut off goes on), the tags brought to one vocabulary as the service does. The default
recommender is fitted with and without them: leave-one-out, N@10 and R@10 by seeds; and cold items, R@20 over
several draws of hidden tenths. Differences by pairs over the same questions.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import ColdItems, LeaveOneOut
from zhiyin.evaluate import Protocol
from zhiyin.evaluate.evaluate import measured
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.paired import compare
from zhiyin.evaluate.questions import Questions
from zhiyin.llm import GgufLanguageModel
from zhiyin.recommender import Recommender
from zhiyin.represent import CachedEncoder, UseEncoder
from zhiyin.represent.tag_prompt import tags_by_model
from zhiyin.represent.tags import TagBook


def most_chosen(data: Dataset, n: int) -> Dataset:
    """The `n` items with the most events, and what was done with them."""
    counts = np.bincount(data.item, minlength=data.n_items)
    codes = np.sort(np.argsort(-counts, kind="stable")[:n]).astype(np.int32)
    place = np.full(data.n_items, -1, np.int32)
    place[codes] = np.arange(len(codes))
    kept = data.take(place[data.item] >= 0)
    return replace(kept, items=data.items.take(codes), item=place[kept.item])


def proposals(items: Catalogue, named: str, kept: Path) -> dict[str, list[str]]:
    """Id -> what the model proposes; asks about what the file lacks."""
    said: dict[str, list[str]] = json.loads(kept.read_text()) if kept.is_file() else {}
    left = [code for code, name in enumerate(items.ids) if name not in said]
    llm, began = GgufLanguageModel(path=named), time.perf_counter()
    for done, code in enumerate(left, 1):
        everything = TagBook(least=1, most=100)
        found, faults = tags_by_model(items, [code], llm, everything)
        said[items.ids[code]] = list(found[0].tags) if found else []
        if faults:
            print(f"{items.titles[code]}: {faults[code]}", flush=True)
        if done % 10 == 0 or done == len(left):
            partial = kept.with_suffix(".partial")
            partial.write_text(json.dumps(said, ensure_ascii=False))
            os.replace(partial, kept)
            print(f"{done} of {len(left)}, {(time.perf_counter() - began) / done:.1f} s an item", flush=True)
    llm.close()
    return said


def tagged(data: Dataset, said: dict[str, list[str]]) -> Dataset:
    book = TagBook.of(data.items, CachedEncoder(UseEncoder()))
    rows = book.take([said[name] for name in data.items.ids])
    own = [
        {value for column in data.items.words.values() for value in column.words(c)} for c in range(len(rows))
    ]
    rows = [tuple(tag for tag in row if tag not in mine) for row, mine in zip(rows, own, strict=True)]
    n_words, each = len({tag for row in rows for tag in row}), np.mean([len(row) for row in rows])
    print(
        f"{sum(map(bool, rows))} of {len(rows)} items have tags of their own: {each:.1f}, of {n_words} words"
    )
    items = [data.items.item(code) for code in range(len(rows))]
    new = [
        replace(item, attributes={**item.attributes, "tags": row})
        for item, row in zip(items, rows, strict=True)
    ]
    return replace(data, items=data.items.with_items(new))


def scores(data: Dataset, splitter: LeaveOneOut | ColdItems, seed: int) -> dict[str, NDArray[np.float64]]:
    """Metric -> (questions,)"""
    cold = isinstance(splitter, ColdItems)
    protocol = Protocol(splitter=splitter, candidates="cold" if cold else "full", seed=seed)
    row, _ = measured("default", Recommender.default(data), Gauge.of(Questions.of(data, protocol), None))
    return dict(row.per_user)


def tell(what: str, metric: str, rich: NDArray[np.float64], plain: NDArray[np.float64]) -> None:
    print(f"{what}, {len(rich)} questions, {metric}: tags {rich.mean():.4f}, none {plain.mean():.4f}")
    print(compare(rich, plain, names=("tags", "none"), metric=metric, seed=0), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", default="ml-100k")
    parser.add_argument("--llm", default="qwen2.5-coder-1.5b")
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--kept", type=Path, required=True)
    args = parser.parse_args()
    plain = most_chosen(load_bench(args.set), args.items)
    rich = tagged(plain, proposals(plain.items, args.llm, args.kept))
    cold = [[scores(data, ColdItems(seed=draw), 0) for draw in range(args.draws)] for data in (rich, plain)]
    pair = [np.concatenate([draw["recall@20"] for draw in draws]) for draws in cold]
    tell(f"cold items, {args.draws} draws", "recall@20", pair[0], pair[1])
    warm = [[scores(data, LeaveOneOut(), seed) for seed in range(args.seeds)] for data in (rich, plain)]
    for metric in ("ndcg@10", "recall@10"):
        pair = [np.mean([one[metric] for one in seeds], axis=0) for seeds in warm]
        tell(f"leave-one-out, {args.seeds} seeds", metric, pair[0], pair[1])


if __name__ == "__main__":
    main()
