"""Is one better than another, on the same users?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from zhiyin.errors import ConfigError
from zhiyin.evaluate.intervals import Interval, bootstrap

__all__ = ["Paired", "compare", "holm", "with_holm"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Paired:
    """A minus B over the users that both answered."""

    a: str
    b: str
    metric: str
    n: int
    mean_a: float
    mean_b: float
    difference: Interval
    """Mean of the differences with its bootstrap interval."""
    wins: int
    """Users for whom A is higher."""
    losses: int
    ties: int
    p_t: float
    """Paired t test, two-sided."""
    p_wilcoxon: float
    """Wilcoxon signed ranks; ties are left out."""
    p: float
    """Sign-flip permutation, two-sided: assumes only that A and B could swap names for every user."""
    p_holm: float = float("nan")
    """`p` after Holm's correction, where several comparisons were made together."""

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)

    def __str__(self) -> str:
        p = self.p if np.isnan(self.p_holm) else self.p_holm
        return (
            f"{self.a} - {self.b}, {self.metric}: {self.difference.value:+.4f} "
            f"[{self.difference.low:+.4f}, {self.difference.high:+.4f}], p = {p:.2g}, "
            f"{self.wins} won, {self.losses} lost, {self.ties} tied"
        )


def compare(
    a: ArrayLike,
    b: ArrayLike,
    *,
    names: tuple[str, str] = ("a", "b"),
    metric: str = "",
    seed: int = 0,
    n_resamples: int = 10_000,
) -> Paired:
    """Compare two (q,) arrays of per-user values; users where either is NaN take no part."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.shape != y.shape:
        raise ConfigError(
            f"{names[0]!r} has values for {x.shape} users and {names[1]!r} for {y.shape}: "
            "expected the same questions; evaluate both under one protocol"
        )
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    d = x - y
    moved = d[d != 0]
    varied = len(d) > 1 and float(np.ptp(d)) > 0
    return Paired(
        a=names[0],
        b=names[1],
        metric=metric,
        n=len(d),
        mean_a=float(x.mean()) if len(x) else float("nan"),
        mean_b=float(y.mean()) if len(y) else float("nan"),
        difference=bootstrap(d, seed=seed)[0] if len(d) else Interval(float("nan")),
        wins=int((d > 0).sum()),
        losses=int((d < 0).sum()),
        ties=int((d == 0).sum()),
        p_t=float(stats.ttest_rel(x, y).pvalue) if varied else _p_of_constant(d),
        p_wilcoxon=float(stats.wilcoxon(moved, method="asymptotic").pvalue) if len(moved) > 1 else 1.0,
        p=sign_flip(d, seed=seed, n_resamples=n_resamples),
    )


def _p_of_constant(d: Values) -> float:
    """What the t test says of differences that are all the same; NaN of fewer than two."""
    return float(not d.any()) if len(d) > 1 else float("nan")


def sign_flip(differences: Values, *, seed: int = 0, n_resamples: int = 10_000) -> float:
    """Two-sided p of the mean under random signs, (1 + as extreme) / (1 + resamples), never 0.

    Differences of one size are flipped together: the number of pluses among m of them is binomial.
    Leave-one-out metrics know few sizes, so that a million users cost no more than a thousand.
    """
    size, count = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    if not len(size):
        return 1.0
    rng = np.random.default_rng(seed)
    observed = abs(float(differences.sum())) * (1 - 1e-12)
    extreme, step = 0, max(1, 2_000_000 // len(size))
    for start in range(0, n_resamples, step):
        pluses = rng.binomial(count, 0.5, (min(step, n_resamples - start), len(size)))
        extreme += int((np.abs((2 * pluses - count) @ size) >= observed).sum())
    return (1 + extreme) / (1 + n_resamples)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the chance of even one false alarm stays below the level (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    m = len(values)
    stepped = np.minimum(1.0, np.maximum.accumulate(values[order] * (m - np.arange(m))))
    out = np.empty(m)
    out[order] = stepped
    return [float(value) for value in out]


def with_holm(comparisons: Mapping[str, Paired]) -> dict[str, Paired]:
    """The same comparisons with `p_holm` over all of them."""
    corrected = holm([one.p for one in comparisons.values()])
    return {name: replace(one, p_holm=p) for (name, one), p in zip(comparisons.items(), corrected)}
