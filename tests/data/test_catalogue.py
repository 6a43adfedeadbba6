"""Items that come in are spliced into the columns: the same catalogue as if all had been read at once."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.types import Item

SHOP = [
    Item("a", "Amber", "yellow", {"genre": ("x", "y"), "price": 3.0}),
    Item("b", "Basalt", "", {"genre": "y"}),
    Item("c", "", "grey", {"price": 5.0, "brand": "Co"}),
]


def told(catalogue: Catalogue) -> list[Item]:
    return [catalogue.item(code) for code in range(len(catalogue))]


@pytest.mark.parametrize(
    "given",
    [
        [],
        [Item("d", "Diorite", "", {"genre": ("z", "x"), "price": 1.0})],
        [Item("b", "Beryl", "green", {"genre": (), "price": 9.0})],
        [Item("e", "Emerald"), Item("a", "Agate", "", {"genre": "z"}), Item("d", "D"), Item("c", "C")],
        [Item("d", "Diorite", "", {"colour": ("grey", "black"), "weight": 2.0})],
        [Item("d", "Diorite", "", {"price": "cheap"})],
        [Item("d", "Diorite", "", {"genre": 7.0})],
        [Item("d", "Old"), Item("d", "New")],
    ],
)
def test_a_splice_is_the_same_as_reading_everything(given: list[Item]) -> None:
    before = Catalogue.of(SHOP)
    after = before.with_items(given)
    merged = {item.id: item for item in (*SHOP, *given)}
    assert told(after) == told(Catalogue.of(merged.values()))
    assert list(after.ids)[:3] == ["a", "b", "c"], "no code changes"
    assert told(before) == told(Catalogue.of(SHOP)), "whoever still reads the old one sees the old one"
    for code in range(len(after)):
        assert after.describe(code) == Catalogue.of(merged.values()).describe(code)


def test_many_splices_are_one() -> None:
    random, catalogue, merged = np.random.default_rng(0), Catalogue.of(SHOP), {item.id: item for item in SHOP}
    for step in range(30):
        words = tuple(f"w{code}" for code in random.integers(0, 9, random.integers(0, 4)))
        item = Item(f"i{random.integers(0, 12)}", f"title {step}", "", {"genre": words, "price": float(step)})
        catalogue, merged = catalogue.with_items([item]), merged | {item.id: item}
    assert told(catalogue) == told(Catalogue.of(merged.values()))


def test_some_items_are_a_catalogue_of_their_own() -> None:
    catalogue = Catalogue.of(SHOP)
    some = catalogue.take(np.array([2, 0], np.int32))
    assert told(some) == [catalogue.item(2), catalogue.item(0)] and some.ids.code("a") == 1
