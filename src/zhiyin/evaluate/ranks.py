"""Ask a model every question and keep its lists."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ZhiyinError
from zhiyin.evaluate.questions import Questions
from zhiyin.types import Candidates, IntArray, Query

__all__ = ["Lists", "Progress", "Rankable", "ask"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with (what, done, of) now and then during long work."""


@runtime_checkable
class Rankable(Protocol):
    """What can be evaluated: `Recommender`, or anything with these two methods."""

    def fit(self, data: Dataset, *, seed: int = 0) -> Self: ...
    def rank(self, query: Query, n: int) -> Candidates: ...


@dataclass(frozen=True, slots=True)
class Lists:
    """What one model answered."""

    items: IntArray
    """(q, n) item codes, best first; -1 where the list was shorter."""
    ms: NDArray[np.float64]
    """(q,) wall time of each answer in milliseconds."""


def ask(
    rankable: Rankable, questions: Questions, *, name: str = "recommender", progress: Progress | None = None
) -> Lists:
    """Ask one question after another, as the service would; refuse answers that break the protocol."""
    n, q = questions.protocol.n, len(questions)
    items = np.full((q, n), -1, np.int32)
    ms = np.zeros(q)
    step = max(1, q // 100)
    # One question is too small for several BLAS threads: they would wait for each other.
    with threadpool_limits(1, "blas"):
        for row, query in enumerate(questions.queries()):
            started = time.perf_counter()
            answer = rankable.rank(query, n)
            ms[row] = (time.perf_counter() - started) * 1000
            listed = answer.items[:n]
            _check(listed, query, name, questions.split.fit.n_items)
            items[row, : len(listed)] = listed
            if progress and (row % step == 0 or row == q - 1):
                progress(name, row + 1, q)
    return Lists(items, ms)


def _check(listed: IntArray, query: Query, name: str, n_items: int) -> None:
    """A list with a forbidden, repeated or unknown item is scored under another protocol than is printed."""
    ordered = np.sort(listed)
    if len(ordered) and (ordered[0] < 0 or ordered[-1] >= n_items):
        wrong, what = ordered[0] if ordered[0] < 0 else ordered[-1], f"expected codes from 0 to {n_items - 1}"
    elif (twice := ordered[1:][ordered[1:] == ordered[:-1]]).size:
        wrong, what = twice[0], "expected every item once"
    elif (banned := np.intersect1d(ordered, query.exclude, assume_unique=False)).size:
        wrong, what = banned[0], "expected nothing of query.exclude"
    elif query.only is not None and (foreign := np.setdiff1d(ordered, query.only)).size:
        wrong, what = foreign[0], "expected only items of query.only"
    else:
        return
    raise ZhiyinError(
        f"{name!r} listed item code {int(wrong)} for user {query.user!r}: {what}. "
        "Let zhiyin.recommender.Recommender cut and filter, or honour the query in rank()"
    )
