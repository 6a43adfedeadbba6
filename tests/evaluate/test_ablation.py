from __future__ import annotations

import numpy as np
import pytest

from zhiyin.errors import ConfigError
from zhiyin.evaluate import Protocol, ablate
from zhiyin.types import Candidates


class Parity:
    """Knows the rule."""

    def __init__(self, *, weight=1.0):
        self.weight = weight

    def fit(self, data, *, seed=0):
        return self

    def scores(self, query, items):
        return self.weight * (items % 2 == query.history.items[-1] % 2)


class Useless(Parity):
    def scores(self, query, items):
        return np.zeros(len(items))


class Summing:
    def __init__(self, *, retrievers, n_items):
        self.retrievers = retrievers
        self.n_items = n_items
        self.fitted_ = False

    def fit(self, data, *, seed=0):
        self.fitted_ = True
        return self

    def importances(self):
        assert self.fitted_
        return {name: float(part.weight) for name, part in self.retrievers.items()}

    def rank(self, query, n):
        items = np.setdiff1d(np.arange(self.n_items, dtype=np.int32), query.exclude)
        score = sum(part.scores(query, items) for part in self.retrievers.values())
        return Candidates(items[np.argsort(-score, kind="stable")][:n])


def test_the_source_that_knows_the_rule_is_missed_and_the_useless_one_is_not(data):
    whole = Summing(retrievers={"rule": Parity(weight=2.0), "noise": Useless()}, n_items=20)
    found = ablate(whole, data, Protocol(k=(5,)))
    assert found.losses["rule"].difference.low > 0 and found.losses["rule"].p_holm < 0.01
    assert found.losses["noise"].difference.value == 0 and found.losses["noise"].p == 1
    assert found.importances == {"rule": 2.0, "noise": 1.0}
    assert not whole.fitted_ and set(whole.retrievers) == {"rule", "noise"}
    assert found.table().index("rule") < found.table().index("noise")
    assert found.as_dict()["losses"]["rule"]["wins"] > 0


def test_one_source_cannot_be_left_out(data):
    with pytest.raises(ConfigError, match="at least 2"):
        ablate(Summing(retrievers={"rule": Parity()}, n_items=20), data)


def test_a_recommender_whose_ranker_has_no_opinion_is_ablated_all_the_same(data):
    class Silent(Summing):
        def importances(self):
            raise ConfigError("no ranker, no importances")

    found = ablate(
        Silent(retrievers={"rule": Parity(), "noise": Useless()}, n_items=20), data, Protocol(k=(5,))
    )
    assert found.importances == {}
    assert "importance" not in found.table()


def test_the_feature_that_knows_is_missed_and_nothing_else_is_fitted_anew():
    """Everybody goes to one place in the morning, to another in the evening: only the clock tells which."""
    from zhiyin.data.dataset import Dataset
    from zhiyin.evaluate.feature_ablation import ablate_features
    from zhiyin.rank import BoostedRanker, ClockFeature, PopularityFeature, SourceFeature
    from zhiyin.recommender import Recommender
    from zhiyin.retrieve import PopularRetriever
    from zhiyin.types import Interaction

    fits = []

    class Counted(PopularRetriever):
        def fit(self, data, *, seed=0):
            fits.append(len(data))
            return super().fit(data, seed=seed)

    rng = np.random.default_rng(0)
    rows = [
        Interaction(
            f"u{user}", f"{'am' if hour == 8 else 'pm'} {rng.integers(3)}", at=day * 86400.0 + hour * 3600
        )
        for user in range(80)
        for day, hour in enumerate(rng.permutation([8, 20] * 4))
    ]
    features = [SourceFeature(), PopularityFeature(), ClockFeature()]
    whole = Recommender(
        retrievers={"popular": Counted()},
        ranker=BoostedRanker(features=features, min_rows_in_leaf=5),
        repeats=True,
    )
    found = ablate_features(whole, Dataset.of(rows), Protocol(k=(3,), filter_seen=False))
    assert found.losses["clock"].difference.low > 0
    assert abs(found.losses["source"].difference.value) < found.losses["clock"].difference.value
    assert set(found.importances) == {"source", "popularity", "clock"}
    assert len(fits) == 3, "one to replay, two of the fit"
    with pytest.raises(ConfigError, match="at least 2 features"):
        ablate_features(Recommender(retrievers={"popular": PopularRetriever()}), Dataset.of(rows))
