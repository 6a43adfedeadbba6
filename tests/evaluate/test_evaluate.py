from __future__ import annotations

import json

import numpy as np
import pytest

from zhiyin.data.split import ColdItems, LeaveLastN
from zhiyin.errors import ConfigError
from zhiyin.evaluate import BiasPredictor, Protocol, evaluate
from zhiyin.evaluate.cold import cold_items

K = Protocol(k=(5, 10))


@pytest.fixture
def evaluation(data, fixed, parity):
    parts = {
        "parity": parity(n_items=20),
        "inverse": parity(n_items=20, right=False),
        "same for all": fixed(scores=-np.arange(20)),
    }
    return evaluate(parts, data, K, floors=False)


def test_who_knows_the_rule_finds_every_target_and_who_inverts_it_none(evaluation):
    # 5 of 10 items of a parity are in the history, the other 5 come first: one of them is the target
    assert evaluation["parity"].metrics["recall@5"].value == 1.0
    assert evaluation["inverse"].metrics["recall@10"].value == 0.0
    assert 0 < evaluation["same for all"].metrics["recall@10"].value < 1


def test_every_number_has_an_interval_or_is_of_all_lists_together(evaluation):
    for row in evaluation.rows:
        for metric, interval in row.metrics.items():
            if metric.split("@")[0] in ("coverage", "gini"):
                assert np.isnan(interval.low)
            else:
                assert interval.low <= interval.value <= interval.high
                assert row.per_user[metric].shape == (40,)
                assert np.nanmean(row.per_user[metric]) == pytest.approx(interval.value, abs=1e-6)


def test_one_recommender_gets_a_name(data, fixed):
    assert evaluate(fixed(scores=np.zeros(20)), data, K, floors=False).rows[0].name == "fixed"


def test_the_callers_object_is_left_as_it_was(data, fixed):
    mine = fixed(scores=np.arange(20))
    mine.rows_ = "all I know"
    evaluate({"mine": mine}, data, K, floors=False)
    assert mine.rows_ == "all I know"


def test_fitted_recommenders_are_asked_as_they_are(data, parity):
    class Proud(parity):
        def fit(self, data, *, seed=0):
            raise AssertionError("was fitted")

    row = evaluate({"p": Proud(n_items=20)}, data, K, floors=False, fit=False).rows[0]
    assert row.timing.fit_s == 0 and row.metrics["recall@5"].value == 1


def test_another_catalogue_is_refused(data, parity_data, parity):
    other = parity(n_items=20)
    other.items_ = parity_data(n_items=18).items
    with pytest.raises(ConfigError, match="another catalogue"):
        evaluate({"other": other}, data, K, floors=False, fit=False)


def test_models_are_fitted_on_what_the_split_leaves(data, fixed):
    seen = []

    class Spy(fixed):
        def fit(self, data, *, seed=0):
            seen.append((len(data), seed))
            return self

    evaluate({"spy": Spy(scores=np.zeros(20))}, data, K, floors=False, seed=5)
    assert seen == [(len(data) - 80, 5)]


def test_nothing_to_evaluate_is_said(data):
    with pytest.raises(ConfigError, match="nothing to evaluate"):
        evaluate({}, data, K, floors=False)


def test_differences_are_paired_and_corrected(evaluation):
    one = evaluation.compare("parity", "inverse", "recall@5")
    assert one.difference.value == 1.0 and one.wins == 40
    several = evaluation.compare_all("inverse")
    assert set(several) == {"parity", "same for all"}
    assert several["parity"].p_holm >= several["parity"].p


def test_a_wrong_name_offers_the_nearest(evaluation):
    with pytest.raises(ConfigError, match="did you mean 'parity'"):
        evaluation["party"]
    with pytest.raises(ConfigError, match="did you mean 'ndcg@10'"):
        evaluation.compare("parity", "inverse", "ndgc@10")


def test_json_round_trip(evaluation, tmp_path):
    text = evaluation.to_json(tmp_path / "e.json", per_user=True)
    read = json.loads((tmp_path / "e.json").read_text("utf-8"))
    assert read == json.loads(text) == evaluation.as_dict(per_user=True)
    assert read["rows"][0]["metrics"]["ndcg@10"]["value"] == pytest.approx(
        evaluation["parity"].metrics["ndcg@10"].value, abs=1e-6
    )
    assert read["protocol"] == evaluation.protocol.facts()
    assert len(read["rows"][0]["per_user"]["ndcg@10"]) == 40


def test_the_same_again_gives_the_same_numbers(data, parity):
    first, second = (evaluate({"p": parity(n_items=20)}, data, K, floors=False) for _ in range(2))
    assert repr(first.rows[0].metrics) == repr(second.rows[0].metrics)  # some intervals are NaN
    assert first.data == second.data


def test_the_fingerprint_knows_the_content(data, parity_data):
    from zhiyin.evaluate.fingerprint import Fingerprint

    assert Fingerprint.of(data) == Fingerprint.of(parity_data())
    assert Fingerprint.of(data).sha256 != Fingerprint.of(parity_data(seed=1)).sha256


def test_cold_items_are_found_by_what_does_not_need_behaviour(data, parity, fixed):
    protocol = Protocol(splitter=ColdItems(share=0.3), candidates="cold", k=(3,))
    found = evaluate({"parity": parity(n_items=20)}, data, protocol, floors=False)
    hidden = ColdItems(share=0.3).hidden(data)
    assert found.rows[0].metrics["recall@3"].value >= 3 / len(hidden)
    assert {b.name for b in found.rows[0].buckets if b.kind == "popularity"} == {"cold (0)"}
    assert cold_items(share=0.3, k=(3,)) == protocol


def test_several_targets_per_question(data, parity):
    protocol = Protocol(splitter=LeaveLastN(n=2), k=(6,))
    metrics = evaluate({"p": parity(n_items=20)}, data, protocol, floors=False).rows[0].metrics
    assert metrics["recall@6"].value == 1 and metrics["precision@6"].value == pytest.approx(2 / 6)


def test_rating_errors_stand_beside_the_ranking(data):
    row = evaluate({"bias": BiasPredictor(damping=0.0)}, data, K, floors=False).rows[0]
    assert row.metrics["rmse"].value < 0.2  # an item is always rated alike
    assert row.metrics["rated"].value == 1.0


def test_diversity_by_given_vectors(data, parity):
    vectors = np.eye(20, dtype=np.float32)
    row = evaluate({"p": parity(n_items=20)}, data, K, floors=False, vectors=vectors).rows[0]
    assert row.metrics["diversity@5"].value == 1.0
    with pytest.raises(ConfigError, match="vectors of 3 items"):
        evaluate({"p": parity(n_items=20)}, data, K, floors=False, vectors=vectors[:3])


def test_differences_in_buckets_hold_every_question_once(evaluation):
    for kind in ("history", "popularity"):
        found = evaluation.compare_by(kind, "parity", "inverse", "recall@10")
        assert sum(one.n for one in found.values()) == 40
        assert all(one.difference.value == 1.0 for one in found.values())
    with pytest.raises(ConfigError, match="did you mean 'history'"):
        evaluation.compare_by("histroy", "parity", "inverse")
