"""Sequences a little altered at every pass (D6): crop, mask, reorder, noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zhiyin.retrieve.sequence_windows import Batch

__all__ = ["Augmentation", "augmented"]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Shares, 0 = not at all. What is asked for never changes, only what is known when it is asked."""

    crop: float = 0.0
    """Of the windows, that lose a random part of their beginning."""
    mask: float = 0.0
    """Of the events, that are left blank: the time is known, the item is not."""
    reorder: float = 0.0
    """Of the events, that change places with the one before."""
    noise: float = 0.0
    """Of the events, whose item is replaced by any other."""


def augmented(batch: Batch, how: Augmentation, n_items: int, rng: np.random.Generator) -> Batch:
    """The batch with altered inputs; itself where nothing is asked for. A blank item is -1."""
    items, weights, asked = batch.items, batch.weights, batch.asked
    if how == Augmentation():
        return batch
    if how.reorder:
        items, asked = items.copy(), asked.copy()
        for row, column in np.argwhere((rng.random(items.shape) < how.reorder)[:, 1:] & asked[:, 1:]):
            items[row, [column, column + 1]] = items[row, [column + 1, column]]
            asked[row, column] = False  # it now sees what it would be asked for
    if how.noise:
        items = np.where(rng.random(items.shape) < how.noise, rng.integers(0, n_items, items.shape), items)
    if how.mask:
        items = np.where(rng.random(items.shape) < how.mask, -1, items)
    if how.crop:
        cut = rng.integers(0, items.shape[1] // 2 + 1, len(items)) * (rng.random(len(items)) < how.crop)
        gone = np.arange(items.shape[1]) < cut[:, None]
        items, asked = np.where(gone, -1, items), asked & ~gone
    return replace(batch, items=items, weights=weights, asked=asked)
