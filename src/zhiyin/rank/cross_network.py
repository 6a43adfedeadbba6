"""A network of cross layers, and how it learns: numpy alone, all rows of a step at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import FloatArray

__all__ = ["CrossNetwork", "Lists", "Schedule", "softmax_loss", "train"]

WARM = 20
"""Steps in which the rate rises."""
MEMORY = 0.99
"""Decay of the average over the steps, which is what is checked and kept."""
MOMENTS = 0.9, 0.999


@dataclass(frozen=True, slots=True)
class Lists:
    """Rows of several questions, one question after the other."""

    x: FloatArray
    """(r, n)"""
    chosen: FloatArray
    """(r,) 1 = was chosen; one row or more of each question."""
    group: NDArray[np.int64]
    """(g,) rows of each question."""

    @property
    def first(self) -> NDArray[np.int64]:
        """(g,) row with which a question begins."""
        return np.cumsum(self.group) - self.group

    def of(self, questions: NDArray[np.int64]) -> Lists:
        group = self.group[questions]
        rows = np.repeat(self.first[questions] - (np.cumsum(group) - group), group) + np.arange(group.sum())
        return Lists(self.x[rows], self.chosen[rows], group)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and in which steps is learnt."""

    epochs: int
    patience: int
    batch: int
    """Questions a step."""
    learning_rate: float
    weight_decay: float
    dropout: float
    """Share of the inputs that a step does not see."""


@dataclass(slots=True)
class CrossNetwork:
    """Cross layers of low rank (DCN-V2; Wang and others, 2021), then a weighted sum.

    A layer multiplies what came before with the inputs: cₗ₊₁ = x ∘ (Uₗ Vₗ cₗ + bₗ) + cₗ with c₀ = x.
    """

    flat: FloatArray
    """All weights in one row; the others are views of it."""
    n: int
    layers: int
    rank: int
    down: FloatArray = field(init=False)
    """(layers, rank, n) V"""
    up: FloatArray = field(init=False)
    """(layers, n, rank) U"""
    lift: FloatArray = field(init=False)
    """(layers, n) b"""
    last: FloatArray = field(init=False)
    """(n,) weights of the sum; it has no constant, which would move all candidates alike."""

    def __post_init__(self) -> None:
        ends = np.cumsum([self.layers * self.rank * self.n] * 2 + [self.n])
        down, up, last, lift = np.split(self.flat, ends)
        self.down = down.reshape(self.layers, self.rank, self.n)
        self.up = up.reshape(self.layers, self.n, self.rank)
        self.last, self.lift = last, lift.reshape(self.layers, self.n)

    @classmethod
    def fresh(cls, n: int, *, layers: int, rank: int, rng: np.random.Generator) -> Self:
        """Before the first step all scores are 0."""
        made = cls(np.zeros((2 * rank + 1) * layers * n + n, np.float32), n, layers, rank)
        made.down[:] = rng.uniform(-1, 1, made.down.shape) / np.sqrt(n)
        made.up[:] = rng.normal(0, 0.05, made.up.shape)
        return made

    def with_weights(self, flat: FloatArray) -> CrossNetwork:
        return CrossNetwork(flat, self.n, self.layers, self.rank)

    @property
    def n_decayed(self) -> int:
        """Weights at the front of `flat` that are kept small: all but the constants."""
        return self.flat.size - self.lift.size

    def scores(self, x: FloatArray) -> FloatArray:
        """(r,) of (r, n)"""
        crossed = x
        for down, up, lift in zip(self.down, self.up, self.lift, strict=True):
            step: FloatArray = (crossed @ down.T) @ up.T
            step += lift
            step *= x
            step += crossed
            crossed = step
        found: FloatArray = crossed @ self.last
        return found

    def gradient(self, lists: Lists) -> FloatArray:
        """Of `softmax_loss` with respect to `flat`."""
        x, crossed = lists.x, [lists.x]
        narrow = []
        for down, up, lift in zip(self.down, self.up, self.lift, strict=True):
            narrow.append(crossed[-1] @ down.T)
            crossed.append(x * (narrow[-1] @ up.T + lift) + crossed[-1])
        asked = shares(crossed[-1] @ self.last, lists) - wanted(lists)
        asked /= np.float32(len(lists.group))
        found = self.with_weights(np.empty_like(self.flat))
        found.last[:] = asked @ crossed[-1]
        back = asked[:, None] * self.last
        for layer in reversed(range(self.layers)):
            wide = back * x
            found.up[layer] = wide.T @ narrow[layer]
            found.lift[layer] = wide.sum(0)
            thin = wide @ self.up[layer]
            found.down[layer] = thin.T @ crossed[layer]
            back += thin @ self.down[layer]
        return found.flat


def shares(scores: FloatArray, lists: Lists) -> FloatArray:
    """(r,) softmax over the rows of a question."""
    first = lists.first
    found: FloatArray = np.exp(scores - np.repeat(np.maximum.reduceat(scores, first), lists.group))
    found /= np.repeat(np.add.reduceat(found, first), lists.group)
    return found


def wanted(lists: Lists) -> FloatArray:
    """(r,) what was chosen, as shares of its question."""
    found: FloatArray = lists.chosen / np.repeat(np.add.reduceat(lists.chosen, lists.first), lists.group)
    return found


def softmax_loss(scores: FloatArray, lists: Lists) -> float:
    """Mean cross entropy of what was chosen among a question's candidates (ListNet; Cao and others, 2007)."""
    tiny = np.finfo(np.float32).tiny
    return float(-(wanted(lists) * np.log(np.maximum(shares(scores, lists), tiny))).sum() / len(lists.group))


def train(network: CrossNetwork, fit: Lists, check: Lists, schedule: Schedule, *, seed: int) -> None:
    """Leaves the weights after the epoch at which the questions of `check` were answered best.

    By AdamW (Loshchilov and Hutter, 2019) and an average over the steps. The loss of `check` decides when to
    stop: the NDCG of so few questions is mostly chance.
    """
    rng, best, since, step = np.random.default_rng((seed, 78)), np.inf, 0, 0
    mean, spread = np.zeros_like(network.flat), np.zeros_like(network.flat)
    average, kept = network.flat.copy(), network.flat.copy()
    decay = np.zeros_like(network.flat)
    decay[: network.n_decayed] = schedule.weight_decay
    for _ in range(schedule.epochs):
        order = rng.permutation(len(fit.group))
        for start in range(0, len(order), schedule.batch):
            lists = _dropped(fit.of(order[start : start + schedule.batch]), schedule.dropout, rng)
            gradient = network.gradient(lists)
            step += 1
            rate = np.float32(schedule.learning_rate * min(1.0, step / WARM))
            mean += (1 - MOMENTS[0]) * (gradient - mean)
            spread += (1 - MOMENTS[1]) * (gradient * gradient - spread)
            size = np.sqrt(spread / (1 - MOMENTS[1] ** step)) + 1e-8
            network.flat *= 1 - rate * decay
            network.flat -= rate * (mean / (1 - MOMENTS[0] ** step)) / size
            average += (1 - min(MEMORY, step / (10 + step))) * (network.flat - average)
        now = softmax_loss(network.with_weights(average).scores(check.x), check)
        since += 1
        if now < best:
            best, since = now, 0
            kept[:] = average
        if since >= schedule.patience:
            break
    network.flat[:] = kept


def _dropped(lists: Lists, share: float, rng: np.random.Generator) -> Lists:
    if not share:
        return lists
    seen = rng.random(lists.x.shape, dtype=np.float32) >= share
    return Lists(lists.x * seen / np.float32(1 - share), lists.chosen, lists.group)
