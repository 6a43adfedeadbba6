"""Altered inputs: what is asked for stays, and no input shows its own answer."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.retrieve.sequence_augment import Augmentation, augmented
from zhiyin.retrieve.sequence_windows import Batch

HOW = [Augmentation(crop=1.0), Augmentation(mask=0.3), Augmentation(reorder=0.5), Augmentation(noise=0.3)]


def counting(n: int = 40, length: int = 12) -> Batch:
    """Row r counts up from 100 r, so that an item says where it stood; the last two places are padding."""
    items = np.arange(n)[:, None] * 100 + np.arange(length)
    asked = np.broadcast_to(np.arange(length) < length - 2, items.shape)
    zeros = np.zeros_like(items)
    return Batch(items, zeros, zeros, items + 1, asked)


@pytest.mark.parametrize("how", HOW, ids=lambda how: str(how))
def test_targets_stay_and_something_changes(how: Augmentation) -> None:
    before = counting()
    after = augmented(before, how, 5_000, np.random.default_rng(0))
    np.testing.assert_array_equal(after.targets, before.targets)
    assert not (after.asked & ~before.asked).any()
    assert (after.items != before.items).any()
    assert before.items[0, 0] == 0 and before.asked[0, 0]


def test_nothing_is_altered_where_nothing_is_asked_for() -> None:
    before = counting()
    assert augmented(before, Augmentation(), 5_000, np.random.default_rng(0)) is before


def test_a_changed_order_never_shows_an_answer_before_it_is_asked_for() -> None:
    """Swapped neighbours would tell the first of them what comes next."""
    after = augmented(counting(), Augmentation(reorder=0.7), 5_000, np.random.default_rng(1))
    for row in range(len(after.items)):
        for place in np.flatnonzero(after.asked[row]):
            assert after.targets[row, place] not in after.items[row, : place + 1]


def test_a_crop_takes_from_the_beginning_and_asks_nothing_there() -> None:
    after = augmented(counting(), Augmentation(crop=1.0), 5_000, np.random.default_rng(2))
    blank = after.items < 0
    assert blank.any() and not (blank & after.asked).any()
    assert not (blank[:, 1:] & ~blank[:, :-1]).any()


def test_shares_are_kept() -> None:
    before = counting(400)
    masked = augmented(before, Augmentation(mask=0.2), 5_000, np.random.default_rng(3))
    noisy = augmented(before, Augmentation(noise=0.2), 5_000, np.random.default_rng(3))
    assert abs((masked.items < 0).mean() - 0.2) < 0.02
    assert abs((noisy.items != before.items).mean() - 0.2) < 0.02
