"""Parts that change their form in a large catalogue say the same there as in a small one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent.hash_encoder import HashEncoder
from zhiyin.retrieve import lexical
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.retrieve.popular import PopularRetriever
from zhiyin.retrieve.text_factors import TextFactorsRetriever
from zhiyin.retrieve.text_kernel import TextKernelRetriever
from zhiyin.testing import RetrieverTests, checkerboard, history_of, round_trip
from zhiyin.types import FloatArray, Item, Query

ENCODER = HashEncoder(dim=64)
NOTHING = np.empty(0, np.int32)
PARTS = [ContentRetriever, TextFactorsRetriever, TextKernelRetriever]
LATER = [Item("late", "even violin 99", "sonata", {"side": "even"}), Item("i3", "odd drill", "new", {})]
CLICK = np.zeros(1, np.int8)


def grown() -> Catalogue:
    return checkerboard().items.with_items(LATER)


def scores(part: Any, n: int = 17, words: str = "") -> FloatArray:
    asked = Query(history_of(0, 2, 5), words=words)
    found: FloatArray = part.relevance(asked).of(np.arange(n, dtype=np.int32))
    return found


class TestLists(RetrieverTests):
    """Content by lists that are all read."""

    def make(self) -> ContentRetriever:
        return ContentRetriever(encoder=ENCODER, max_exact=0, n_read=100)


class TestListsWithAttention(RetrieverTests):
    def make(self) -> ContentRetriever:
        return ContentRetriever(encoder=ENCODER, max_exact=0, n_read=100, temperature=0.3)


class TestFactorLists(RetrieverTests):
    def make(self) -> TextFactorsRetriever:
        return TextFactorsRetriever(encoder=ENCODER, max_exact=0, n_read=100)


class TestKernelLists(RetrieverTests):
    def make(self) -> TextKernelRetriever:
        return TextKernelRetriever(encoder=ENCODER, max_exact=0, n_read=100)


@pytest.mark.parametrize("part", PARTS)
def test_lists_that_are_all_read_say_what_the_exact_search_says(part: Any) -> None:
    exact = part(encoder=ENCODER).fit(checkerboard())
    lists = part(encoder=ENCODER, max_exact=0, n_read=1000).fit(checkerboard())
    np.testing.assert_allclose(scores(lists), scores(exact), rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("max_exact", [1000, 0])
@pytest.mark.parametrize("part", PARTS)
def test_told_what_changed_or_looking_itself(part: Any, max_exact: int) -> None:
    """`changed` saves the look at every item, and changes no answer."""
    fits = [part(encoder=ENCODER, max_exact=max_exact, n_read=1000).fit(checkerboard()) for _ in range(2)]
    before = scores(fits[0], 16)
    fits[0].refresh(grown(), np.array([3, 16], np.int32))
    fits[1].refresh(grown())
    told, looked = scores(fits[0]), scores(fits[1])
    assert not np.isnan(told[16])
    np.testing.assert_allclose(told, looked, rtol=2e-2, atol=2e-3)
    if part is not ContentRetriever:
        np.testing.assert_allclose(told[:16], before, rtol=1e-3, atol=1e-5)
    back = part(encoder=ENCODER, max_exact=max_exact, n_read=1000).restore(round_trip(fits[0].state()))
    np.testing.assert_allclose(scores(back), told, rtol=1e-5, atol=1e-6)
    again = scores(fits[0])
    fits[0].refresh(grown(), NOTHING)
    np.testing.assert_array_equal(scores(fits[0]), again)


def test_an_item_that_came_to_a_large_kernel_speaks_and_is_found() -> None:
    part = TextKernelRetriever(encoder=ENCODER, max_exact=0, n_read=100).fit(checkerboard())
    for _ in range(2):  # the second time it takes the place of the first
        part.refresh(grown(), np.array([16], np.int32))
    top = part.relevance(Query(history_of(0, 2))).top(20, NOTHING)
    assert 16 in top
    spoken = part.relevance(Query(history_of(16)))
    assert (spoken.top(4, NOTHING) % 2 == 0).all()
    block = spoken.evidence(np.arange(17, dtype=np.int32))
    np.testing.assert_allclose(block[0], spoken.of(np.arange(17, dtype=np.int32)), rtol=1e-5)


def test_words_find_new_and_changed_items_in_a_large_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    small = LexicalRetriever().fit(checkerboard())
    monkeypatch.setattr(lexical, "MAX_REWEIGHED", 0)
    data = checkerboard(n_items=60)
    large = LexicalRetriever().fit(data)
    items = data.items.with_items([Item("new", "Zither 弹拨")])
    large.refresh(items, np.array([60], np.int32))
    items = items.with_items([Item("i3", "zither, too")])
    large.refresh(items, np.array([3], np.int32))
    asked = large.relevance(Query(words="zither drill"))
    assert set(asked.top(2, NOTHING).tolist()) == {3, 60}
    assert large.relevance(Query(words="弹拨")).top(9, NOTHING).tolist() == [60]
    drills = large.relevance(Query(words="hammer")).top(60, NOTHING)
    assert 3 not in drills and 5 in drills and small is not large


@pytest.mark.parametrize(
    "options",
    [{}, {"half_life_days": 0.5}, {"window_days": 2.0}, {"half_life_days": 1.0, "window_days": 3.0}],
)
def test_events_in_batches_are_the_fit_on_all_of_them(options: dict[str, float]) -> None:
    """Replay is live: whatever the batches and their order."""
    data = checkerboard()
    early = data.take(data.user < 12)
    rows = np.flatnonzero(data.user >= 12)
    whole = PopularRetriever(**options).fit(data)
    for order in (rows, rows[::-1]):
        live = PopularRetriever(**options).fit(early)
        for part in np.array_split(order, 5):
            live.update_many(data.item[part], data.at[part], data.weight[part], data.kind[part])
        np.testing.assert_allclose(live.counts_, whole.counts_, rtol=1e-5)
    back = PopularRetriever(**options).restore(round_trip(live.state()))
    more = (np.array([1], np.int32), np.array([data.at.max() + 1e5]), np.ones(1, np.float32), CLICK)
    for one in (back, live):
        one.update_many(*more)
    np.testing.assert_array_equal(back.counts_, live.counts_)


def test_leaders_are_the_same_list_as_a_pass_over_everything() -> None:
    part = PopularRetriever().fit(checkerboard(40, 30))
    asked = part.relevance(Query())
    out = np.array([0, 1, 2, -1, 99], np.int32)
    for n in (0, 1, 7, 100):
        plain = [code for code in np.lexsort((np.arange(30), -part.counts_)) if code not in out][:n]
        assert asked.top(n, out).tolist() == [code for code in plain if part.counts_[code] > 0]
