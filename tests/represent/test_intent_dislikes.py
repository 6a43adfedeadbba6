"""What is not wanted is never read as wanted; in English and Chinese."""

from __future__ import annotations

import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.intent_rules import read_intent
from zhiyin.represent.vocabulary import Vocabulary
from zhiyin.types import Intent, Item

FILMS = Catalogue.of(
    [
        Item("toy", "Toy Story", "", {"genre": ("Comedy",), "price": 9.0}),
        Item("titanic", "Titanic (1997)", "", {"genre": ("Romance",), "price": 60.0}),
        Item("wars", "Star Wars (1977)", "", {"genre": ("Sci-Fi", "War"), "price": 30.0}),
        Item("alien", "Alien", "", {"genre": ("Horror", "Sci-Fi"), "price": 20.0}),
        Item("paper", "The Paper", "", {"genre": ("News",), "price": 5.0}),
    ]
)
BOOK = Vocabulary.of(FILMS)


def read(words: str) -> Intent:
    return read_intent(words, BOOK, FILMS)


@pytest.mark.parametrize(
    ("words", "like", "unlike"),
    [
        ("I didn't like Titanic", (), ("titanic",)),
        ("I dislike Titanic", (), ("titanic",)),
        ("unlike Titanic", (), ("titanic",)),
        ("not Star Wars", (), ("wars",)),
        ("不喜欢Titanic", (), ("titanic",)),
        ("不像Titanic", (), ("titanic",)),
        ("I loved Star Wars but hated Titanic", ("wars",), ("titanic",)),
        ("I hated Titanic and loved Star Wars", ("wars",), ("titanic",)),
        ("I hated horror and loved Titanic", ("titanic",), ()),
        ("讨厌Titanic，喜欢Star Wars", ("wars",), ("titanic",)),
        ("less like Titanic or anything like Star Wars", (), ("titanic", "wars")),
    ],
)
def test_a_title_that_is_not_liked_is_no_example(
    words: str, like: tuple[str, ...], unlike: tuple[str, ...]
) -> None:
    found = read(words)
    assert (found.like, found.unlike, found.unmet) == (like, unlike, ())


@pytest.mark.parametrize(
    ("words", "ruled_out"),
    [
        ("dont like horror", {"Horror"}),
        ("cant stand horror", {"Horror"}),
        ("horror free", {"Horror"}),
        ("horror-free", {"Horror"}),
        ("horror is not my thing", {"Horror"}),
        ("恐怖片不行", {"Horror"}),
        ("恐怖片就不要了", {"Horror"}),
        ("不含恐怖", {"Horror"}),
        ("爱情片除外", {"Romance"}),
        ("恐怖片和爱情片都不要", {"Horror", "Romance"}),
        ("不恐怖的", {"Horror"}),
    ],
)
def test_what_is_ruled_out_is_not_wished(words: str, ruled_out: set[str]) -> None:
    found = read(words)
    assert set(found.require) == {f'not "genre" in ("{word}")' for word in ruled_out}
    assert (found.wishes, found.text, found.mood) == ((), "", ())


@pytest.mark.parametrize(
    ("words", "weights"),
    [
        ("不那么恐怖", {-1.0}),
        ("不好笑", {-1.0}),
        ("好不好笑的", {0.6}),
        ("不要太血腥暴力", {-1.0}),
        ("搞笑的不要", {-1.0}),
        ("free comedies", {1.0}),
        ("不同的喜剧", {1.0}),
    ],
)
def test_a_not_weighs_against_what_is_only_meant(words: str, weights: set[float]) -> None:
    found = read(words)
    assert {wish.by for wish in found.wishes} == weights
    assert found.mood == ()


@pytest.mark.parametrize(
    ("words", "fresh"),
    [
        ("new comedies", 1.0), ("latest news", 1.0), ("news", 0.0), ("新闻", 0.0), ("not new", -1.0),
        ("nothing new", -1.0), ("老片不要", 1.0), ("不老的片子", 1.0), ("新的不要", -1.0),
    ],
)  # fmt: skip
def test_new_is_a_turn_and_news_a_word(words: str, fresh: float) -> None:
    found = read(words)
    assert found.fresh == fresh
    assert any("News" in wish.filter for wish in found.wishes) == ("news" in words or "新闻" in words)
    assert (found.require, found.text) == ((), "")


@pytest.mark.parametrize(
    ("words", "filters"),
    [("不便宜", '"price" >= '), ("贵的不要", '"price" <= '), ("not cheap", '"price" >= ')],
)
def test_not_cheap_is_dear(words: str, filters: str) -> None:
    (wish,) = read(words).wishes
    assert wish.filter.startswith(filters)


def test_a_word_that_no_item_has_any_longer_is_not_understood() -> None:
    tagged = FILMS.with_items([Item("toy", "Toy Story", "", {"genre": ("Comedy", "Plush")})])
    book = BOOK.with_items(tagged, tagged.ids.codes(["toy"]))
    assert [wish.filter for wish in read_intent("plush", book, tagged).wishes] == ['"genre" = "Plush"']
    plain = tagged.with_items([Item("toy", "Toy Story", "", {"genre": ("Comedy",)})])
    after = book.with_items(plain, plain.ids.codes(["toy"]))
    assert read_intent("plush", after, plain).wishes == ()
    assert read_intent("comedies", after, plain).wishes != ()
