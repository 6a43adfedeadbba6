"""The result of an evaluation: numbers, each with its interval, under one printed protocol."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import ConfigError, nearest
from zhiyin.evaluate.buckets import HISTORY_NAMES, Bucket
from zhiyin.evaluate.fingerprint import Fingerprint
from zhiyin.evaluate.intervals import Interval
from zhiyin.evaluate.paired import Paired, compare, with_holm
from zhiyin.evaluate.popularity import TIERS
from zhiyin.evaluate.protocol import Protocol

__all__ = ["LOWER_IS_BETTER", "Evaluation", "Row", "Timing"]

LOWER_IS_BETTER: tuple[str, ...] = ("gini", "rmse", "mae")
"""Metrics (before `@k`) of which less is better; of all others more is."""


BUCKETS: Mapping[str, tuple[str, ...]] = {"history": HISTORY_NAMES, "popularity": TIERS}
"""Kinds of buckets, and their names in order."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall time on the machine of the evaluation, one thread asking."""

    fit_s: float
    """0 when the recommender came fitted."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Row:
    """Everything that is known of one recommender."""

    name: str
    floor: bool
    """One of the baselines that stand in every table."""
    metrics: Mapping[str, Interval]
    per_user: Mapping[str, NDArray[np.float32]]
    """metric -> (q,) values in the order of the questions; the figures of whole lists have none."""
    timing: Timing
    buckets: tuple[Bucket, ...] = ()
    lorenz: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    """(p, 2) share of items, share of exposure."""
    roc: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    """(p, 2) false positive rate, true positive rate."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Rows of one protocol on one data set. `print(evaluation.table())`, or look at it in a notebook."""

    protocol: Protocol
    data: Fingerprint
    n_questions: int
    rows: tuple[Row, ...]
    versions: Mapping[str, str]
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    """"history" and "popularity" -> (q,) bucket of each question."""

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise ConfigError(f"no row {name!r}: {nearest(name, [row.name for row in self.rows])}")

    @property
    def main_metric(self) -> str:
        """The metric by which rows are ordered in pictures: `ndcg@10` where 10 is a cut."""
        return f"ndcg@{self.protocol.main_k}"

    @property
    def reference(self) -> str:
        """The best floor row (else the first row): what a new recommender has to beat."""
        floors = [row for row in self.rows if row.floor] or list(self.rows[:1])
        return max(floors, key=lambda row: row.metrics[self.main_metric].value).name

    def compare(self, a: str, b: str, metric: str = "") -> Paired:
        """Row `a` minus row `b`, user by user; `metric` defaults to the main one."""
        x, y, metric = self._pair(a, b, metric)
        return compare(x, y, names=(a, b), metric=metric, seed=self.protocol.seed)

    def compare_by(self, kind: str, a: str, b: str, metric: str = "") -> dict[str, Paired]:
        """The same in each bucket of a kind ("history", "popularity"), with Holm's correction over them."""
        if kind not in self.groups:
            raise ConfigError(f"no buckets by {kind!r}: {nearest(kind, self.groups)}")
        x, y, metric = self._pair(a, b, metric)
        label = self.groups[kind]
        found = {
            name: compare(
                x[label == name], y[label == name], names=(a, b), metric=metric, seed=self.protocol.seed
            )
            for name in BUCKETS[kind]
            if (label == name).any()
        }
        return with_holm(found)

    def _pair(self, a: str, b: str, metric: str) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
        metric = metric or self.main_metric
        for row in (self[a], self[b]):
            if metric not in row.per_user:
                raise ConfigError(f"{row.name!r} has no {metric!r} per user: {nearest(metric, row.per_user)}")
        return self[a].per_user[metric], self[b].per_user[metric], metric

    def compare_all(self, reference: str = "", metric: str = "") -> dict[str, Paired]:
        """Every other row minus the reference (the best floor), with Holm's correction over all of them."""
        reference = reference or self.reference
        others = [row.name for row in self.rows if row.name != reference]
        return with_holm({name: self.compare(name, reference, metric) for name in others})

    def table(self, *metrics: str, cut: int = 0) -> str:
        """Aligned text, the protocol under it; metrics default to all at one cut."""
        from zhiyin.evaluate.table import table

        return table(self, metrics, cut=cut)

    def as_dict(self, *, per_user: bool = False) -> dict[str, Any]:
        """Plain values, ready for JSON; NaN becomes None."""
        return {
            "protocol": self.protocol.facts(),
            "data": asdict(self.data),
            "n_questions": self.n_questions,
            "versions": dict(self.versions),
            "rows": [_row_dict(row, per_user) for row in self.rows],
            "reference": self.reference,
            "comparisons": {
                name: _plain(one.as_dict()) for name, one in self.compare_all().items()
            },
        }  # fmt: skip

    def to_json(self, path: str | Path | None = None, *, per_user: bool = False) -> str:
        """Strict JSON; written to `path` too when given."""
        text = json.dumps(self.as_dict(per_user=per_user), ensure_ascii=False, indent=1, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def to_html(self, path: str | Path | None = None, *, title: str = "", locale: str = "en") -> str:
        """One page that needs nothing else: no script, no outside file; written to `path` too when given."""
        from zhiyin.evaluate.report import report

        text = report(self, title=title, locale=locale)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _repr_html_(self) -> str:
        from zhiyin.evaluate.report import fragment

        return fragment(self)

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__


def _row_dict(row: Row, per_user: bool) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": row.name,
        "floor": row.floor,
        "metrics": {name: asdict(interval) for name, interval in row.metrics.items()},
        "timing": asdict(row.timing),
        "buckets": [asdict(bucket) for bucket in row.buckets],
        "lorenz": row.lorenz.tolist(),
        "roc": row.roc.tolist(),
    }
    if per_user:
        out["per_user"] = {name: values.tolist() for name, values in row.per_user.items()}
    plain: dict[str, Any] = _plain(out)
    return plain


def _plain(value: Any) -> Any:
    """Numbers that JSON can hold, rounded to seven digits behind the point."""
    if isinstance(value, float):
        return round(value, 7) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
