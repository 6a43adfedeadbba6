"""What a language model's student adds on top of the default ranker, by length of history, and what it costs.

    python bench/bench_order.py ml-100k --model smollm2-135m --lists 60
    python bench/bench_order.py amazon-games --model smollm2-135m --artefact DIR   # fitted under regime T

Sets come from $ZHIYIN_DATA; models from `zhiyin models add`. The recommender is fitted under regime T. The
model judges the first ten of some users' lists; window, weight and gate come from half of the other
questions, the figures from the other half. Without the model it says so and ends. A run that was cut off goes
on where it was given the same folder with `--kept`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from zhiyin.cli.order import teacher_of
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.distil import Gains, gains_of, question, school, summary
from zhiyin.errors import ZhiyinError
from zhiyin.llm import FakeModel
from zhiyin.rank.llm_reranker import LlmReranker
from zhiyin.rank.student import StudentReranker
from zhiyin.recommender import Recommender

FEW = 5
"""Items with fewer interactions are cold."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--way", default="likelihood")
    parser.add_argument("--lists", type=int, default=60)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--artefact", type=Path)
    parser.add_argument("--kept", type=Path, help="Judgements are kept there for a run that goes on.")
    args = parser.parse_args()
    scratch = tempfile.TemporaryDirectory()  # goes with the process
    try:
        teacher, way = teacher_of(args.model, args.way, args.kept or Path(scratch.name))
        print(f"teacher: {teacher.identity}, asked by {way}")
    except ZhiyinError as error:
        sys.exit(f"skipped: {error}")
    data = load_bench(args.set)
    split = LeaveOneOut(regime="T").split(data)
    made = (
        Recommender.load(args.artefact) if args.artefact else Recommender.default(data).fit(split.fit, seed=0)
    )
    assert made.encoder is not None
    student = StudentReranker(encoder=made.encoder).fit(split.fit)
    order = np.random.default_rng(args.seed).permutation(len(split.holdout))
    order = order[: args.lists + args.questions].tolist()
    start = time.perf_counter()
    found = school(made, split.holdout, order, teacher, way, student, n_lessons=args.lists)
    print(f"{data.name}: {found.n_lessons} lists judged, all in {time.perf_counter() - start:.0f} s")
    print(f"agreement on unseen lists (rank correlation): {found.agreement:.3f}")
    print(f"coefficients: {student.coefficients_.round(3).tolist()}")
    print(f"window {found.window}, weight {found.weight}, gate {found.gate}")
    counts = np.bincount(split.fit.item, minlength=data.n_items)
    tell("behind the gate", found.gains, counts)
    student.groups, student.max_spread = (0, 1, 2, 3), float("inf")
    held = order[args.lists + (len(order) - args.lists) // 2 :]
    tell("without a gate", gains_of(made, split.holdout, held, [student])[0], counts)
    cost(made, split.holdout, held[:200], student)


def tell(name: str, gains: Gains, counts: np.ndarray) -> None:
    """NDCG@10 × 100 gained, with 95 % intervals, by history and for cold targets."""
    print(name)
    for group, (n, mean, half) in gains.table().items():
        print(f"  history {group:>7}: {100 * mean:+.2f} ± {100 * half:.2f} ({n} questions)")
    cold = gains.gain[counts[gains.target] < FEW]
    if len(cold):
        n, mean, half = summary(cold)
        print(f"  items with < {FEW} interactions: {100 * mean:+.2f} ± {100 * half:.2f} ({n} questions)")


def cost(made: Recommender, holdout: object, positions: list[int], student: StudentReranker) -> None:
    """Milliseconds of the student, and of judgements that are kept, beside a ranking."""
    kept = LlmReranker(
        llm=FakeModel(identity="kept"), groups=(0, 1, 2, 3), min_words=0.0, background=False, way="likelihood"
    )
    kept.refresh(made.items_)  # type: ignore[arg-type]
    spent: dict[str, list[float]] = {"student": [], "kept judgements": []}
    for position in positions:
        query = question(made, holdout, position)  # type: ignore[arg-type]
        ranking = made.rank(query, 10)
        kept.rerank(query, ranking, 10)
        kept.judgements.work()
        for name, part in (("student", student), ("kept judgements", kept)):
            start = time.perf_counter()
            part.rerank(query, ranking, 10)
            spent[name].append((time.perf_counter() - start) * 1e3)
    for name, times in spent.items():
        p50, p99 = np.percentile(times, (50, 99))
        print(f"online cost of {name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")


if __name__ == "__main__":
    main()
