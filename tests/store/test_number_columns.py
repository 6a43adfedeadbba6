"""A few words in the place of numbers cost their items a value, not all items the column."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filters import parse_filter
from zhiyin.store import SqliteStore
from zhiyin.store.records import ItemRecord


def fitted_on(store: SqliteStore, values: dict[str, float | str | list[str]]) -> Catalogue:
    """The catalogue that a fit reads of items with these prices."""
    records = [ItemRecord(id=name, attributes={"price": value}) for name, value in values.items()]
    store.put_items(records, at=1.0).result()
    return store.snapshot().items


@pytest.mark.parametrize("word", ["twelve", "12.5", ["dear"]])
def test_one_word_sent_first_leaves_the_others_numbers(store, caplog, word):
    with caplog.at_level(logging.WARNING, "zhiyin"):
        items = fitted_on(store, {"odd": word, **{f"i{k}": float(k) for k in range(9)}})
    assert "price" not in items.words
    assert np.array_equal(items.numbers["price"], [np.nan, *range(9)], equal_nan=True)
    assert parse_filter("price < 2").mask(items).tolist() == [False, True, True, *[False] * 7]
    (said,) = caplog.messages
    assert "'price'" in said and "1 of 10" in said and "'odd'" in said


def test_a_column_of_words_and_numbers_keeps_its_words(store, caplog):
    items = fitted_on(store, {"a": "XL", **{f"i{k}": 38.0 + k for k in range(8)}})
    assert "price" not in items.numbers and items.words["price"].words(0) == ("XL",)
    assert not caplog.messages


def test_what_an_item_does_not_say_counts_neither_way(store):
    store.put_items([ItemRecord(id=f"bare{k}") for k in range(50)], at=1.0).result()
    items = fitted_on(store, {"a": "M", "b": "L", "c": 40.0})
    assert len(items) == 53 and "price" in items.words
