from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest

from zhiyin.evaluate.intervals import Interval, bootstrap, resampled_means


def test_intervals_hold_the_truth_about_as_often_as_they_promise():
    rng = np.random.default_rng(0)
    truth, held = 0.2, 0
    samples = (rng.random((400, 300)) < truth).astype(float)  # 300 experiments of 400 users
    for interval in bootstrap(samples, n_resamples=400, seed=1):
        held += interval.low <= truth <= interval.high
    assert 0.91 <= held / 300 <= 0.98


def test_the_standard_error_is_that_of_a_mean():
    values = np.random.default_rng(0).normal(size=2000)
    assert bootstrap(values)[0].error == pytest.approx(values.std() / math.sqrt(2000), rel=0.1)


def test_the_same_seed_gives_the_same_interval_however_many_columns_stand_beside():
    values = np.random.default_rng(0).random((50, 3))
    together, alone = bootstrap(values, seed=4)[1], bootstrap(values[:, 1], seed=4)[0]
    assert astuple(together) == pytest.approx(astuple(alone))
    assert together.low != bootstrap(values, seed=5)[1].low


def test_missing_values_take_no_part():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    assert bootstrap(values)[0].value == 2.0
    assert math.isnan(bootstrap(np.full(4, np.nan))[0].value)


def test_weights_make_a_ratio_of_sums():
    assert bootstrap(np.array([1.0, 4.0]), np.array([3.0, 1.0]))[0].value == pytest.approx(7 / 4)


def test_one_user_has_no_interval():
    found = bootstrap(np.array([0.5]))[0]
    assert found.value == 0.5 and math.isnan(found.low)


def test_large_data_are_resampled_in_pieces_and_stay_centred():
    values = np.ones((30_000, 1))
    values[:3000] = 0
    means = resampled_means(values, np.ones_like(values), n_resamples=300)
    assert means.mean() == pytest.approx(0.9, abs=0.001)


def test_text_of_an_interval():
    assert str(Interval(0.5)) == "0.5000"
    assert str(Interval(0.5, 0.4, 0.6)) == "0.5000 [0.4000, 0.6000]"
