"""Counters: windows of hours, whatever the order of arrival; rates that know how little they know."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.errors import ConfigError
from zhiyin.rank.counters import DEFAULT_PRIOR, WINDOWS, Counters
from zhiyin.testing import round_trip
from zhiyin.types import KINDS

HOUR = 3600.0
T = 1_000_000 * HOUR
CLICK, VIEW, BUY, HIDE = (KINDS.index(kind) for kind in ("click", "view", "purchase", "hide"))


def codes(*found: int) -> np.ndarray:
    return np.array(found, np.int32)


def kinds(*found: int) -> np.ndarray:
    return np.array(found, np.int8)


def at_once(*events: tuple[int, int, float]) -> Counters:
    """(item, kind, hours before T)"""
    counters = Counters()
    for item, kind, ago in events:
        counters.update(codes(item), kinds(kind), T - ago * HOUR, T)
    return counters


def test_a_window_counts_its_hours_and_the_part_of_the_one_in_which_it_begins() -> None:
    counters = at_once((0, CLICK, 0), (0, CLICK, 1), (0, CLICK, 24), (0, CLICK, 100), (0, CLICK, 300))
    found = {window: float(counters.counts(codes(0), window, T)[0]) for window in WINDOWS}
    assert found == {"1h": 2, "1d": 3, "7d": 4}
    later = {window: float(counters.counts(codes(0), window, T + 0.75 * HOUR)[0]) for window in WINDOWS}
    assert later == {"1h": 1.25, "1d": 2.25, "7d": 4}
    assert counters.counts(codes(0), "1h", T + 5 * HOUR)[0] == 0


def test_groups_are_counted_apart_and_strangers_not_at_all() -> None:
    counters = at_once((0, CLICK, 0), (0, VIEW, 0), (0, VIEW, 0), (1, BUY, 0), (1, HIDE, 0), (-1, CLICK, 0))
    asked = codes(0, 1, 7, -1)
    found = {group: counters.counts(asked, "1d", T, group).tolist() for group in ("choose", "look", "buy")}
    assert found == {"choose": [1, 0, 0, 0], "look": [2, 0, 0, 0], "buy": [0, 1, 0, 0]}
    assert counters.counts(codes(), "1d", T).tolist() == []
    assert Counters().counts(codes(0), "1d", T).tolist() == [0] and Counters().trending(3, T).tolist() == []


def test_a_wrong_clock_keeps_nobody_recent() -> None:
    counters = Counters()
    ahead = np.array([T + 0.9 * HOUR, T + 1000 * HOUR, np.nan, np.inf])
    counters.update(codes(0, 1, 2, 3), kinds(*[CLICK] * 4), ahead, T)
    assert counters.counts(codes(0, 1, 2, 3), "1h", T).tolist() == [1, 1, 1, 1]
    assert counters.counts(codes(0, 1, 2, 3), "1h", T + 3 * HOUR).tolist() == [0, 0, 0, 0]


def test_new_items_grow_the_counts_that_were_already_asked_for() -> None:
    counters = at_once((0, CLICK, 0))
    assert counters.counts(codes(0, 9), "1d", T).tolist() == [1, 0]
    counters.update(codes(9, 9), kinds(CLICK, CLICK), T, T)
    assert counters.counts(codes(0, 9), "1d", T).tolist() == [1, 2]


def test_trending_is_above_its_own_week() -> None:
    steady = [(0, CLICK, float(ago)) for ago in range(0, 168)]
    rising = [(1, CLICK, float(ago)) for ago in range(0, 12)]
    fading = [(2, CLICK, float(ago)) for ago in range(100, 160)]
    counters = at_once(*steady, *rising, *fading)
    assert counters.trending(5, T).tolist()[0] == 1 and 2 not in counters.trending(5, T)
    assert counters.trending(1, T).tolist() == [1]


@pytest.mark.parametrize(("window", "group", "word"), [("2d", "choose", "1d"), ("1d", "chose", "choose")])
def test_what_is_not_counted_is_refused(window: str, group: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Counters().counts(codes(0), window, T, group)


# -- any order, any batches, replay ----------------------------------------------------------------

events = st.lists(
    st.tuples(
        st.integers(-1, 6),
        st.integers(0, len(KINDS) - 1),
        st.one_of(st.floats(-3, 200), st.just(float("nan"))),
        st.sampled_from(["event", "shown", "clicked"]),
    ),
    max_size=60,
)


def fed(counters: Counters, rows: list[Any]) -> Counters:
    """One batch of each sort."""
    of = {sort: [row for row in rows if row[3] == sort] for sort in ("event", "shown", "clicked")}
    items = {sort: np.array([row[0] for row in found], np.int32) for sort, found in of.items()}
    at = np.array([T - row[2] * HOUR for row in of["event"]], np.float64)
    counters.update(items["event"], np.array([row[1] for row in of["event"]], np.int8), at, T)
    counters.shown(items["shown"])
    counters.clicked(items["clicked"])
    return counters


def answers(counters: Counters) -> list[Any]:
    asked = np.arange(-1, 9, dtype=np.int32)
    groups = ("look", "choose", "buy", "hide")
    found = [counters.counts(asked, window, T + 1000, group) for window in WINDOWS for group in groups]
    return [np.stack(found), counters.trending(9, T + 1000), counters.rate(asked), np.array(counters.prior())]


@settings(max_examples=100, deadline=None)
@given(rows=events, cuts=st.lists(st.integers(0, 60), max_size=4), data=st.data())
def test_replay_in_any_order_and_any_batches_is_what_was_live(
    rows: list[Any], cuts: list[int], data: st.DataObject
) -> None:
    live = Counters()
    for row in rows:
        fed(live, [row])
        live.counts(codes(0, 1), "1d", T + 1000)  # a window that is kept up to date
    shuffled = data.draw(st.permutations(rows))
    edges = sorted({0, *(cut for cut in cuts if cut < len(rows)), len(rows)})
    replayed = Counters()
    for begin, end in pairwise(edges):
        fed(replayed, shuffled[begin:end])
        replayed = Counters().restore(round_trip(replayed.state()))
    for one, other in zip(answers(live), answers(replayed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(rows=events)
def test_windows_are_what_a_plain_count_says(rows: list[Any]) -> None:
    counters = fed(Counters(), rows)
    for window, n in WINDOWS.items():
        for item in range(7):
            hours = [
                np.floor((T if np.isnan(ago) or ago < -1 else T - ago * HOUR) / HOUR) - T / HOUR
                for code, kind, ago, sort in rows
                if sort == "event" and code == item and KINDS[kind] in ("view", "search")
            ]
            plain = sum(1.0 if hour > -n else 0.5 if hour == -n else 0.0 for hour in hours)
            assert counters.counts(codes(item), window, T + HOUR / 2, "look")[0] == plain


# -- rates -----------------------------------------------------------------------------------------


def test_the_prior_finds_the_spread_of_the_items() -> None:
    random, counters = np.random.default_rng(0), Counters()
    shown = random.integers(1, 200, 4000)
    clicks = random.binomial(shown, random.beta(3.0, 27.0, 4000))
    counters.shown(np.repeat(np.arange(4000), shown).astype(np.int32))
    counters.clicked(np.repeat(np.arange(4000), clicks).astype(np.int32))
    a, b = counters.prior()
    assert a == pytest.approx(3.0, rel=0.15) and b == pytest.approx(27.0, rel=0.15)


def test_a_rate_is_drawn_to_the_mean_where_little_was_shown() -> None:
    counters = Counters()
    assert counters.prior() == DEFAULT_PRIOR and counters.rate(codes(0)).tolist() == [0.05]
    counters.shown(np.repeat([0, 1, 2, 3], [1000, 1000, 1, 3]).astype(np.int32))
    counters.clicked(np.repeat([0, 1, 2], [100, 300, 1]).astype(np.int32))
    often, more, once, never, unseen = counters.rate(codes(0, 1, 2, 3, 8))
    assert often == pytest.approx(0.1, abs=0.01) and more == pytest.approx(0.3, abs=0.01)
    assert never < unseen < once < 0.5, "one click of one is not a rate of 100 %"


def test_clicks_without_impressions_are_no_rate_above_one() -> None:
    counters = Counters()
    counters.clicked(codes(0, 0, 0))
    assert counters.rate(codes(0)).tolist() == [0.05]
    counters.shown(codes(0, 1, 1))
    assert (counters.rate(codes(0, 1)) < 1).all()
