from __future__ import annotations

import math

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, NotFittedError
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ratings import BiasPredictor, rating_errors
from zhiyin.types import Interaction, Query


class Saying:
    def __init__(self, value):
        self.value = value

    def predict(self, query, items):
        return np.full(len(items), self.value, np.float32)


def rated(values):
    rows = [Interaction(f"u{u}", f"i{i}", "rating", 3.0) for u in range(len(values)) for i in range(2)]
    rows += [Interaction(f"u{u}", "last", "rating", v) for u, v in enumerate(values)]
    return Questions.of(Dataset.of(rows), Protocol(k=(1,)))


def test_by_hand():
    metrics, per_user = rating_errors(Saying(3.0), rated([5.0, 3.0, 4.0]))
    assert metrics["rmse"].value == pytest.approx(math.sqrt(5 / 3))
    assert metrics["mae"].value == pytest.approx(1.0)
    assert per_user["mae"].tolist() == [2, 0, 1]


def test_what_a_predictor_cannot_say_is_told():
    assert rating_errors(Saying(np.nan), rated([1.0, 2.0])) == ({}, {})


def test_clicks_are_not_ratings():
    data = Dataset.of([Interaction("u", item, "play", 120.0) for item in "abc"])
    assert rating_errors(Saying(3.0), Questions.of(data, Protocol(k=(1,)))) == ({}, {})


def test_offsets_of_items_and_users():
    rows = [
        Interaction(user, item, "rating", value)
        for user, more in (("strict", 0.0), ("kind", 2.0))
        for item, value in (("bad", 1.0 + more), ("good", 3.0 + more))
    ]
    data = Dataset.of(rows)
    bias = BiasPredictor(damping=0.0).fit(data)
    both = data.items.ids.codes(["bad", "good"])
    assert bias.predict(Query(user="kind"), both) == pytest.approx([3, 5])
    assert bias.predict(Query(user="nobody"), both) == pytest.approx([2, 4])
    assert bias.predict(Query(user="strict"), np.array([-1, 9], np.int32)) == pytest.approx([2, 2])
    assert data.items.ids[int(bias.rank(Query(), 1).items[0])] == "good"


def test_data_without_ratings_and_a_predictor_without_data_are_refused():
    with pytest.raises(DataError, match="rating"):
        BiasPredictor().fit(Dataset.of([Interaction("u", "a")]))
    with pytest.raises(NotFittedError):
        BiasPredictor().predict(Query(), np.array([0], np.int32))
