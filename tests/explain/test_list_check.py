"""A model's text about a list: other items and addresses go, innocent sentences stay."""

from __future__ import annotations

import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.explain.list_text import checked_text
from zhiyin.represent.vocabulary import Vocabulary

LISTED = ["a", "g", "f"]


def kept(shop: Dataset, sentence: str, said: str = "", listed: list[str] = LISTED) -> str:
    book = Vocabulary.of(shop.items)
    return checked_text(sentence, shop.items.ids.codes(listed), shop.items, book, said)


@pytest.mark.parametrize(
    "sentence",
    [
        "You should watch Heat instead.",
        "Try 'Dune' tonight.",
        "Try ‘dune’ tonight.",
        "Watch **Heat** now!",
        "Watch _clue_.",
        "«Dune» is nice.",
        "Dune (1984) is better.",
        "the one to see is big (1988).",
        "I recommend Clue and Dune.",
        "Heat is what you want.",
        "Heat and Dune are great.",
        "推荐 **Dune** 给你。",
        "Élite Squad would suit you.",
        "Visit shop.example.com.",
        "去shop.example.com看看。",
        "See evil.io/x for more.",
        "www .evil is the place.",
        "Get it at ftp://evil/x.",
        "Open javascript:alert(1) now.",
        "Write to mailto:a",
        "Write to me@x.org.",
        "data:text/html;base64,xx",
        "At 10.0.0.1 it is cheaper.",
        "&lt;script&gt;",
    ],
)
def test_other_items_and_addresses_go(shop: Dataset, sentence: str) -> None:
    assert kept(shop, sentence) == ""


@pytest.mark.parametrize(
    "sentence",
    [
        "Airplane! is the funniest of the three.",
        "Start with Groundhog Day, a big hit of 1989.",
        "《霸王别姬》是一部经典。",
        "Big laughs for a quiet evening.",
        "In the heat of the day, here is a clue: a big comedy.",
        "Feel the heat.",
        "These are Comedy and Drama films, e.g. for Friday night.",
        "I think you will enjoy this list!",
        "It costs 10.50 dollars and was made in the U.S.A. by one studio.",
        "Mr. Murray and Ms. MacDowell star in it.",
    ],
)
def test_innocent_sentences_stay(shop: Dataset, sentence: str) -> None:
    assert kept(shop, sentence)


def test_titles_of_the_list_and_of_the_user_are_free(shop: Dataset) -> None:
    assert kept(shop, "Heat is first, then Dune (1984) and **Big**.", listed=["h", "d", "b"])
    assert kept(shop, "If you like Heat, try Airplane!", said="something like heat")
    assert not kept(shop, "If you like Heat, try Airplane!")
