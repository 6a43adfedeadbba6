"""A feature's numbers, by hand."""

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.rank import (
    AgreementFeature,
    AttributeFeature,
    EvidenceFeature,
    HistoryFeature,
    PopularityFeature,
    SourceFeature,
)
from zhiyin.retrieve.fuse import competition_ranks
from zhiyin.testing import checkerboard
from zhiyin.types import Candidates, History, Interaction, Item, Query

DAY = 86400.0


def candidates(scores, evidence=None, sources=("a", "b")):
    scores = np.array(scores, np.float32)
    return Candidates(
        np.arange(len(scores), dtype=np.int32), sources, scores, competition_ranks(scores), evidence or {}
    )


def history(*items, at=None):
    n = len(items)
    return History(
        np.array(items, np.int32),
        np.ones(n, np.float32),
        np.full(n, np.nan) if at is None else np.array(at, float),
    )


def named(feature, query, found):
    return dict(zip(feature.names(found), feature.values(query, found).T, strict=True))


def test_sources_tell_score_share_of_the_best_and_rank():
    found = candidates([[4.0, np.nan], [2.0, 0.5], [2.0, 0.1]])
    columns = named(SourceFeature(), Query(), found)
    assert columns["a.score"].tolist() == [4, 2, 2]
    assert columns["a.relative"].tolist() == [1, 0.5, 0.5]
    assert columns["a.rank"].tolist() == [0, 1, 1], "equal scores share a rank, else their codes would speak"
    assert np.isnan(columns["b.rank"][0]) and columns["b.rank"][1:].tolist() == [0, 1]


def test_agreement_counts_sources():
    columns = named(AgreementFeature(), Query(), candidates([[1.0, 2.0], [3.0, np.nan]]))
    assert columns["agreement.first_10"].tolist() == [2, 1]
    assert columns["agreement.best_rank"].tolist() == [0, 0]
    assert columns["agreement.reciprocal"][0] == pytest.approx(1 / 11 + 1 / 10)


def test_evidence_decays_from_the_newest_event():
    block = np.array([[1.0, 0.0], [0.0, 3.0]], np.float32)
    query = Query(history(5, 6))
    columns = named(
        EvidenceFeature(decays=(0.5,), n_last=3), query, candidates([[1.0, 1.0]] * 2, {"a": block})
    )
    assert columns["a.decay_0.5"].tolist() == [0.5, 3]
    assert columns["a.last_1"].tolist() == [0, 3]
    assert columns["a.last_2"].tolist() == [1, 0]
    assert np.isnan(columns["a.last_3"]).all(), "a history of two has no third-last event"
    assert columns["a.max"].tolist() == [1, 3]
    assert columns["a.support"].tolist() == [1, 1]


def test_features_of_a_stranger_are_finite_or_missing_never_an_error():
    empty = np.empty((0, 2), np.float32)
    found = candidates([[1.0, np.nan]] * 2, {"a": empty})
    for feature in (SourceFeature(), AgreementFeature(), EvidenceFeature(), HistoryFeature()):
        values = feature.values(Query(), found)
        assert values.shape == (2, len(feature.names(found)))
        assert not np.isinf(values).any()


def popularity_data():
    events = [("x", 0.0), ("x", 0.5), ("x", 9.0), ("y", 9.5), ("y", 11.0)]
    return Dataset.of(
        [Interaction(f"u{n}", item, at=day * DAY) for n, (item, day) in enumerate(events)],
        [Item("x"), Item("y"), Item("z")],
    )


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (9.9, {"x": 1, "y": 1, "z": 0}),
        (10.0, {"x": 0, "y": 1, "z": 0}),
        (9.5, {"x": 1, "y": 0, "z": 0}),
        (0.4, {"x": 1, "y": 0, "z": 0}),
        (0.0, {"x": 0, "y": 0, "z": 0}),
        (99.0, {"x": 0, "y": 0, "z": 0}),
    ],
)
def test_popularity_windows_count_only_what_had_happened(day, expected):
    data = popularity_data()
    feature = PopularityFeature(window_days=(1.0,)).fit(data)
    found = candidates([[1.0, 1.0]] * 3)
    columns = named(feature, Query(at=day * DAY), found)
    counts = np.round(np.expm1(columns["popularity.days_1"])).astype(int)
    assert dict(zip(data.items.ids, counts.tolist(), strict=True)) == expected


def test_popularity_windows_equal_a_plain_count():
    rng = np.random.default_rng(3)
    at = rng.integers(0, 40, 300) * DAY / 4
    item = rng.integers(0, 5, 300)
    data = Dataset.of([Interaction(f"u{n}", str(item[n]), at=float(at[n])) for n in range(300)])
    feature = PopularityFeature(window_days=(2.0,)).fit(data)
    found = Candidates(np.arange(5, dtype=np.int32))
    for now in (0.0, 3.25 * DAY, 5 * DAY, 9.9 * DAY, 30 * DAY):
        counts = np.expm1(feature.values(Query(at=now), found)[:, 1])
        plain = [((item == int(i)) & (at < now) & (at > now - 2 * DAY)).sum() for i in data.items.ids]
        assert np.round(counts).astype(int).tolist() == plain


def test_an_item_newer_than_the_fit_has_no_popularity_and_no_crash():
    feature = PopularityFeature().fit(popularity_data())
    values = feature.values(Query(at=10 * DAY), Candidates(np.array([2, 7], np.int32)))
    assert (values[1] == values[0]).all() and values[1, 0] == 0


def test_attributes_shared_with_the_history():
    items = [
        Item("a", attributes={"genre": ("comedy", "drama"), "year": 1990.0}),
        Item("b", attributes={"genre": ("comedy",), "year": 2000.0}),
        Item("c", attributes={"genre": ("war",)}),
    ]
    data = Dataset.of([Interaction("u", "a")], items)
    columns = named(
        AttributeFeature(decay=0.5).fit(data), Query(history(0)), Candidates(np.arange(3, dtype=np.int32))
    )
    assert columns["genre.affinity"].tolist() == [1, 1, 0]
    assert columns["genre.count"].tolist() == [2, 1, 1]
    assert columns["year.to_last"][:2].tolist() == [0, 10] and np.isnan(columns["year.to_last"][2])


def test_live_events_make_the_features_of_a_fit_on_all_of_them() -> None:
    data = checkerboard()
    early, rows = data.take(data.user < 12), np.flatnonzero(data.user >= 12)
    whole, live = PopularityFeature().fit(data), PopularityFeature().fit(early)
    for part in np.array_split(rows[::-1], 4):
        live.update_many(data.item[part], data.at[part], data.weight[part], data.kind[part])
        live.values(Query(at=float(data.at[part[0]])), candidates([[1, 2]] * 6))
    for at in (0.0, float(data.at.max()), float(data.at.max()) + 1e5, float(np.median(data.at))):
        asked, found = Query(at=at), candidates([[1, 2]] * 6)
        np.testing.assert_array_equal(live.values(asked, found), whole.values(asked, found))
