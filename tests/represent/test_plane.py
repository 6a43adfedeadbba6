"""The plane: what is alike stays together, a seed fixes all, nothing without a vector is placed."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from zhiyin.represent.plane import NOWHERE, SIDE, near_places, neighbours, plane, principal


def clouds(n_each: int = 60, k: int = 4, dim: int = 16, seed: int = 0):
    """`k` clouds of points around far centres, and the cloud of each."""
    random = np.random.default_rng(seed)
    label = np.repeat(np.arange(k), n_each)
    points = np.eye(dim)[label] * 3 + random.normal(0, 0.2, (len(label), dim))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), label


def test_what_is_alike_stays_together():
    points, label = clouds()
    places = plane(points)
    _, near = cKDTree(places).query(places, k=6)
    assert (label[near[:, 1:]] == label[:, None]).mean() > 0.95
    assert places.min() >= 0 and places.max() <= SIDE


def test_the_same_seed_gives_the_same_plane():
    points, _ = clouds(20)
    assert (plane(points, seed=3) == plane(points, seed=3)).all()
    assert (plane(points, seed=3) != plane(points, seed=4)).any()


def test_rows_of_zeros_are_nowhere_and_few_points_are_no_fault():
    points, _ = clouds(10)
    points[5] = 0
    places = plane(points)
    assert places[5].tolist() == [NOWHERE, NOWHERE] and (places[:5] != NOWHERE).all()
    assert plane(points[:2]).shape == (2, 2) and plane(points[:0]).shape == (0, 2)
    assert plane(np.ones((4, 1), np.float32)).shape == (4, 2)


def test_neighbours_are_the_nearest_by_cosine():
    points, _ = clouds(30)
    found = neighbours(points, 5)
    closeness = points @ points.T
    np.fill_diagonal(closeness, -2)
    truth = np.sort(np.argsort(-closeness, axis=1)[:, :5], axis=1)
    assert (np.sort(found, axis=1) == truth).mean() > 0.99


def test_directions_come_strongest_first():
    points, _ = clouds()
    spread = principal(points, 3).var(axis=0)
    assert spread[0] >= spread[1] >= spread[2] > 0


def test_a_newcomer_stands_among_its_neighbours():
    places = np.array([[0, 0], [10, 10], [20, 20], [NOWHERE, NOWHERE]], np.int32)
    found = near_places(places, np.array([[0, 1, 2], [3, 3, 3], [3, 1, 3]], np.int32))
    assert found.tolist() == [[10, 10], [NOWHERE, NOWHERE], [10, 10]]
