"""Why an item is not in a list: every stage that can drop it says so, and what is said to help does help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.explain.absence import STAGES, absence_of
from zhiyin.rank.boosts import Boost, BoostReranker
from zhiyin.recommender import Recommender
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.testing import checkerboard
from zhiyin.types import Interaction, Item
from zhiyin.why_not import absence


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    """Even users like even items, odd ones odd items; nothing leads from one half to the other."""
    parts = {"kernel": KernelRetriever(), "popular": PopularRetriever()}
    return Recommender(retrievers=parts, n_each=6, n_candidates=8).fit(checkerboard())


def stage(recommender: Recommender, item: str, **asked: object) -> str:
    return recommender.why_not(item, **asked).stage  # type: ignore[arg-type]


def test_what_the_request_rules_out_is_named(fitted: Recommender) -> None:
    past = ["i0", "i2"]
    assert stage(fitted, "nothing", history=past) == "unknown"
    assert stage(fitted, "i2", history=past) == "seen"
    assert stage(fitted, "i4", history=past, exclude=["i4"]) == "excluded"
    assert stage(fitted, "i4", history=past, only=["i6"]) == "unnamed"
    hidden = [Interaction("", "i4", "hide"), Interaction("", "i0")]
    assert stage(fitted, "i4", history=hidden) == "disliked"
    assert stage(fitted, "i4", history=hidden, seen=True) == "disliked"


def test_where_items_come_back_a_seen_one_is_no_more_than_ranked() -> None:
    own = Recommender(retrievers={"popular": PopularRetriever()}, repeats=True).fit(checkerboard())
    listed = own.recommend(history=["i2"], n=16)
    assert "i2" in [line.item for line in listed]
    assert stage(own, "i2", history=["i2"], n=16) == "listed"
    assert stage(own, "i2", history=["i2"], n=16, seen=False) == "seen"


def test_the_term_that_fails_is_named(fitted: Recommender) -> None:
    asked = fitted.why_not("i4", history=["i0"], where='side = odd and title contains "4"')
    assert (asked.stage, asked.changes) == ("filter", ("Ask without: side = odd",))
    either = fitted.why_not("i4", history=["i0"], where="side = odd or not side = even")
    assert "side = odd or not side = even" in either.text


def test_a_removed_item_is_said_to_be_removed() -> None:
    own = Recommender(retrievers={"popular": PopularRetriever()}).fit(checkerboard())
    own.remove_items(["i4"])
    assert stage(own, "i4", history=["i0"]) == "removed"
    own.add_items([Item("i4", "back")])
    assert stage(own, "i4", history=["i0"]) != "removed"


def test_what_bars_an_item_and_what_was_seen_before_the_history_is_said() -> None:
    own = Recommender(retrievers={"popular": PopularRetriever()}).fit(checkerboard())
    own.remove_items(["i4"])
    query = own.query(history=["i0"], exclude=["i6", "i8", "i10"])
    stages = [absence(own, query, "i4", 5, barred=one).stage for one in ("removed", "unavailable", "unknown")]
    assert stages == ["removed", "unavailable", "unknown"]
    assert absence(own, query, "i1", 5, barred="unavailable").stage not in ("unavailable", "removed")
    past = {"seen": np.array([6, 8], np.int32), "hidden": np.array([8], np.int32)}
    stages = [absence(own, query, item, 5, **past).stage for item in ("i6", "i8", "i10")]
    assert stages == ["seen", "disliked", "excluded"]


def test_listed_and_ranked_agree_with_the_list(fitted: Recommender) -> None:
    listed = [line.item for line in fitted.recommend(history=["i0", "i2"], n=5)]
    for place, item in enumerate(listed, 1):
        there = fitted.why_not(item, history=["i0", "i2"], n=5)
        assert (there.stage, there.place) == ("listed", place)
        short = fitted.why_not(item, history=["i0", "i2"], n=place - 1) if place > 1 else None
        assert short is None or (short.stage, short.place) == ("ranked", place)


def test_an_item_that_no_source_proposes_high_enough_is_far_or_silent(fitted: Recommender) -> None:
    narrow = Recommender(retrievers={"kernel": fitted.retrievers["kernel"]}, n_each=2, fallback="")
    narrow.items_, narrow.histories_ = fitted.items_, fitted.histories_
    assert stage(narrow, "i7", history=["i0", "i2"], n=2) == "silent"
    proposed = [line.item for line in narrow.recommend(history=["i0", "i2"], n=2)]
    other = next(f"i{code}" for code in range(4, 16, 2) if f"i{code}" not in proposed)
    found = narrow.why_not(other, history=["i0", "i2"], n=2)
    assert found.stage == "far" and found.sources["kernel"] > 2
    assert str(found.sources["kernel"]) in found.text


def test_more_proposals_than_go_on_are_cut(fitted: Recommender) -> None:
    tight = Recommender(retrievers=fitted.retrievers, n_each=6, n_candidates=2, fallback="")
    tight.items_, tight.histories_ = fitted.items_, fitted.histories_
    kept = {line.item for line in tight.recommend(history=["i0", "i2"], n=2)}
    proposed = fitted.retrievers["kernel"].relevance(fitted.query(history=["i0", "i2"]))
    cut = [f"i{code}" for code in proposed.top(6, np.array([0, 2], np.int32)) if f"i{code}" not in kept]
    found = tight.why_not(cut[0], history=["i0", "i2"], n=2)
    assert found.stage == "cut" and "kernel" in found.text


def test_a_policy_that_moved_it_is_named(fitted: Recommender) -> None:
    first = fitted.recommend(history=["i0", "i2"], n=1)[0].item
    sinking = BoostReranker(boosts=[Boost(items=fitted.items_.ids.codes([first]), times=0.001)])
    found = fitted.why_not(first, history=["i0", "i2"], n=1, policies=[sinking])
    assert found.stage == "policy" and "BoostReranker" in found.text and found.place > 1


def test_what_would_help_helps(fitted: Recommender) -> None:
    """Each "right after X it would be number p" is put to the test."""
    tried = 0
    for code in range(1, 16, 2):
        found = fitted.why_not(f"i{code}", history=["i0", "i2"], n=3)
        for change in found.changes:
            if not change.startswith("Right after"):
                continue
            title, place = change.split("“")[1].split("”")[0], int(change.rsplit(" ", 1)[1])
            if "” and “" in change:
                continue
            newest = fitted.items_.ids[fitted.items_.titles.index(title)]
            query = fitted.query(history=["i0", "i2", newest])
            order = fitted.rank(replace(query, exclude=np.append(query.exclude, 0)), 3).items.tolist()
            assert order.index(code) + 1 == place
            tried += 1
    assert tried


def test_every_stage_speaks_both_languages_and_cleans_what_it_quotes() -> None:
    facts = {
        "place": 12, "of": 40, "n": 10, "each": 50, "best": 70, "source": "ease", "sources": ["a", "b"],
        "limit": 100, "terms": ["price < 3"], "before": 2, "policy": "CapReranker",
    }  # fmt: skip
    evil = "Tea\x1b[31m\u202e \n“x”"
    for name in STAGES:
        said = [absence_of(name, "t", evil, locale=locale, facts=facts).text for locale in ("en", "zh-CN")]
        assert said[0] != said[1] and all("{" not in text for text in said)
        assert all(text.isprintable() for text in said)
