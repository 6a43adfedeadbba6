"""Rating prediction: RMSE and MAE, and the plain predictor that others must beat."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, NotFittedError
from zhiyin.evaluate.intervals import Interval, bootstrap
from zhiyin.evaluate.questions import RATED, Questions
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["BiasPredictor", "Predictor", "rating_errors"]


@runtime_checkable
class Predictor(Protocol):
    """Can say which rating a user would give."""

    def predict(self, query: Query, items: IntArray) -> FloatArray:
        """(c,) ratings on the data's own scale; NaN = cannot say."""
        ...


def rating_errors(
    predictor: Predictor, questions: Questions, *, seed: int = 0
) -> tuple[dict[str, Interval], dict[str, NDArray[np.float64]]]:
    """RMSE and MAE over all rated targets, with intervals over users; per question the mean errors.

    Ratings that the predictor cannot say are left out and reported as `rated`, the share that it said:
    errors of two predictors compare only where that share is 1. Empty without rated targets.
    """
    starts = np.searchsorted(questions.row, np.arange(len(questions) + 1))
    q = len(questions)
    squared, absolute, said, asked = np.zeros(q), np.zeros(q), np.zeros(q), np.zeros(q)
    for row, query in enumerate(questions.queries()):
        rows = slice(starts[row], starts[row + 1])
        truth = questions.value[rows].astype(np.float64)
        rated = ~np.isnan(truth)
        if not rated.any():
            continue
        error = predictor.predict(query, questions.target[rows][rated]) - truth[rated]
        known = error[~np.isnan(error)]
        asked[row], said[row] = len(error), len(known)
        squared[row], absolute[row] = (known**2).sum(), np.abs(known).sum()
    if not said.any():
        return {}, {}
    mean = np.full((q, 2), np.nan)
    np.divide(np.column_stack([squared, absolute]), said[:, None], out=mean, where=said[:, None] > 0)
    mse, mae = bootstrap(mean, np.column_stack([said, said]), seed=seed)
    root = np.sqrt([mse.value, mse.low, mse.high])
    value, low, high = map(float, root)
    rmse = Interval(value, low, high, mse.error / (2 * value) if value else 0.0)
    share = Interval(float(said.sum() / asked.sum()))
    return {"rmse": rmse, "mae": mae, "rated": share}, {"rmse": np.sqrt(mean[:, 0]), "mae": mean[:, 1]}


class BiasPredictor:
    """Mean plus item offset plus user offset, each shrunk towards 0 by `damping` imagined ratings.

    The reference row of rating prediction (Koren 2009, eq. 1). A user the fit does not know has offset 0.
    """

    def __init__(self, *, damping: float = 5.0) -> None:
        self.damping = damping
        self.mean_ = 0.0
        self.item_: NDArray[np.float64] | None = None
        self.user_: dict[str, float] = {}

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        rows = np.isin(data.kind, RATED) & ~np.isnan(data.value)
        if not rows.any():
            raise DataError("interactions of kind rating or review with a value", value=data.name)
        value, item, user = data.value[rows].astype(np.float64), data.item[rows], data.user[rows]
        self.mean_ = float(value.mean())
        rest = value - self.mean_
        self.item_ = self._offsets(rest, item, data.n_items)
        offsets = self._offsets(rest - self.item_[item], user, data.n_users)
        self.user_ = dict(zip(data.users, offsets.tolist()))
        return self

    def predict(self, query: Query, items: IntArray) -> FloatArray:
        if self.item_ is None:
            raise NotFittedError("BiasPredictor was asked before fit: call fit(dataset) first")
        known = (items >= 0) & (items < len(self.item_))
        offset = np.where(known, self.item_[np.where(known, items, 0)], 0.0)
        return (self.mean_ + offset + self.user_.get(query.user or "", 0.0)).astype(np.float32)

    def rank(self, query: Query, n: int) -> Candidates:
        """Best rated first."""
        if self.item_ is None:
            raise NotFittedError("BiasPredictor was asked before fit: call fit(dataset) first")
        allowed = np.arange(len(self.item_), dtype=np.int32) if query.only is None else query.only
        allowed = allowed[~np.isin(allowed, query.exclude)]
        order = np.argsort(-self.item_[allowed], kind="stable")[:n]
        return Candidates(allowed[order])

    def _offsets(self, rest: NDArray[np.float64], code: IntArray, n: int) -> NDArray[np.float64]:
        count = np.bincount(code, minlength=n) + self.damping
        offsets: NDArray[np.float64] = np.bincount(code, rest, minlength=n) / np.maximum(count, 1e-9)
        return offsets
