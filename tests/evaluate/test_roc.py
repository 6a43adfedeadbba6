from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from zhiyin.evaluate.roc import auc, roc_points


def test_by_hand():
    # 5 candidates, one target: at place 2 of a list of 3, then not listed at all
    hits = np.array([[False, True, False], [False, False, False]])
    lists = np.array([[4, 2, 0], [4, 3, 0]])
    found = auc(lists, hits, np.array([1, 1]), np.array([4, 4]))
    assert found == pytest.approx([3 / 4, 0.5 * 1 / 4])


def test_a_full_list_gives_the_mann_whitney_statistic():
    rng = np.random.default_rng(0)
    n = 30
    scores = rng.permutation(n).astype(float)
    targets = rng.permutation(n)[:7]
    lists = np.argsort(-scores)[None]
    hits = np.isin(lists, targets)
    rest = np.setdiff1d(np.arange(n), targets)
    expected = mannwhitneyu(scores[targets], scores[rest]).statistic / (7 * (n - 7))
    assert auc(lists, hits, np.array([7]), np.array([n - 7]))[0] == pytest.approx(expected)


def test_an_empty_list_is_chance_and_no_negatives_is_undefined():
    lists = np.full((2, 4), -1)
    found = auc(lists, lists > 0, np.array([2, 2]), np.array([5, 0]))
    assert found[0] == 0.5 and np.isnan(found[1])


def test_the_area_under_the_points_of_one_user_is_its_auc():
    hits = np.array([[True, False, False, True, False]])
    lists = np.arange(5)[None]
    targets, negatives = np.array([3]), np.array([9])
    points = roc_points(lists, hits, targets, negatives)
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(auc(lists, hits, targets, negatives)[0])
