"""A small student of a language model: it has learnt to judge as the model does, and serves alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, check_options
from zhiyin.rank.likeness import LikenessFeature
from zhiyin.rank.llm_gate import Gate
from zhiyin.rank.window import blended
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["Lesson", "StudentReranker", "agreement", "taught"]

RIDGE = 10.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a teacher thinks of the candidates of one query."""

    query: Query
    candidates: Candidates
    judgement: FloatArray
    """(c,)"""


class StudentReranker:
    """Permutes the first `window` by score + `weight` * what a language model would have said of them.

    The student is linear in `LikenessFeature`s and costs a millisecond; `weights` names the JSON file that
    `zhiyin distil` wrote. `groups` and `max_spread` say for whom it pays, as the file's gate does.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        weights: str = "",
        window: int = 10,
        weight: float = 0.3,
        groups: Sequence[int] = (0, 1),
        max_spread: float = float("inf"),
    ) -> None:
        self.encoder = encoder
        self.weights = weights
        self.window = window
        self.weight = weight
        self.groups = groups
        self.max_spread = max_spread
        self.likeness_ = LikenessFeature(encoder=encoder)
        self.titles_: tuple[str, ...] = ()
        self.coefficients_: FloatArray = np.empty(0, np.float32)
        check_options(self, window=(1, 1000), weight=(0, 100), max_spread=(0, float("inf")))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        """Reads the catalogue, and the file of weights where one is named; events teach it nothing."""
        self.likeness_.fit(data)
        self.titles_ = data.items.titles
        if self.weights:
            self.coefficients_ = read_weights(self.weights)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        self.likeness_.refresh(items, changed)
        self.titles_ = items.titles

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        if not len(self.coefficients_) or len(ranking) < 2:
            return ranking
        codes = ranking.items[: self.window].tolist()
        titles = [self.titles_[code] for code in codes if code < len(self.titles_)]
        if not Gate(tuple(self.groups), self.max_spread).opens(query, ranking, titles):
            return ranking
        return blended(ranking, self.score(query, ranking.take(np.arange(len(codes)))), self.weight)

    def score(self, query: Query, candidates: Candidates) -> FloatArray:
        """(c,) what the teacher would say, by its student; only differences mean something."""
        rows = standard(self.likeness_.values(query, candidates))
        found: FloatArray = (rows @ self.coefficients_).astype(np.float32)
        return found

    def learn(self, lessons: Sequence[Lesson]) -> Self:
        """Ridge regression on judgements, each list at mean 0 and deviation 1, as are its features."""
        self.coefficients_ = taught(self.likeness_, lessons)
        return self

    def state(self) -> State:
        return {**self.likeness_.state(), "coefficients": self.coefficients_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.coefficients_ = np.asarray(state["coefficients"], np.float32)
        self.likeness_ = LikenessFeature(encoder=self.encoder)
        self.likeness_.restore({name: value for name, value in state.items() if name != "coefficients"})
        return self


def taught(likeness: LikenessFeature, lessons: Sequence[Lesson]) -> FloatArray:
    """(f,) coefficients that come nearest to the judgements."""
    rows = np.concatenate([standard(likeness.values(one.query, one.candidates)) for one in lessons])
    wanted = np.concatenate([standard(one.judgement[:, None])[:, 0] for one in lessons])
    gram = rows.T @ rows + RIDGE * np.eye(rows.shape[1])
    found: FloatArray = np.linalg.solve(gram, rows.T @ wanted).astype(np.float32)
    return found


def agreement(student: StudentReranker, lessons: Sequence[Lesson]) -> float:
    """Mean rank correlation (Spearman) of student and teacher, over lists where the teacher has a view.

    NaN where there is none.
    """
    found = [
        _correlation(student.score(one.query, one.candidates), one.judgement)
        for one in lessons
        if np.ptp(one.judgement) > 0
    ]
    return float(np.mean(found)) if found else float("nan")


def standard(columns: FloatArray) -> NDArray[np.float64]:
    """(c, f) each column at mean 0 and deviation 1 within the list; zeros where it says nothing."""
    values = np.nan_to_num(np.asarray(columns, np.float64))
    deviation = values.std(axis=0)
    scale = np.where(deviation > 1e-9, deviation, np.inf)
    found: NDArray[np.float64] = (values - values.mean(axis=0)) / scale
    return found


def _correlation(one: FloatArray, other: FloatArray) -> float:
    """Of ranks; equals share theirs. 0 where one of them does not distinguish anything."""
    ranks = standard(np.stack([rankdata(one), rankdata(other)], axis=1))
    return float((ranks[:, 0] * ranks[:, 1]).mean())


def read_weights(path: str | Path) -> FloatArray:
    """(f,) from the file of `zhiyin distil`."""
    import msgspec

    try:
        told = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, object])
        found = np.asarray(told["coefficients"], np.float32)
    except (OSError, KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise DataError("weights that zhiyin distil wrote", file=path, hint=str(error)) from error
    if found.ndim != 1 or not np.isfinite(found).all():
        raise DataError("a list of finite coefficients", file=path, value=found.shape)
    return found
