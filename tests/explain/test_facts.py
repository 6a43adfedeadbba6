from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.explain.evidence import contributions
from zhiyin.explain.facts import Facts
from zhiyin.explain.popularity import Popularity
from zhiyin.explain.request_words import matched, request_words
from zhiyin.explain.shared import clear_decades, shared_words
from zhiyin.explain.verify import Witness
from zhiyin.types import Candidates, History, Interaction, Item, Query

DAY = 86400.0


def facts_of(items):
    catalogue = Catalogue.of(items)
    return Facts.of(catalogue, Popularity.of(Dataset.of([Interaction("u", items[0].id)], items)))


def witness_of(facts, codes, ranking):
    """Of a history and a ranking, about which no source has said anything."""
    codes, ranking = np.array(codes, np.int32), np.array(ranking, np.int32)
    history = History(codes, np.ones(len(codes), np.float32), np.full(len(codes), np.nan))
    past = contributions(history, Candidates(ranking), len(facts.items))
    return Witness(facts, Query(history), ranking, past)


@pytest.mark.parametrize("year", [1994.0, "1994", "1994-10-01", ("1994",)])
def test_a_year_is_read_from_numbers_words_and_dates(year):
    facts = facts_of([Item("a", attributes={"release_year": year}), Item("b")])
    np.testing.assert_array_equal(facts.decades, [1990, np.nan])
    assert facts.facets == ()


@pytest.mark.parametrize("year", [-1.0, 0.0, 19940.0, float("nan"), "soon"])
def test_what_is_no_year_gives_no_decade(year):
    assert np.isnan(facts_of([Item("a", attributes={"year": year})]).decades).all()


def test_a_word_that_everything_has_is_no_reason():
    items = [Item(f"i{i}", attributes={"tags": ("film", "noir") if i < 5 else ("film",)}) for i in range(20)]
    facts = facts_of(items)
    found = shared_words(witness_of(facts, [0, 1, 2], [4, 10]))
    assert [[word.value for word in words] for words in found] == [["noir"], []]
    assert found[0][0].support == 3


def test_category_numbers_are_never_spoken():
    facts = facts_of([Item(f"i{i}", attributes={"category": ("173",)}) for i in range(3)] + [Item("x")] * 0)
    assert shared_words(witness_of(facts, [0, 1], [2])) == [[]]


def test_a_decade_is_clear_only_beyond_what_the_catalogue_has():
    items = [Item(f"i{i}", attributes={"year": 1985.0 if i < 5 else 2005.0}) for i in range(20)]
    facts, ranking = facts_of(items), [4, 19]
    assert clear_decades(witness_of(facts, [0, 1, 2], ranking)) == [1980, None]
    assert clear_decades(witness_of(facts, [6, 7, 8], ranking)) == [None, None]
    assert clear_decades(witness_of(facts, [0, 1], ranking)) == [None, None]


def test_counts_ranks_and_ties():
    events = [
        Interaction(f"u{u}", item) for item, n in (("a", 3), ("b", 2), ("c", 2), ("d", 0)) for u in range(n)
    ]
    popularity = Popularity.of(Dataset.of(events, [Item(i) for i in "abcd"]))
    assert [popularity.rank(i) for i in range(5)] == [1, 3, 3, 4, 5]
    assert [popularity.count(i) for i in range(5)] == [3, 2, 2, 0, 0]


def test_dislikes_are_no_popularity():
    events = [Interaction("u", "a", "hide"), Interaction("u", "b")]
    assert Popularity.of(Dataset.of(events)).counts.tolist() == [0, 1]


def test_new_is_what_was_first_chosen_lately_in_a_long_log():
    events = [Interaction("u", "old", at=0.0), Interaction("v", "early", at=5 * DAY)]
    events += [Interaction("u", "late", at=395 * DAY), Interaction("u", "old", at=400 * DAY)]
    popularity = Popularity.of(Dataset.of(events))
    codes = {name: Dataset.of(events).items.ids.code(name) for name in ("old", "early", "late")}
    assert popularity.is_new(codes["late"], np.nan)
    assert not popularity.is_new(codes["old"], np.nan)
    assert not popularity.is_new(codes["early"], 6 * DAY), "the log itself had only begun"
    assert not popularity.is_new(codes["late"], 500 * DAY)


def test_data_without_a_clock_says_nothing_of_lately():
    popularity = Popularity.of(Dataset.of([Interaction("u", "a")]))
    assert not popularity.is_current(np.nan) and not popularity.is_new(0, np.nan)
    assert popularity.lately.tolist() == [0]


def test_words_of_a_request_are_segmented_and_empty_ones_left_out():
    assert request_words("I want some FUNNY movies, funny!") == ("funny",)
    assert request_words("想看科幻电影") in {("科幻",), ("科幻电影",)}
    assert request_words("") == () == request_words("!? 的")


def test_plurals_match_and_parts_of_words_do_not():
    items = Catalogue.of([Item("a", "Comedy night", attributes={"tags": ("robots",)})])
    assert matched(("comedies", "robot", "com", "nights"), items, 0) == ("comedies", "robot", "nights")


@pytest.mark.parametrize("answer", ["true", "False", "yes", "N", "是"])
def test_an_answer_is_never_spoken_as_a_bare_word(answer):
    items = [Item(f"i{i}", attributes={"in_stock": (answer,) if i < 5 else ("soon",)}) for i in range(20)]
    assert shared_words(witness_of(facts_of(items), [0, 1, 2], [4])) == [[]]
