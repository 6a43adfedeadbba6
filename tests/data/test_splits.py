"""Every splitter: nothing that is asked can be learnt, and the questions are the right ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.dataset import Dataset
from zhiyin.data.split import (
    ColdItems,
    LeaveLastN,
    LeaveOneOut,
    MarkedSplit,
    RandomSplit,
    TimeSplit,
    UserSplit,
    hide_items,
)
from zhiyin.errors import ConfigError, DataError
from zhiyin.types import Interaction

SPLITTERS = [
    LeaveOneOut(),
    LeaveOneOut(regime="T+V"),
    LeaveLastN(n=2),
    LeaveLastN(fraction=0.25),
    RandomSplit(),
    TimeSplit(),
    UserSplit(fraction=0.3),
    ColdItems(share=0.4),
]


def world(lengths, *, clock=True, seed=0):
    """User u does lengths[u] things; the value of a row is unique and tells the rows apart."""
    rng = np.random.default_rng(seed)
    rows = [
        Interaction(f"u{user}", f"i{rng.integers(12)}", "click", 1000.0 * user + step,
                    1e9 + 60 * step + user if clock else None)
        for user, length in enumerate(lengths)
        for step in range(length)
    ]  # fmt: skip
    return Dataset.of(rows)


@pytest.mark.parametrize("splitter", SPLITTERS, ids=str)
@pytest.mark.parametrize("part", ["test", "validation"])
def test_no_target_is_in_the_fit(splitter, part):
    data = world([1, 2, 3, 9, 20, 20, 7, 15])
    split = splitter.split(data, part)
    holdout = split.holdout
    assert len(holdout)
    asked = np.concatenate([holdout.data.value[s:e] for s, e in zip(holdout.start, holdout.end)])
    assert not set(asked) & set(split.fit.value)
    for user, history, targets in holdout:
        assert len(targets) >= 1
        assert len(history) >= 1
        rows = holdout.data.user[holdout.data.indptr[user] : holdout.data.indptr[user + 1]]
        assert (rows == user).all()


@pytest.mark.parametrize("splitter", SPLITTERS, ids=str)
def test_validation_never_uses_a_row_that_tests(splitter):
    data = world([1, 2, 3, 9, 20, 20, 7, 15])
    test, validation = splitter.split(data), splitter.split(data, "validation")
    tested = np.concatenate(
        [test.holdout.data.value[s:e] for s, e in zip(test.holdout.start, test.holdout.end)]
    )
    asked = validation.holdout
    used = [asked.data.value[s:e] for s, e in zip(asked.start, asked.end)]
    assert not set(tested) & set(np.concatenate([validation.fit.value, *used]))


@pytest.mark.parametrize("splitter", SPLITTERS, ids=str)
def test_the_same_split_twice_and_a_readable_name(splitter):
    data = world([5, 9, 20])
    one, two = splitter.split(data), splitter.split(data)
    assert np.array_equal(one.fit.value, two.fit.value)
    assert np.array_equal(one.holdout.start, two.holdout.start)
    assert str(splitter) == splitter.describe()
    assert "test" in str(splitter) or "hidden" in str(splitter)


def test_leave_one_out_asks_for_the_last_event():
    split = LeaveOneOut().split(world([2, 3, 5]))
    assert [u for u, _, _ in split.holdout] == [1, 2]
    assert split.holdout.data.value[split.holdout.start].tolist() == [1002, 2004]
    assert split.fit.value.tolist() == [0, 1, 1000, 2000, 2001, 2002]


def test_leave_last_n_counts_and_rounds_up():
    data = world([1, 4, 10])
    two = LeaveLastN(n=2).split(data).holdout
    assert (two.end - two.start).tolist() == [2, 2]
    share = LeaveLastN(fraction=0.25).split(data).holdout
    assert (share.end - share.start).tolist() == [1, 3]


def test_a_random_split_moves_the_held_out_rows_behind_and_keeps_the_rest_in_order():
    split = RandomSplit(fraction=0.5, seed=3).split(world([30, 30]))
    for position in range(len(split.holdout)):
        start, end = split.holdout.start[position], split.holdout.end[position]
        first = split.holdout.data.indptr[split.holdout.user[position]]
        assert (np.diff(split.holdout.data.value[first:start]) > 0).all()
        assert end == split.holdout.data.indptr[split.holdout.user[position] + 1]
    assert 0.3 < 1 - len(split.fit) / 60 < 0.7


def test_time_split_has_one_moment_for_everybody():
    data = world([20, 20, 3])
    splitter = TimeSplit(quantile=0.5)
    split, moment = splitter.split(data), splitter.moment(data)
    assert split.fit.at.max() <= moment
    assert (split.holdout.data.at[split.holdout.start] > moment).all()
    assert 2 not in split.holdout.user
    fixed = TimeSplit(at=1e9 + 60 * 10).split(data)
    assert fixed.fit.at.max() <= 1e9 + 600


def test_time_split_needs_a_clock():
    with pytest.raises(DataError, match="only the order is known: use LeaveOneOut"):
        TimeSplit().split(world([5, 5], clock=False))


def test_user_split_leaves_nothing_of_the_asked_users():
    split = UserSplit(fraction=0.5, n=2).split(world([5, 5, 5, 5]))
    assert not set(split.fit.user) & set(split.holdout.user)
    assert len(split.holdout) == 2
    assert all(len(targets) == 2 and len(history) == 3 for _, history, targets in split.holdout)


def test_marked_rows_test():
    rows = [Interaction("u", f"i{n}", context={"part": "test" if n > 2 else "train"}) for n in range(5)]
    split = MarkedSplit().split(Dataset.of(rows))
    assert split.holdout.targets(0).tolist() == [3, 4]
    assert len(split.fit) == 3
    with pytest.raises(DataError, match="did you mean 'part'"):
        MarkedSplit(column="parts").split(Dataset.of(rows))


def test_cold_items_are_in_the_catalogue_but_in_no_training_row():
    data = world([9] * 40)
    split = ColdItems(share=0.25, seed=1).split(data)
    hidden = ColdItems(share=0.25, seed=1).hidden(data)
    assert len(hidden) == 3
    assert np.array_equal(split.hidden, hidden)
    assert not np.isin(split.fit.item, hidden).any()
    assert split.fit.n_items == data.n_items
    assert all(len(targets) == 1 and targets[0] in hidden for _, _, targets in split.holdout)
    validation = ColdItems(share=0.25, seed=1).split(data, "validation")
    assert not set(validation.hidden) & set(hidden)
    assert not np.isin(validation.fit.item, hidden).any()
    assert np.array_equal(hide_items(data, 0.25, 1).fit.item, split.fit.item)


@pytest.mark.parametrize(
    "bad", [RandomSplit(fraction=0), TimeSplit(quantile=1), UserSplit(fraction=2), LeaveLastN(n=0)]
)
def test_an_impossible_setting_is_named(bad):
    with pytest.raises(ConfigError, match="is "):
        bad.split(world([5, 5]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.integers(0, 5), st.floats(0.05, 0.9))
def test_a_random_split_loses_and_doubles_no_row(lengths, seed, fraction):
    data = world(lengths)
    split = RandomSplit(fraction=fraction, seed=seed).split(data)
    asked = [split.holdout.data.value[s:e] for s, e in zip(split.holdout.start, split.holdout.end)]
    assert sorted(np.concatenate([split.fit.value, *asked])) == sorted(data.value)
    assert (np.diff(split.fit.indptr) >= 1).all()
