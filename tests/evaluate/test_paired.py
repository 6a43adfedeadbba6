from __future__ import annotations

import numpy as np
import pytest

from zhiyin.errors import ConfigError
from zhiyin.evaluate.paired import compare, holm, sign_flip, with_holm


def test_a_planted_difference_is_found():
    rng = np.random.default_rng(0)
    base = rng.random(500)
    found = compare(base + rng.normal(0.02, 0.1, 500), base, names=("new", "old"), metric="ndcg@10")
    assert found.difference.low > 0
    assert max(found.p, found.p_t, found.p_wilcoxon) < 0.01
    assert found.wins + found.losses + found.ties == found.n == 500
    assert "new - old" in str(found)


def test_no_difference_is_found_about_as_rarely_as_promised():
    rng = np.random.default_rng(1)
    alarms = [
        compare(rng.random(80), rng.random(80), n_resamples=500).p < 0.05  # the same distribution twice
        for _ in range(200)
    ]
    assert np.mean(alarms) <= 0.09


def test_the_same_list_twice_is_a_tie_and_no_warning():
    values = np.random.default_rng(0).random(30)
    found = compare(values, values)
    assert (found.p, found.p_t, found.p_wilcoxon, found.ties) == (1.0, 1.0, 1.0, 30)
    assert found.difference.value == 0


def test_one_user_proves_nothing():
    assert np.isnan(compare([1.0], [0.0]).p_t) and compare([1.0], [0.0]).p == 1.0


def test_a_constant_shift_needs_no_spread():
    assert compare(np.ones(12), np.zeros(12)).p < 0.01


def test_swapping_names_turns_the_sign_and_keeps_p():
    rng = np.random.default_rng(2)
    x, y = rng.random(50), rng.random(50)
    forth, back = compare(x, y), compare(y, x)
    assert forth.difference.value == -back.difference.value
    assert (forth.p, forth.wins) == (back.p, back.losses)


def test_sign_flips_agree_with_counting_all_of_them():
    d = np.array([0.5, 0.5, -0.5, 1.0, 2.0, 0.0])
    moved = d[d != 0]
    signs = np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1).T
    exact = (np.abs(signs @ np.abs(moved)) >= d.sum() - 1e-9).mean()
    assert sign_flip(d, n_resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_users_without_a_value_take_no_part():
    found = compare([1.0, np.nan, 0.0], [0.0, 1.0, 0.0])
    assert (found.n, found.wins, found.ties) == (2, 1, 1)


def test_different_questions_are_refused():
    with pytest.raises(ConfigError, match="same questions"):
        compare(np.zeros(3), np.zeros(4))


def test_holm_by_hand_and_in_any_order():
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_holm_is_written_into_each_comparison():
    rng = np.random.default_rng(0)
    found = with_holm({name: compare(rng.random(20), rng.random(20)) for name in "abc"})
    assert [one.p_holm for one in found.values()] == holm([one.p for one in found.values()])
