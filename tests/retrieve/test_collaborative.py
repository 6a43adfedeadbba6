"""Each collaborative retriever against the textbook: the formula written out, on data small enough for it."""

from __future__ import annotations

import os

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.errors import ConfigError, NotFittedError
from zhiyin.retrieve import (
    AlsRetriever,
    EaseRetriever,
    GraphRetriever,
    ItemKnnRetriever,
    KernelRetriever,
    PageRankRetriever,
    PopularRetriever,
    RecentRetriever,
    SgdRetriever,
    SlitRetriever,
    UserKnnRetriever,
)
from zhiyin.retrieve.matrix import user_item_matrix
from zhiyin.retrieve.neighbours import Neighbours
from zhiyin.testing import checkerboard, history_of
from zhiyin.types import Interaction, Item, Query

EVERY = [
    AlsRetriever, EaseRetriever, GraphRetriever, ItemKnnRetriever, KernelRetriever, PageRankRetriever,
    PopularRetriever, RecentRetriever, SgdRetriever, SlitRetriever, UserKnnRetriever,
]  # fmt: skip
NONE = np.empty(0, np.int32)
DAY = 86400.0


def sequences(*users: str, kind: str = "click", n_items: int = 6) -> Dataset:
    """One user per word, one item per letter, in that order."""
    rows = [Interaction(f"u{u}", letter, kind) for u, word in enumerate(users) for letter in word]
    return Dataset.of(rows, [Item(letter) for letter in "abcdefghijkl"[:n_items]])


def dense(neighbours: Neighbours | None) -> np.ndarray:
    assert neighbours is not None
    n = len(neighbours)
    return neighbours.entries(np.arange(n, dtype=np.int32)).block(np.arange(n, dtype=np.int32))


def binary(data: Dataset) -> np.ndarray:
    return user_item_matrix(data).toarray()


@pytest.mark.parametrize("retriever", EVERY)
def test_asked_before_fit_it_says_what_to_do(retriever: type) -> None:
    with pytest.raises(NotFittedError, match="fit"):
        retriever().relevance(Query())
    with pytest.raises(NotFittedError, match="fit"):
        retriever().state()


@pytest.mark.parametrize("retriever", EVERY)
def test_an_item_without_behaviour_is_no_obstacle(retriever: type) -> None:
    data = sequences("abab", "bcab", "cabc", n_items=6)
    top = retriever().fit(data).relevance(Query(history_of(0, 1))).top(9, NONE)
    assert not np.isin(top, [3, 4, 5]).any()


def test_the_matrix_keeps_the_strongest_liking_and_no_dislike() -> None:
    kinds = [("u", "a", "view"), ("u", "a", "purchase"), ("u", "b", "hide"), ("v", "b", "click")]
    data = Dataset.of([Interaction(user, item, kind) for user, item, kind in kinds])
    strongest = data.weight.max()
    np.testing.assert_array_equal(user_item_matrix(data).toarray(), [[strongest, 0], [0, 1]])


def test_the_kernel_counts_pairs_by_distance() -> None:
    data = sequences("abcd", "ba")
    plain = KernelRetriever(window=2, backward=0.0, damp_source=0.0, damp_target=0.0).fit(data)
    expected = np.zeros((6, 6))
    expected[[0, 1, 2, 1], [1, 2, 3, 0]] = 1
    expected[[0, 1], [2, 3]] = 0.5
    np.testing.assert_allclose(dense(plain.neighbours_), expected)
    both = KernelRetriever(window=2, backward=0.25, damp_source=0.5, damp_target=1.0).fit(data)
    count = np.array([2, 2, 1, 1, 1, 1])
    damped = (expected + 0.25 * expected.T) / count[:, None] ** 0.5 / count[None, :]
    np.testing.assert_allclose(dense(both.neighbours_), damped, rtol=1e-6)


def test_the_kernel_looks_forward() -> None:
    asked = KernelRetriever(backward=0.0).fit(sequences("ab", "ab", "abc"))
    assert asked.relevance(Query(history_of(1))).top(5, NONE).tolist() == [2]


def test_a_newer_event_weighs_more() -> None:
    kernel = KernelRetriever(decay=0.5).fit(sequences("ab", "cd"))
    assert kernel.relevance(Query(history_of(0, 2))).top(2, np.array([0, 2], np.int32)).tolist() == [3, 1]


@pytest.mark.parametrize(
    "retriever", [KernelRetriever, EaseRetriever, SlitRetriever, ItemKnnRetriever, GraphRetriever]
)
def test_a_dislike_pushes_its_like_down(retriever: type) -> None:
    data = checkerboard()
    fitted = retriever(
        **({"regularisation": 5.0} if retriever in (EaseRetriever, SlitRetriever) else {})
    ).fit(data)
    history = history_of(1, 2, weights=(-1.0, 1.0))
    assert (fitted.relevance(Query(history)).top(4, history.items) % 2 == 0).all()
    hidden = fitted.relevance(Query(history_of(1, weights=(-1.0,))))
    assert hidden.of(np.arange(3, 16, 2, dtype=np.int32)).mean() < 0


def test_ease_is_the_closed_form() -> None:
    data, penalty = checkerboard(), 3.0
    x = binary(data)
    inverse = np.linalg.inv(x.T @ x + penalty * np.eye(16))
    expected = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(expected, 0)
    exact = EaseRetriever(regularisation=penalty).fit(data)
    np.testing.assert_allclose(dense(exact.neighbours_), expected, atol=1e-5)
    sparse_form = EaseRetriever(regularisation=penalty, max_exact=1, neighbourhood=16).fit(data)
    np.testing.assert_allclose(dense(sparse_form.neighbours_), expected, atol=1e-5)


def test_ease_refuses_what_cannot_be_solved() -> None:
    with pytest.raises(ConfigError, match="-5"):
        EaseRetriever(regularisation=-5.0).fit(checkerboard())


@pytest.mark.parametrize("decay", [0.7, 1.0])
def test_slit_is_the_regression_on_all_positions(decay: float) -> None:
    data = sequences("abcde", "bdace", "cf")
    slit = SlitRetriever(regularisation=2.0, decay=decay, window=10, next_items=2).fit(data)
    past, future = [], []
    for user in range(3):
        items = data.history(user).items
        for place in range(len(items)):
            x, y = np.zeros(6), np.zeros(6)
            for back in range(place + 1):
                x[items[place - back]] += decay**back
            for item in items[place + 1 : place + 3]:
                y[item] += 1
            past.append(x)
            future.append(y)
    x, y = np.array(past), np.array(future)
    expected = np.linalg.solve(x.T @ x + 2 * np.eye(6), x.T @ y)
    found = dense(slit.neighbours_)
    off = ~np.eye(6, dtype=bool)
    kept = np.abs(expected) >= np.sort(np.abs(expected), axis=1)[:, [1]]
    np.testing.assert_allclose(found[kept & off], expected[kept & off], atol=1e-5)


def test_slit_says_what_to_turn_where_there_is_no_solution() -> None:
    with pytest.raises(ConfigError, match="raise regularisation or window, or lower decay"):
        SlitRetriever(regularisation=1.0, decay=0.99, window=1).fit(sequences("ab" * 30))


def test_slit_keeps_to_the_frequent_items() -> None:
    slit = SlitRetriever(max_items=2).fit(sequences("ababc", "abd"))
    assert not dense(slit.neighbours_)[2:].any()


@pytest.mark.parametrize("similarity", ["cosine", "pearson", "euclidean"])
def test_item_similarities_are_the_usual_ones(similarity: str) -> None:
    data = checkerboard(10, 8, seed=3)
    x = binary(data)
    overlap = x.T @ x
    if similarity == "pearson":
        expected = np.corrcoef(x.T)
    elif similarity == "cosine":
        expected = overlap / np.sqrt(np.outer(np.diag(overlap), np.diag(overlap)))
    else:
        expected = 1 / (1 + np.linalg.norm(x[:, :, None] - x[:, None, :], axis=0))
    expected = np.where(overlap > 0, expected * overlap / (overlap + 2.0), 0)
    np.fill_diagonal(expected, 0)
    found = ItemKnnRetriever(similarity=similarity, shrinkage=2.0).fit(data)  # type: ignore[arg-type]
    np.testing.assert_allclose(dense(found.neighbours_), expected, atol=1e-4)


def test_an_unknown_similarity_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cosine'"):
        ItemKnnRetriever(similarity="cosin").fit(checkerboard())  # type: ignore[arg-type]


def test_user_knn_is_a_weighted_vote() -> None:
    data = sequences("abc", "abd", "ef", "bce")
    asked = UserKnnRetriever(k=2, decay=0.5, damp=0.0).fit(data).relevance(Query(history_of(0, 1)))
    x = binary(data)
    similarity = x @ np.array([0.5, 1, 0, 0, 0, 0]) / np.linalg.norm(x, axis=1)
    near = np.argsort(-similarity)[:2]
    np.testing.assert_allclose(asked.of(np.arange(6, dtype=np.int32)), similarity[near] @ x[near], rtol=1e-5)


def test_user_knn_searches_only_the_newest_events_of_an_item() -> None:
    rows = [Interaction(f"u{u}", item, at=u * DAY) for u in range(4) for item in ("a", "bcde"[u])]
    data = Dataset.of(rows)
    asked = UserKnnRetriever(sample=2).fit(data).relevance(Query(history_of(data.items.ids.code("a"))))
    found = {data.items.ids[code] for code in asked.top(9, NONE)}
    assert found == {"a", "d", "e"}


def test_the_graph_is_a_two_step_walk() -> None:
    data = checkerboard(24, 8, seed=5)
    x = binary(data)
    walk = (x.T / x.sum(0)[:, None]) ** 0.8 @ (x / x.sum(1)[:, None]) ** 0.8 / x.sum(0)[None, :] ** 0.3
    np.fill_diagonal(walk, 0)
    found = GraphRetriever(alpha=0.8, beta=0.3).fit(data)
    np.testing.assert_allclose(dense(found.neighbours_), walk, rtol=1e-4, atol=1e-6)


def test_page_rank_converges_to_the_stationary_walk() -> None:
    data = checkerboard(24, 8, seed=5)
    rank = PageRankRetriever(damping=0.6, iterations=60, decay=0.5).fit(data)
    weights = dense(rank.neighbours_)
    step = weights / weights.sum(1, keepdims=True)
    start = np.zeros(8)
    start[[0, 2]] = [1 / 3, 2 / 3]
    expected = 0.4 * np.linalg.solve(np.eye(8) - 0.6 * step.T, start)
    asked = rank.relevance(Query(history_of(0, 2)))
    np.testing.assert_allclose(asked.of(np.arange(8, dtype=np.int32)), expected, rtol=1e-3, atol=1e-6)


def test_als_solves_the_user_of_the_live_history() -> None:
    als = AlsRetriever(factors=4, decay=0.5, alpha=3.0, regularisation=0.1).fit(checkerboard())
    assert als.items_ is not None
    y, history = als.items_.astype(np.float64), history_of(2, 1, 4, weights=(1.0, -1.0, 2.0))
    confidence = 3.0 * np.array([0.25, -0.5, 2.0])
    rows = y[[2, 1, 4]]
    system = y.T @ y + 0.1 * np.eye(4) + (rows.T * np.abs(confidence)) @ rows
    user = np.linalg.solve(system, np.maximum(confidence, 0) @ rows)
    asked = als.relevance(Query(history))
    np.testing.assert_allclose(asked.of(np.arange(16, dtype=np.int32)), y @ user, rtol=1e-3, atol=1e-5)


def test_the_newest_item_comes_first_and_a_later_one_before_it() -> None:
    rows = [Interaction("u", "a", at=3 * DAY), Interaction("v", "b", at=DAY), Interaction("w", "a", at=0.0)]
    data = Dataset.of(rows, [Item("a"), Item("b"), Item("silent")])
    recent = RecentRetriever().fit(data)
    assert recent.relevance(Query()).top(9, NONE).tolist() == [1, 0]
    recent.refresh(data.items.with_items([Item("x"), Item("y")]))
    assert recent.relevance(Query()).top(9, NONE).tolist() == [4, 3, 1, 0]


def test_without_a_clock_later_codes_are_newer() -> None:
    assert RecentRetriever().fit(sequences("ab", "ca")).relevance(Query()).top(9, NONE).tolist() == [2, 1, 0]


def test_popularity_counts_within_its_window_and_fades() -> None:
    rows = [Interaction(f"u{n}", "old", at=float(n)) for n in range(3)]
    rows += [Interaction(f"u{n}", "new", at=10 * DAY + n) for n in range(2)]
    data, every = Dataset.of(rows), Query()
    old, new = data.items.ids.codes(["old", "new"])
    assert PopularRetriever().fit(data).relevance(every).top(2, NONE).tolist() == [old, new]
    assert PopularRetriever(half_life_days=5.0).fit(data).relevance(every).top(2, NONE).tolist() == [new, old]
    assert PopularRetriever(window_days=1.0).fit(data).relevance(every).top(2, NONE).tolist() == [new]


def test_data_without_any_interaction_is_answered_with_nothing() -> None:
    data = Dataset.of([Interaction("u", "a", "hide")], [Item("a"), Item("b")])
    for retriever in EVERY:
        asked = retriever().fit(data).relevance(Query(history_of(0)))
        assert len(asked.top(3, np.array([0], np.int32))) == 0, retriever.__name__


@pytest.mark.skipif("ZHIYIN_DATA" not in os.environ, reason="ZHIYIN_DATA names no folder with benchmark sets")
@pytest.mark.parametrize(
    ("retriever", "least"),
    [(EaseRetriever(regularisation=400.0), 0.098), (SlitRetriever(), 0.097), (KernelRetriever(), 0.09)],
)
def test_published_quality_on_movielens(retriever: KernelRetriever, least: float) -> None:
    """ML-100K, last event left out, T+V, whole catalogue, seen filtered; EASE asked by recency has .103."""
    split = LeaveOneOut("T+V").split(load_bench("ml-100k"))
    retriever.fit(split.fit)
    gain = []
    for _, history, target in split.holdout:
        top = retriever.relevance(Query(history.tail(100))).top(10, history.items)
        place = np.flatnonzero(top == target[0])
        gain.append(1 / np.log2(place[0] + 2) if len(place) else 0.0)
    assert np.mean(gain) > least
