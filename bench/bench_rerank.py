"""Amazon Games: 19 random items and the one that was bought last, in order, for 200 users (LLMRank's test).

    python bench/bench_rerank.py                        # zero-shot: titles alone, minutes
    python bench/bench_rerank.py --trained --artefact DIR   # the default recommender fitted under regime T
    python bench/bench_rerank.py --llm qwen2.5-coder-1.5b   # zero-shot, and a local language model

Zero-shot: no behaviour is fitted. Six likenesses of titles (`LikenessFeature`), once summed as they are, once
with weights that 1,000 users outside of the 200 choose. With `--llm` the model says of each candidate how
likely it follows the last ten titles, its fame taken off (`rank/llm_judge.py`): alone, and beside the summed
likenesses with the weight that is best for `--taught` users outside of the 200. Trained: the default as it
serves, and the same sources under a ranker that learnt from given candidates (39 random items and the next
one) of 10,000 other users' validation events, which the fit has not seen. Ties count half. The set comes from
$ZHIYIN_DATA.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize

from zhiyin.cli.order import teacher_of
from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.errors import ZhiyinError
from zhiyin.rank.cross import CrossRanker
from zhiyin.rank.likeness import LikenessFeature
from zhiyin.rank.llm_judge import judged
from zhiyin.rank.rows import Question, collect
from zhiyin.rank.student import standard
from zhiyin.recommender import Recommender
from zhiyin.represent import CachedEncoder, UseEncoder
from zhiyin.types import Candidates, FloatArray, History, IntArray, Query

N_TAUGHT = 10_000
N_PAST = 10
"""Titles that a language model reads of a history."""
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Of the model's opinion beside the likenesses."""

Task = tuple[Query, IntArray, int]
"""Who is asked for, the candidates in rising order, and which of them is right."""


def task(data: Dataset, user: int, back: int, others: IntArray) -> Task:
    """The event that is `back` from the end, asked for when it happened."""
    whole = data.history(user)
    place = len(whole) - back
    history = History(whole.items[:place], whole.weights[:place], whole.at[:place]).tail(100)
    right = int(whole.items[place])
    only = np.sort(np.append(others, right)).astype(np.int32)
    return Query(history, at=float(whole.at[place]), only=only), only, right


def published(data: Dataset) -> list[Task]:
    """The 200 users with the first 19 of their random candidates."""
    path = Path(os.environ["ZHIYIN_DATA"]) / "amazon-games" / "rerank_candidates.parquet"
    table = pl.read_parquet(path).filter(pl.col("retriever") == "random")
    code = {name: place for place, name in enumerate(data.users)}
    found = []
    for name, items in zip(table["user"], table["items"]):
        found.append(task(data, code[name], 1, data.items.ids.codes(items[:19])))
    return found


def others(data: Dataset, n: int, n_random: int, seed: int) -> Iterator[Task]:
    """Validation events of users outside of the 200, among random items that they did not choose."""
    path = Path(os.environ["ZHIYIN_DATA"]) / "amazon-games" / "rerank_candidates.parquet"
    tested = set(pl.read_parquet(path)["user"])
    rng = np.random.default_rng(seed)
    lengths = np.diff(data.indptr)
    able = [u for u in range(data.n_users) if lengths[u] >= 3 and data.users[u] not in tested]
    for user in rng.choice(able, n, replace=False):
        row = data.item[data.indptr[user] : data.indptr[user + 1]]
        drawn = np.setdiff1d(rng.choice(data.n_items, 2 * n_random, replace=False), row)
        yield task(data, user, 2, rng.permutation(drawn)[:n_random].astype(np.int32))


def gain_of(scores: FloatArray, one: Task, k: int = 10) -> float:
    """NDCG@k of one list with one right answer; ties count half."""
    found, right = np.nan_to_num(scores, nan=-1e9), one[1] == one[2]
    place = (found > found[right]).sum() + ((found == found[right]).sum() - 1) / 2
    return float(1 / np.log2(place + 2)) if place < k else 0.0


def figures(name: str, tasks: list[Task], score: Callable[[Task], FloatArray]) -> None:
    """NDCG × 100 at 1, 5, 10, 20 with the standard error of the third."""
    scored = [(score(one), one) for one in tasks]
    gain = np.array([[gain_of(scores, one, k) for k in (1, 5, 10, 20)] for scores, one in scored])
    shown = 100 * gain.mean(axis=0)
    error = 100 * float(gain[:, 2].std(ddof=1)) / len(tasks) ** 0.5
    print(f"{name:<46}{'/'.join(f'{value:.1f}' for value in shown)}  ± {error:.1f}", flush=True)


def zero_shot(data: Dataset) -> None:
    likeness = LikenessFeature(encoder=CachedEncoder(UseEncoder())).fit(data)

    def rows(one: Task) -> NDArray[np.float64]:
        return standard(likeness.values(one[0], Candidates(one[1])))

    choosing = list(others(data, 1000, 19, seed=0))
    table = np.stack([rows(one) for one in choosing])
    right = np.array([int(np.flatnonzero(one[1] == one[2])[0]) for one in choosing])

    def loss(weights: NDArray[np.float64]) -> float:
        score = table @ weights
        top = score.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(score - top).sum(axis=1)) + top[:, 0]
        return float((log_sum - score[np.arange(len(score)), right]).mean() + 2e-3 * (weights**2).sum())

    weights = minimize(loss, np.zeros(table.shape[2]), method="L-BFGS-B").x
    print("weights from other users:", weights.round(2).tolist())
    tasks = published(data)
    figures("zero-shot, likenesses summed", tasks, lambda one: rows(one).sum(axis=1))
    figures("zero-shot, weights from other users", tasks, lambda one: rows(one) @ weights)


def with_model(data: Dataset, args: argparse.Namespace) -> None:
    """The model alone, and on top of the likenesses."""
    scratch = tempfile.TemporaryDirectory()  # goes with the process
    try:
        teacher, way = teacher_of(args.llm, args.way, args.kept or Path(scratch.name))
    except ZhiyinError as error:
        sys.exit(f"skipped: {error}")
    print(f"model: {teacher.identity}, asked by {way}", flush=True)
    likeness = LikenessFeature(encoder=CachedEncoder(UseEncoder())).fit(data)
    titles = data.items.titles

    def opinions(tasks: list[Task]) -> list[NDArray[np.float64]]:
        """Per task (c, 2): the likenesses summed, and the model's opinion, each in units of its spread."""
        found = []
        for query, only, _ in tasks:
            past = [titles[item] for item in query.history.items[-N_PAST:]]
            names = [titles[item] for item in only]
            said = np.asarray(judged(teacher, way, past, names, timeout=3600.0), np.float64)
            like = standard(likeness.values(query, Candidates(only))).sum(axis=1)
            found.append(standard(np.stack([like, said], axis=1)))
        return found

    def gain(tasks: list[Task], rows: list[NDArray[np.float64]], weight: float) -> float:
        return float(np.mean([gain_of(row @ [1, weight], one) for one, row in zip(tasks, rows, strict=True)]))

    taught = list(others(data, args.taught, 19, seed=2))
    start = time.perf_counter()
    rows = opinions(taught)
    print(f"{len(taught)} lists of others in {time.perf_counter() - start:.0f} s", flush=True)
    by = {weight: gain(taught, rows, weight) for weight in WEIGHTS}
    best = max(by, key=lambda weight: by[weight])
    print("N@10 of others by weight:", {weight: round(100 * value, 1) for weight, value in by.items()})
    tasks = published(data)[: args.lists]
    known = dict(zip(map(id, tasks), opinions(tasks), strict=True))
    for name, weights in (("likenesses", (1, 0)), ("the model", (0, 1)), (f"both, weight {best}", (1, best))):
        figures(f"zero-shot, {name}", tasks, lambda one, weights=weights: known[id(one)] @ weights)
    more = [gain_of(known[id(one)] @ [1, best], one) - gain_of(known[id(one)] @ [1, 0], one) for one in tasks]
    half = 196 * np.std(more, ddof=1) / len(more) ** 0.5
    print(f"both - likenesses, N@10: {100 * np.mean(more):+.1f} ± {half:.1f} (95 %)")


def trained(data: Dataset, artefact: Path | None) -> None:
    split = LeaveOneOut(regime="T").split(data)
    made = Recommender.load(artefact) if artefact else Recommender.default(data).fit(split.fit)
    assert made.ranker is not None and made.encoder is not None
    tasks, pipeline = published(data), made.pipeline()
    figures("trained, the default as it serves", tasks, lambda one: pipeline.scores(one[0], one[1]))
    likeness = LikenessFeature(encoder=made.encoder).fit(split.fit)
    features = [*made.ranker.features, likeness]
    questions = (
        Question(query, pipeline.candidates(query)[0], np.array([right], np.int32))
        for query, _, right in others(data, N_TAUGHT, 39, seed=1)
    )
    rows = collect(questions, features, n_negatives=39, seed=0)
    given = CrossRanker(features=features, n_threads=1).fit_rows(rows, seed=0)
    figures(
        "trained, a ranker for given candidates",
        tasks,
        lambda one: given.score(one[0], pipeline.candidates(one[0])[0]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--artefact", type=Path)
    parser.add_argument("--llm", help="a model of `zhiyin models list`")
    parser.add_argument("--way", default="likelihood")
    parser.add_argument("--taught", type=int, default=100)
    parser.add_argument("--lists", type=int, default=200, help="with --llm: the first so many of the 200")
    parser.add_argument(
        "--kept", type=Path, help="The model's answers are kept there for a run that goes on."
    )
    args = parser.parse_args()
    data = load_bench("amazon-games")
    if args.llm:
        with_model(data, args)
    elif args.trained:
        trained(data, args.artefact)
    else:
        zero_shot(data)


if __name__ == "__main__":
    main()
