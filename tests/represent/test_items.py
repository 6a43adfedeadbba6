"""Item vectors: only what is new is encoded, and codes keep their rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.errors import LlmError
from zhiyin.represent import HashEncoder, item_vectors
from zhiyin.represent.items import ItemVectors
from zhiyin.types import FloatArray, Item


class Counting(HashEncoder):
    def __init__(self) -> None:
        super().__init__(dim=64)
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> FloatArray:
        self.asked += texts
        return super().encode(texts)


ITEMS = [
    Item("a", "Star Wars"),
    Item("b", "Toy Story", "toys come alive", {"genre": ("Animation", "Comedy")}),
    Item("c", "…"),
]


def test_an_item_is_encoded_with_its_words() -> None:
    catalogue = Catalogue.of(ITEMS)
    vectors = item_vectors(HashEncoder(), catalogue)
    np.testing.assert_array_equal(vectors[1], HashEncoder().encode([catalogue.describe(1)])[0])
    assert "Comedy" in catalogue.describe(1)
    assert item_vectors(HashEncoder(), Catalogue.of([])).shape == (0, 256)


def test_refreshing_encodes_the_new_and_the_changed_only() -> None:
    encoder, catalogue = Counting(), Catalogue.of(ITEMS)
    old = ItemVectors.of(encoder, catalogue)
    assert len(encoder.asked) == 3 and old.blank.tolist() == [False, False, True]
    encoder.asked.clear()
    later = catalogue.with_items([Item("d", "Alien"), Item("a", "Star Wars: A New Hope")])
    new = ItemVectors.of(encoder, later, old)
    assert encoder.asked == ["Star Wars: A New Hope", "Alien"]
    np.testing.assert_array_equal(new.rows[1], old.rows[1])
    assert new.rows[0] @ old.rows[0] < 0.99 and new.rows[3].any()


@pytest.mark.parametrize("max_exact", [0, 100])
def test_saving_in_16_bits_loses_nothing(max_exact: int) -> None:
    vectors = ItemVectors.of(HashEncoder(), Catalogue.of(ITEMS), max_exact=max_exact)
    state = vectors.state()
    back = ItemVectors.saved(state, max_exact=max_exact)
    assert state["index.rows"].dtype == np.int16 and back.index.rows.dtype == vectors.index.rows.dtype
    np.testing.assert_array_equal(back.rows, vectors.rows)
    np.testing.assert_array_equal(back.blank, vectors.blank)


def test_unknown_codes_have_no_vector() -> None:
    vectors = ItemVectors.of(HashEncoder(), Catalogue.of(ITEMS))
    taken = vectors.take(np.array([-1, 0, 99], np.int32))
    assert not taken[0].any() and taken[1].any() and not taken[2].any()


def test_items_come_without_a_vector_while_the_encoder_is_away_and_get_it_later() -> None:
    class Away(HashEncoder):
        def encode(self, texts: Sequence[str]) -> FloatArray:
            raise LlmError("away")

    encoder, new = HashEncoder(dim=64), Catalogue.of([*ITEMS, Item("d", "Space Balls")])
    old = ItemVectors.of(encoder, Catalogue.of(ITEMS))
    without = ItemVectors.of(Away(dim=64), new, old, np.array([3], np.int32))
    assert without.blank.tolist() == [False, False, True, True] and not without.rows[3].any()
    later = ItemVectors.of(encoder, new, without, np.array([3], np.int32))
    np.testing.assert_array_equal(later.rows, ItemVectors.of(encoder, new, old).rows)
    assert later.rows[3].any()
