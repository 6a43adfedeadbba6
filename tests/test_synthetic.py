"""The made-up shop of the benches has the size it was asked for, and a taste that can be learnt."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from synthetic import Shop, new_items, synthetic

SMALL = Shop(n_items=400, n_users=120, n_events=3000, items_per_cluster=40, n_cold=10)


def test_size_order_and_seed():
    data, again = synthetic(SMALL), synthetic(SMALL)
    assert (data.n_items, data.n_users, len(data)) == (400, 120, 3000)
    np.testing.assert_array_equal(data.item, again.item)
    assert data.items.titles == again.items.titles
    assert (np.diff(data.at)[np.diff(data.user) == 0] >= 0).all() and np.diff(data.indptr).min() >= 3
    assert not np.isin(data.item, np.arange(390, 400)).any(), "nobody has chosen the cold ones"
    assert not np.array_equal(synthetic(SMALL, seed=1).item, data.item)


def test_people_stay_with_their_tastes_and_items_say_what_they_are():
    data = synthetic(SMALL)
    brand = data.items.words["brand"].codes // 8  # the cluster of each item
    same = brand[data.item][1:] == brand[data.item][:-1]
    assert same[np.diff(data.user) == 0].mean() > 3 * (1 / SMALL.n_clusters)
    counts = np.sort(data.counts())[::-1]
    assert counts[:40].sum() > 0.25 * len(data), "a few items are chosen much more often"
    fresh = new_items(data, 5)
    assert len({item.id for item in fresh}) == 5 and all(item.attributes["price"] > 0 for item in fresh)
