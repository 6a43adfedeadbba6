"""Splits: what a model may learn from, and which later events it must then foresee.

Every splitter asks the same way: `part="test"` for the final number, `part="validation"` to choose
settings; the validation questions never use a row that tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.data.holdout import Holdout, Part, Split, Splitter
from zhiyin.errors import ConfigError, DataError, nearest
from zhiyin.types import IntArray

__all__ = [
    "ColdItems",
    "Holdout",
    "LeaveLastN",
    "LeaveOneOut",
    "MarkedSplit",
    "Part",
    "RandomSplit",
    "Split",
    "Splitter",
    "TimeSplit",
    "UserSplit",
    "hide_items",
]


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """The last event of each user tests, the one before validates; users with less than three only train.

    Regime "T": the model that is tested has not seen the validation event (its history has).
    Regime "T+V": it has.
    """

    regime: Literal["T", "T+V"] = "T"

    def split(self, data: Dataset, part: Literal["validation", "test"] = "test") -> Split:
        start, end = data.indptr[:-1], data.indptr[1:]
        users = np.flatnonzero(end - start >= 3)
        target = end[users] - (1 if part == "test" else 2)
        rows = np.ones(len(data), np.bool_)
        rows[end[users] - 1] = False
        if part == "validation" or self.regime == "T":
            rows[end[users] - 2] = False
        return Split(data.take(rows), Holdout(data, users.astype(np.int32), target, target + 1))

    def describe(self) -> str:
        return (
            f"leave-one-out: the last event of a user tests, the one before validates, regime {self.regime}"
        )

    __str__ = describe


@dataclass(frozen=True, slots=True)
class LeaveLastN:
    """The last `n` events of each user test, or the last `fraction` of them (rounded up) where it is set.

    Users who would keep fewer than `min_history` events only train. Validation splits the rest likewise.
    """

    n: int = 5
    fraction: float | None = None
    min_history: int = 1

    def split(self, data: Dataset, part: Part = "test") -> Split:
        if self.n < 1:
            raise ConfigError(f"n is {self.n}: hold out 1 event or more of each user")
        if self.fraction is not None:
            _check_share("fraction", self.fraction)
        if part == "validation":
            data = self.split(data).fit
        lengths = np.diff(data.indptr)
        n = (
            np.full(len(lengths), self.n)
            if self.fraction is None
            else np.ceil(self.fraction * lengths - 1e-9)
        )
        n = np.where(lengths - n >= self.min_history, n, 0).astype(np.int64)
        left = np.repeat(data.indptr[1:], lengths) - np.arange(len(data))
        return _ask(data, left <= np.repeat(n, lengths))

    def describe(self) -> str:
        held = (
            f"the last {self.n} events"
            if self.fraction is None
            else f"the last {self.fraction:.0%} of the events"
        )
        return f"leave-last: {held} of each user test, at least {self.min_history} stay"

    __str__ = describe


@dataclass(frozen=True, slots=True)
class RandomSplit:
    """A random `fraction` of all rows tests, whatever its time.

    Answers then come from before and after the questions, so the number flatters a model that would have to
    foresee; it is there to compare with publications. In the holdout the held-out rows of a user stand after
    the others. Every user keeps a row.
    """

    fraction: float = 0.2
    seed: int = 0

    def split(self, data: Dataset, part: Part = "test") -> Split:
        _check_share("fraction", self.fraction)
        if part == "validation":
            data = self.split(data).fit
        rng = np.random.default_rng((self.seed, part == "validation"))
        held = rng.random(len(data)) < self.fraction
        lengths = np.diff(data.indptr)
        lost = (_per_user(data, held) == lengths) & (lengths > 0)
        held[data.indptr[:-1][lost]] = False
        return _ask(data, held)

    def describe(self) -> str:
        return f"random: {self.fraction:.0%} of all rows test (seed {self.seed}), times are ignored"

    __str__ = describe


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Everything after one moment tests: no model has seen anything of the time in which it is asked.

    The moment is `at` (UTC seconds), or the `quantile` of all times. Validation does the same on the
    rows up to the moment, by the quantile. Users with fewer than `min_history` earlier events are not asked.
    """

    quantile: float = 0.9
    at: float | None = None
    min_history: int = 1

    def split(self, data: Dataset, part: Part = "test") -> Split:
        _check_share("quantile", self.quantile)
        if not data.has_clock:
            raise DataError(
                "data with times", value=data, hint="only the order is known: use LeaveOneOut or LeaveLastN"
            )
        moment = self.moment(data)
        if part == "validation":
            data = data.take(~(data.at > moment))
            moment = float(np.nanquantile(data.at, self.quantile, method="lower"))
        held = data.at > moment
        before = np.diff(data.indptr) - _per_user(data, held)
        return _ask(data, held, before >= self.min_history)

    def moment(self, data: Dataset) -> float:
        """UTC seconds; rows later than it test."""
        if self.at is not None:
            return self.at
        return float(np.nanquantile(data.at, self.quantile, method="lower"))

    def describe(self) -> str:
        where = (
            f"{self.at:.0f} s (UTC)"
            if self.at is not None
            else f"the {self.quantile:.0%} quantile of the times"
        )
        return f"by time: everything after {where} tests"

    __str__ = describe


@dataclass(frozen=True, slots=True)
class UserSplit:
    """A `fraction` of the users is held out entirely; the last `n` events of each are asked.

    It measures what a model makes of users whom it has never seen. Validation holds out as many others.
    """

    fraction: float = 0.1
    n: int = 1
    seed: int = 0

    def split(self, data: Dataset, part: Part = "test") -> Split:
        _check_share("fraction", self.fraction)
        able = np.flatnonzero(np.diff(data.indptr) > self.n)
        drawn = np.random.default_rng(self.seed).permutation(able)
        n = math.ceil(self.fraction * len(able))
        tested, validated = drawn[:n], drawn[n : 2 * n]
        asked = np.sort(tested if part == "test" else validated)
        unseen = tested if part == "test" else drawn[: 2 * n]
        end = data.indptr[1:][asked]
        fit = data.take(~np.isin(data.user, unseen))
        return Split(fit, Holdout(data, asked.astype(np.int32), end - self.n, end))

    def describe(self) -> str:
        held = f"{self.fraction:.0%} of the users are unseen (seed {self.seed})"
        return f"by user: {held}, their last {self.n} events test"

    __str__ = describe


@dataclass(frozen=True, slots=True)
class MarkedSplit:
    """The data says itself which rows test: those whose context `column` reads `test` (MIND: the next day).

    Validation leaves one out of the other rows.
    """

    column: str = "part"
    test: str = "test"

    def split(self, data: Dataset, part: Part = "test") -> Split:
        if self.column not in data.context:
            hint = nearest(self.column, data.context) if data.context else "the data has no context columns"
            raise DataError(f"a context column {self.column!r}", value=data, hint=hint)
        held = data.context[self.column] == self.test
        if part == "validation":
            return LeaveOneOut().split(data.take(~held))
        return _ask(data, held)

    def describe(self) -> str:
        return f"as marked: rows whose {self.column!r} is {self.test!r} test"

    __str__ = describe


@dataclass(frozen=True, slots=True)
class ColdItems:
    """Leave-one-out for items without behaviour: a `share` of the items is hidden from all training.

    The hidden items stay in the catalogue, with their texts. Asked are the users whose last event is with
    a hidden item; all hidden items, and no others, are candidates. Validation hides as many others beside.
    """

    share: float = 0.1
    seed: int = 0

    def split(self, data: Dataset, part: Part = "test") -> Split:
        hidden = self.hidden(data, part)
        plain = LeaveOneOut().split(data, part)
        unseen = hidden if part == "test" else np.concatenate([hidden, self.hidden(data)])
        fit = plain.fit.take(~np.isin(plain.fit.item, unseen))
        asked = plain.holdout
        cold = np.isin(data.item[asked.start], hidden)
        holdout = Holdout(data, asked.user[cold], asked.start[cold], asked.end[cold])
        return Split(fit, holdout, hidden)

    def hidden(self, data: Dataset, part: Part = "test") -> IntArray:
        """(share * n_items,) codes of the hidden items, ascending."""
        _check_share("share", self.share)
        order = np.random.default_rng(self.seed).permutation(data.n_items)
        n = max(1, int(self.share * data.n_items))
        drawn = order[:n] if part == "test" else order[n : 2 * n]
        return np.sort(drawn).astype(np.int32)

    def describe(self) -> str:
        return f"cold items: {self.share:.0%} of the items hidden from all training (seed {self.seed})"

    __str__ = describe


def hide_items(data: Dataset, share: float = 0.1, seed: int = 0) -> Split:
    """The test part of `ColdItems`."""
    return ColdItems(share=share, seed=seed).split(data)


def _ask(data: Dataset, held: NDArray[np.bool_], asked: NDArray[np.bool_] | None = None) -> Split:
    """Fit on the rest; each (`asked`) user's held-out rows, moved behind the others, are the targets."""
    n = _per_user(data, held)
    arranged = data.take(np.lexsort((held, data.user)))
    users = np.flatnonzero((n > 0) if asked is None else (n > 0) & asked)
    end = data.indptr[1:][users]
    return Split(data.take(~held), Holdout(arranged, users.astype(np.int32), end - n[users], end))


def _per_user(data: Dataset, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.bincount(data.user[rows], minlength=data.n_users)


def _check_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(f"{name} is {share}: give a share between 0 and 1, such as 0.1")
