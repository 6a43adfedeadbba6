"""The neural ranker: it multiplies features, stands gaps, and its gradient is that of its loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zhiyin.config import from_toml, to_toml
from zhiyin.errors import ConfigError, NotFittedError
from zhiyin.rank import CrossRanker, EvidenceFeature, SourceFeature
from zhiyin.rank.cross_network import CrossNetwork, Lists, softmax_loss
from zhiyin.rank.cross_rows import Scaling
from zhiyin.rank.rows import Rows
from zhiyin.recommender import Recommender
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.testing import checkerboard, round_trip
from zhiyin.types import FloatArray

NAMES = ("a", "b", "noise", "still")


def product_rows(n: int = 300, seed: int = 0, gaps: float = 0.0) -> Rows:
    """Of 20 candidates that one was chosen for which a × b is largest: neither alone says anything."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 20, 4)).astype(np.float32)
    values[..., 3] = 7.0
    best = (values[..., 0] * values[..., 1]).argmax(1)
    label = (np.arange(20) == best[:, None]).astype(np.int8).ravel()
    values[rng.random(values.shape) < gaps] = np.nan
    return Rows(values.reshape(-1, 4), NAMES, label, np.full(n, 20), n)


def made(**options: Any) -> CrossRanker:
    return CrossRanker(features=[SourceFeature()], n_threads=1, learning_rate=0.005, **options)


def hits(score: FloatArray, rows: Rows) -> float:
    """Share of the questions whose answer is first."""
    return float((score.reshape(-1, 20).argmax(1) == rows.label.reshape(-1, 20).argmax(1)).mean())


@pytest.fixture(scope="module")
def fitted() -> CrossRanker:
    return made(epochs=20).fit_rows(product_rows())


def test_it_learns_what_only_a_product_tells(fitted: CrossRanker) -> None:
    asked = product_rows(seed=1)
    assert hits(fitted.score_rows(asked.values), asked) > 0.7
    linear = made(n_cross=0, epochs=20).fit_rows(product_rows())
    assert hits(linear.score_rows(asked.values), asked) < 0.2


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_the_gradient_is_that_of_the_loss(layers: int) -> None:
    """Against differences, weight by weight, over questions of unlike lengths and with two answers."""
    rng = np.random.default_rng(3)
    group = np.array([2, 5, 3])
    chosen = np.array([1, 0, 0, 1, 0, 1, 0, 0, 0, 1], np.float64)
    lists = Lists(rng.normal(size=(10, 6)), chosen, group)  # type: ignore[arg-type]
    size = CrossNetwork.fresh(6, layers=layers, rank=2, rng=rng).flat.size
    flat = rng.normal(0, 0.5, size)

    def loss(weights: FloatArray) -> float:
        return softmax_loss(CrossNetwork(weights, 6, layers, 2).scores(lists.x), lists)

    found = CrossNetwork(flat, 6, layers, 2).gradient(lists)  # type: ignore[arg-type]
    for place in range(size):
        step = np.zeros(size)
        step[place] = 1e-5
        wanted = (loss(flat + step) - loss(flat - step)) / 2e-5  # type: ignore[arg-type]
        assert found[place] == pytest.approx(wanted, abs=1e-7)


def test_constants_alone_are_not_kept_small() -> None:
    network = CrossNetwork.fresh(5, layers=2, rank=3, rng=np.random.default_rng(0))
    network.flat[network.n_decayed :] = 7.0
    assert (network.lift == 7).all() and not (network.last == 7).any()
    assert not (network.down == 7).any() and not (network.up == 7).any()


def test_gaps_are_no_numbers_and_no_end() -> None:
    asked = product_rows(seed=1, gaps=0.1)
    asked.values[:5, 2] = np.inf
    ranker = made(epochs=20).fit_rows(product_rows(gaps=0.1))
    score = ranker.score_rows(asked.values)
    assert np.isfinite(score).all()
    assert hits(score, asked) > 0.5
    assert np.isfinite(ranker.score_rows(np.full((3, 4), np.nan, np.float32))).all()


def test_a_gap_is_told_from_the_mean() -> None:
    """The chosen one is the one with a gap: a network that only sees means could not tell."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 20, 1)).astype(np.float32)
    best = rng.integers(20, size=100)
    values[np.arange(100), best] = np.nan
    label = (np.arange(20) == best[:, None]).astype(np.int8).ravel()
    rows = Rows(values.reshape(-1, 1), ("a",), label, np.full(100, 20), 100)
    ranker = made(epochs=20).fit_rows(rows)
    assert hits(ranker.score_rows(rows.values), rows) == 1.0


def test_columns_come_to_one_size_and_still_ones_are_dropped() -> None:
    rng = np.random.default_rng(0)
    wide = np.exp(3 * rng.normal(size=(4000, 1)))
    values = np.hstack([wide, 1e-4 * rng.normal(size=(4000, 1)), np.full((4000, 2), 3.0)]).astype(np.float32)
    values[:, 3] = np.nan
    scaling = Scaling.of(values)
    assert scaling.column.tolist() == [0, 1] and not len(scaling.flag)
    x = scaling.inputs(values)
    np.testing.assert_allclose(x.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(x.std(0), 1, atol=0.1)
    assert np.abs(scaling.inputs(values * np.float32(1e6))).max() <= 5, "service meets larger values"


def test_equal_gaps_share_a_flag() -> None:
    values = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    values[::2, :2] = np.nan
    assert Scaling.of(values).flag.tolist() == [0]


def test_the_same_seed_gives_the_same_scores(fitted: CrossRanker) -> None:
    rows = product_rows(seed=1)
    again = made(epochs=20).fit_rows(product_rows())
    np.testing.assert_array_equal(again.score_rows(rows.values), fitted.score_rows(rows.values))
    other = made(epochs=20).fit_rows(product_rows(), seed=1)
    assert not np.array_equal(other.score_rows(rows.values), fitted.score_rows(rows.values))


def test_its_importances_are_shares_and_name_what_it_needs(fitted: CrossRanker) -> None:
    share = fitted.importances()
    assert set(list(share)[:2]) == {"a", "b"}
    assert sum(share.values()) == pytest.approx(1.0)
    assert share["still"] == 0 and share["noise"] < 0.1


def test_what_was_learnt_comes_back(fitted: CrossRanker) -> None:
    back = CrossRanker(features=[SourceFeature()]).restore(round_trip(fitted.state()))
    rows = product_rows(seed=1).values
    np.testing.assert_array_equal(back.score_rows(rows), fitted.score_rows(rows))
    assert back.names_ == NAMES and back.importances() == fitted.importances()


def test_too_few_questions_leave_it_unfitted_and_say_so(fitted: CrossRanker) -> None:
    ranker = made(epochs=1).fit_rows(product_rows())
    ranker.fit_rows(product_rows(19))
    assert not ranker.fitted
    back = CrossRanker(features=[SourceFeature()]).restore(ranker.state())
    assert not back.fitted
    for ask in (back.importances, lambda: back.score_rows(np.zeros((1, 4), np.float32))):
        with pytest.raises(NotFittedError, match="fit"):
            ask()


def test_a_recommender_ranks_by_it_and_remembers(tmp_path: Path) -> None:
    recommender = from_toml("""
        [retrievers.kernel]
        type = "kernel"
        [retrievers.popular]
        type = "popular"
        [ranker]
        type = "cross"
        features = [{ type = "source" }, { type = "evidence" }]
        rank = 8
        epochs = 5
        n_threads = 1
        """)
    assert isinstance(recommender.ranker, CrossRanker) and recommender.ranker.rank == 8
    assert to_toml(from_toml(to_toml(recommender))) == to_toml(recommender)
    recommender.fit(checkerboard(n_users=60))
    assert recommender.ranker.fitted
    decision = recommender.decide(recommender.query("u0"), 3)
    assert decision.feature_names == recommender.ranker.names_
    assert decision.ranking.features.shape == (3, len(decision.feature_names)), "slates keep what it saw"
    assert {line.item for line in recommender.recommend("u0", n=2)} <= {f"i{n}" for n in range(0, 16, 2)}
    recommender.save(str(tmp_path))
    back = Recommender.load(str(tmp_path))
    for one, other in zip(recommender.recommend("u1", n=5), back.recommend("u1", n=5), strict=True):
        assert (one.item, one.score) == (other.item, other.score)


def test_the_catalogue_may_be_too_small_to_learn_from() -> None:
    ranker = CrossRanker(features=[SourceFeature(), EvidenceFeature()])
    parts = {"kernel": KernelRetriever(), "popular": PopularRetriever()}
    recommender = Recommender(retrievers=parts, ranker=ranker).fit(checkerboard(n_users=8))
    assert not ranker.fitted
    assert recommender.recommend("u0", n=2)


@pytest.mark.parametrize(
    ("option", "value"),
    [("rank", 0), ("n_cross", -1), ("dropout", 1.0), ("epochs", 0), ("patience", 0), ("batch_questions", 0),
     ("learning_rate", 0.0), ("learning_rate", float("inf")), ("weight_decay", float("nan")),
     ("rank", "two")],
)  # fmt: skip
def test_a_setting_that_cannot_learn_is_refused_before_the_fit(option: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{option} = \S+: expected a number from"):
        CrossRanker(features=[SourceFeature()], **{option: value})
