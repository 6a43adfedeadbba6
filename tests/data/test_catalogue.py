"""Items that come in are spliced into the columns: the same catalogue as if all had been read at once."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue, Categories
from zhiyin.data.filters import parse_filter
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


@pytest.mark.parametrize("word", ["cheap", "12.5", ("cheap", "dear"), ""])
def test_a_word_among_numbers_is_missing_and_the_others_stay(word: str | tuple[str, ...]) -> None:
    cheap = parse_filter("price < 60")
    before = Catalogue.of(SHOP)
    after = before.with_items([Item("a", "Amber", "", {"price": word}), Item("d", "", "", {"price": word})])
    assert "price" not in after.words and cheap.mask(after).tolist() == [False, False, True, False]
    assert np.array_equal(after.numbers["price"], [np.nan, np.nan, 5, np.nan], equal_nan=True)
    healed = after.with_items([Item("d", "", "", {"price": 9.0}), SHOP[0]])
    assert cheap.mask(healed).tolist() == [True, False, True, True]
    assert cheap.mask(before).tolist() == [True, False, True], "whoever reads the old one reads numbers too"


class Counted(str):
    """A word that counts how often it is looked up."""

    __slots__ = ()
    asked = 0

    def __hash__(self) -> int:
        Counted.asked += 1
        return super().__hash__()


def test_a_change_looks_up_the_words_that_it_brings_and_no_others() -> None:
    many = Categories.of([[Counted(f"w{n}") for n in range(1000)], ["w1"]])
    column = many.with_rows(np.array([0], np.int32), [()], 2)  # the item of a thousand words is gone
    Counted.asked = 0
    for step in range(5):
        column = column.with_rows(np.array([1], np.int32), [(f"new{step}", "w7")], 2 + step)
    assert not Counted.asked
    assert column.words(1) == ("new4", "w7") and column.values[1000:] == tuple(f"new{n}" for n in range(5))
    again = column.with_rows(np.array([0], np.int32), [("w999", "new0")], 6)
    assert again.values is column.values and again.words(0) == ("w999", "new0")


def test_two_tables_that_come_of_one_do_not_share_their_new_words() -> None:
    first = Categories.of([["x"], ["y"]])
    third = np.array([2], np.int32)
    one, two = first.with_rows(third, [("red", "y")], 3), first.with_rows(third, [("blue", "red")], 3)
    assert one.words(2) == ("red", "y") and two.words(2) == ("blue", "red")
    assert first.values == ("x", "y") and one.values[2:] == ("red",) and two.values[2:] == ("blue", "red")
    more = one.with_rows(np.array([0], np.int32), [("blue", "red")], 3)
    assert [more.words(item) for item in range(3)] == [("blue", "red"), ("y",), ("red", "y")]


def test_some_items_are_a_catalogue_of_their_own() -> None:
    catalogue = Catalogue.of(SHOP)
    some = catalogue.take(np.array([2, 0], np.int32))
    assert told(some) == [catalogue.item(2), catalogue.item(0)] and some.ids.code("a") == 1


def test_a_new_attribute_is_of_the_same_kind_in_pieces_of_any_size() -> None:
    given = [Item("e", "", "", {"size": "XL", "hue": 5.0}), Item("f", "", "", {"size": 35.0, "hue": "red"})]
    given += [Item(f"g{n}", "", "", {"size": 36.0 + n, "hue": float(n)}) for n in range(20)]
    whole = pieces = Catalogue.of(SHOP)
    whole = whole.with_items(given)
    for item in given:
        pieces = pieces.with_items([item])
    assert told(whole) == told(pieces) and "size" in whole.words and "hue" in whole.numbers


def test_a_whole_number_among_words_is_found_as_it_is_written() -> None:
    sizes = [("XL",), 35.0, 35, 35.5, ("40", 7.0)]
    items = Catalogue.of(Item(f"i{n}", "", "", {"size": size}) for n, size in enumerate(sizes))
    for where in ("size = 35", 'size = "35"', "size in (35, 36)"):
        assert parse_filter(where).mask(items).tolist() == [False, True, True, False, False]
    assert parse_filter("size = 35.5").mask(items).tolist() == [False, False, False, True, False]
    assert items.words["size"].words(4) == ("40", "7")
    numbers = Catalogue.of(Item(f"i{n}", "", "", {"size": 34.0 + n}) for n in range(3))
    assert parse_filter("size = 35").mask(numbers).tolist() == [False, True, False]
