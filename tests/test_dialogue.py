"""What a turn says of the list that was shown, and what is remembered; in English and Chinese."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filters import parse_filter
from zhiyin.dialogue import State, heard, next_state
from zhiyin.explain.list_text import list_text
from zhiyin.represent.intent_rules import read_intent
from zhiyin.represent.vocabulary import Vocabulary
from zhiyin.types import Intent, Item, Wish

FILMS = Catalogue.of(
    [
        Item(
            f"film {n}", f"Film number {n}", "",
            {"genre": ("Comedy",), "year": 1990.0 + n, "price": 10.0 * n, "minutes": 80.0 + n},
        )
        for n in range(1, 5)
    ]
)  # fmt: skip
BOOK = Vocabulary.of(FILMS)
SHOWN = State(shown=tuple(FILMS.ids))


@pytest.mark.parametrize(
    ("words", "like", "unlike", "seen"),
    [
        ("the third is great", [3], [], []),
        ("第三个不错，多来点", [3], [], []),
        ("the third is not bad", [3], [], []),
        ("第二个太好了", [2], [], []),
        ("the third is boring", [], [3], []),
        ("第二个太无聊了", [], [2], []),
        ("not the first but the second", [2], [1], []),
        ("不是第一个，而是第二个", [2], [1], []),
        ("I love the first and not the second", [1], [2], []),
        ("not the third or the fourth", [], [3, 4], []),
        ("nothing like the first two", [], [1, 2], []),
        ("前两个都不要", [], [1, 2], []),
        ("the third? No", [], [3], []),
        ("I've seen the first", [], [], [1]),
        ("第一个看过了", [], [], [1]),
        ("I haven't seen the first", [], [], []),
        ("tell me about the second", [], [], []),
        ("I want to laugh for the first time in weeks", [], [], []),
        ("the second world war", [], [], []),
        ("第一次看科幻", [], [], []),
        ("推荐前三部", [], [], []),
        ("no 3 stars", [], [], []),
    ],
)
def test_an_opinion_is_of_the_place_that_it_names(
    words: str, like: list[int], unlike: list[int], seen: list[int]
) -> None:
    said = heard(words, SHOWN, FILMS)
    found = [[int(FILMS.ids[code][5:]) for code in codes] for codes in (said.like, said.unlike, said.seen)]
    assert found == [like, unlike, seen]


@pytest.mark.parametrize(
    ("words", "unmet"), [("the ninth is nice", "the ninth"), ("第九个不错", "第九个"), ("#9", "#9")]
)
def test_a_place_beyond_the_list_is_said_and_not_searched_for(words: str, unmet: str) -> None:
    said = heard(words, SHOWN, FILMS)
    assert (said.unmet, said.rest, said.like, said.seen) == ((unmet,), "", (), ())


@pytest.mark.parametrize("words", ["less like the first", "不要第一个那种"])
def test_places_are_those_that_were_shown_though_an_item_is_gone(words: str) -> None:
    said = heard(words, State(shown=("gone", "film 1")), FILMS)
    assert said.unlike == () and len(said.unmet) == 1


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("older than 1990", ('"year" < 1990',)),
        ("no longer than 100 minutes", ('"minutes" <= 100',)),
        ("不长于100分钟", ('"minutes" <= 100',)),
        ("no longer interested in war", ()),
        ("不便宜的", ()),
        ("cheaper than the second", ('"price" < 20',)),
        ("longer", ('"minutes" > 82.5',)),
        ("更新一点的", ('"year" > 1992.5',)),
    ],
)
def test_a_comparison_with_a_number_is_a_limit_and_one_without_is_with_the_list(
    words: str, filters: tuple[str, ...]
) -> None:
    said = heard(words, SHOWN, FILMS)
    assert (*said.require, *read_intent(said.rest, BOOK, FILMS).require) == filters


@pytest.mark.parametrize("words", ["便宜的喜剧", "cheaper comedies"])
def test_before_any_list_cheap_is_what_it_is_elsewhere(words: str) -> None:
    said = heard(words, State(), FILMS)
    assert (said.rest, said.unmet, said.require) == (words, (), ())


def after(*turns: str) -> State:
    state = SHOWN
    for words in turns:
        said = heard(words, state, FILMS)
        state = next_state(said, read_intent(said.rest, BOOK, FILMS), state, FILMS)
    return state


@pytest.mark.parametrize(
    ("turns", "filters"),
    [
        (("films from the 80s", "from the 90s"), ('"year" >= 1990 and "year" < 2000',)),
        (("80年代的", "90年代的"), ('"year" >= 1990 and "year" < 2000',)),
        (("not from the 90s", "from the 90s"), ('"year" >= 1990 and "year" < 2000',)),
        (("from the 90s", "not from the 90s"), ('not ("year" >= 1990 and "year" < 2000)',)),
        (("under 50", "not over 20"), ('"price" <= 20',)),
        (("50元以下", "20元以上"), ('"price" <= 50', '"price" >= 20')),
    ],
)
def test_the_newest_limit_of_a_number_stands(turns: tuple[str, ...], filters: tuple[str, ...]) -> None:
    assert after(*turns).intent.require == filters


def test_a_guess_stays_one_in_the_next_turn() -> None:
    guessed = Intent(wishes=(Wish('genre = "Comedy"', 0.8, "Comedy"),), source="vectors")
    said = heard("the ninth is nice", SHOWN, FILMS)
    new = read_intent(said.rest, BOOK, FILMS)
    assert next_state(said, new, State(guessed, SHOWN.shown), FILMS).intent.source == "vectors"


def test_mostly_names_the_rarest_word_that_most_of_the_list_has() -> None:
    both = {"genre": ("Comedy",), "country": ("USA",)}
    more = [Item(f"other {n}", "Other", "", {"genre": ("Drama",), "country": ("USA",)}) for n in range(3)]
    shop = Catalogue.of([*more, *(Item(f"film {n}", f"Film {n}", "", both) for n in range(3))])
    codes = np.arange(3, 6, dtype=np.int32)
    assert "mostly Comedy" in list_text(codes, shop)
    assert "多为Comedy" in list_text(codes, shop, locale="zh")


PIECES = (
    "the first", "the ", "two ", "third", " is ", "not ", "but ", "第", "个", "前两", "不", "太", "#", "9",
    "older ", "than ", "1990", "?", "，", "cheaper", "便宜",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=40).map("".join))
def test_any_text_is_a_turn(words: str) -> None:
    state = after(words)
    assert not set(state.intent.like) & set(state.intent.unlike)
    for expression in state.intent.require:
        parse_filter(expression).mask(FILMS)


@pytest.mark.parametrize(
    "piece", ["the first ", "第一个", "the third is not ", "#1", "older than ", "but ", " "]
)
def test_long_turns_take_no_longer(piece: str) -> None:
    start = time.process_time()
    after(piece * 3000)
    assert time.process_time() - start < 1.0
