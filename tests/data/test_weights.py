"""One weight per kind, scaled by values only where the options say so."""

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.data.histories import Histories, history_of
from zhiyin.data.weights import DEFAULT_KIND_WEIGHTS, KindWeights
from zhiyin.errors import ConfigError
from zhiyin.types import KINDS, Interaction, Item


def weigh(kind, value, duration=None, **options):
    kinds = np.array([KINDS.index(kind)], np.int8)
    length = None if duration is None else np.array([duration])
    return float(KindWeights(**options).of(kinds, np.array([value], np.float32), length)[0])


def test_every_kind_has_its_default_weight():
    kinds = np.arange(len(KINDS), dtype=np.int8)
    found = KindWeights().of(kinds, np.full(len(KINDS), np.nan, np.float32))
    assert dict(zip(KINDS, found)) == DEFAULT_KIND_WEIGHTS
    assert found.dtype == np.float32


@pytest.mark.parametrize("value", [0.5, 1, 3, 5, 10, np.nan])
def test_a_rating_of_any_height_counts_one(value):
    assert weigh("rating", value) == 1


def test_ratings_scale_when_asked():
    assert [weigh("rating", value, rating_low=0.5) for value in (1, 3, 5, 9)] == [0.5, 0.75, 1, 1]


def test_low_ratings_are_dislikes_when_asked():
    assert [weigh("review", value, rating_dislike_below=3) for value in (1, 2.5, 3, 5)] == [-1, -1, 1, 1]


def test_a_play_counts_the_share_that_was_played():
    assert weigh("play", 30, 60) == 0.5
    assert weigh("play", 1, 1000) == pytest.approx(0.1)
    assert weigh("play", 60, np.nan) == pytest.approx(np.log1p(60) / np.log1p(180), rel=1e-6)
    assert weigh("play", 180) == pytest.approx(1)
    assert weigh("play", 1e9) == 2


def test_a_price_does_not_scale_a_purchase_unless_asked():
    assert weigh("purchase", 100) == 2
    assert weigh("purchase", 3, purchase_by_value=True) == 4


def test_one_live_event_weighs_what_it_weighs_in_a_batch():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, len(KINDS), 50).astype(np.int8)
    values = rng.random(50).astype(np.float32) * 9
    rule = KindWeights(rating_low=0.2, rating_dislike_below=2, purchase_by_value=True)
    batch = rule.of(kinds, values)
    single = [rule.of(kinds[i : i + 1], values[i : i + 1])[0] for i in range(50)]
    assert np.array_equal(batch, single)


def test_a_live_play_weighs_the_share_that_it_weighs_in_a_batch():
    """30 of 60 seconds; 30 of nobody knows how many."""
    events = [
        Interaction("u", "a", "play", 30, at=1, context={"duration": "60"}),
        Interaction("u", "b", "play", 30, at=2, context={"duration": "a minute"}),
        Interaction("u", "b", "play", 30, at=3),
    ]
    batch = Dataset.of(events)
    live = Histories(Dataset.of(events[:0], [Item("a"), Item("b")]))
    for event in events:
        live.append(event)
    weights = live.of("u", batch.items.ids).weights
    assert weights.tolist() == batch.weight.tolist() == history_of(events, batch.items.ids).weights.tolist()
    assert weights[0] == 0.5 and weights[1] == weights[2] == np.float32(np.log1p(30) / np.log1p(180))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kinds": {"clik": 1.0}}, "did you mean 'click'"),
        ({"kinds": {"click": float("nan")}}, "finite"),
        ({"rating_scale": (5, 1)}, "lower"),
        ({"play_full_seconds": 0}, "above 0"),
    ],
)
def test_impossible_options_are_named(options, said):
    with pytest.raises(ConfigError, match=said):
        weigh("click", 1, **options)
