"""Tags: one vocabulary that grows only by what several items share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.tags import Keywords, TagBook, tags_of
from zhiyin.types import FloatArray, Item

ITEMS = Catalogue.of(
    [
        Item("a", "A", "A robot learns to dance. The robot dances.", {"genre": ("Sci-Fi", "Comedy")}),
        Item("b", "B", "A robot and a cat; the cat sleeps", {"genre": ("Sci-Fi",)}),
        Item("c", "C", "机器人和猫", {"genre": ("Comedy",)}),
        Item("d", "D", "机器人跳舞", {}),
    ]
)  # fmt: skip


def test_without_a_model_attributes_and_keywords_speak() -> None:
    keywords = Keywords.learnt(ITEMS)
    assert tags_of(ITEMS, 0) == ("Sci-Fi", "Comedy")
    assert tags_of(ITEMS, 0, keywords) == ("Sci-Fi", "Comedy", "robot")
    assert tags_of(ITEMS, 3, keywords) == ("机器人",)


def test_a_tag_is_admitted_when_enough_items_propose_it() -> None:
    book = TagBook.of(ITEMS)
    assert book.take([["sci-fi", "time travel"], ["Comedies"]]) == [("Sci-Fi",), ("Comedy",)]
    assert book.take([["Time-travel"], ["x" * 500, ""]]) == [("Time-travel",), ()]


class Twins:
    """An encoder to which film and movie are the same."""

    dim, identity = 2, "twins"

    def encode(self, texts: Sequence[str]) -> FloatArray:
        rows = [(1.0, 0.0) if text in ("funny", "comedy") else (0.0, 1.0) for text in texts]
        return np.array(rows, np.float32)


def test_a_near_duplicate_joins_the_tag_that_is_there() -> None:
    assert TagBook.of(ITEMS, Twins()).take([["funny"]]) == [("Comedy",)]
