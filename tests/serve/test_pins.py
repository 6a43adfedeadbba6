"""A pin that does not hold is told, with the reason, and only then."""

from __future__ import annotations

import pytest
from small_project import make_project, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("pins") / "shop")) as (client, _):
        yield client


def warned(served, path="/v1/recommend", **asked):
    answer = served.post(path, json={"user": "u1", "n": 4, "reasons": False, "dry_run": True, **asked})
    return answer.json()["meta"]["warnings"]


def pins(*items):
    return [{"item": item, "position": place} for place, item in enumerate(items, 1)]


def seen(served):
    return served.get("/v1/users/u1/history").json()["events"][0]["item"]


def test_a_pin_that_holds_is_not_talked_of(served):
    assert warned(served, pins=pins("i2", "i4")) == []
    assert warned(served, pins=[{"item": "i2", "position": 60}]) == []  # at the end of the order
    assert warned(served, seen=True, pins=pins(seen(served))) == []


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"exclude": ["i2"]}, "in `exclude`"),
        ({"filter": "price > 10"}, "`filter`"),
        ({"intent": {"require": ["price > 10"]}}, "words"),
    ],
)
def test_what_the_request_rules_out_is_named(served, asked, why):
    (said,) = warned(served, pins=pins("i12", "i2"), **asked)
    assert "'i2'" in said and why in said


def test_a_seen_and_a_disliked_item_are_told_apart(served):
    (said,) = warned(served, pins=pins(seen(served)))
    assert "has seen" in said and "`seen: true`" in said
    past = [{"item": "i8", "kind": "hide"}]
    (said,) = warned(served, user="", history=past, seen=True, pins=pins("i8"))
    assert "hidden or disliked" in said


def test_brought_candidates_are_the_limit_of_pins(served):
    (said,) = warned(served, "/v1/rank", items=["i1", "i3"], pins=pins("i7"), n=None)
    assert "`items`" in said
    assert warned(served, "/v1/rank", items=["i1", "i3"], pins=pins("i3"), n=None) == []
    (said,) = warned(served, "/v1/rank", items=["i1", "i3"], pins=pins("strange"), n=None)
    assert "does not know 'strange'" in said


def test_two_pins_for_one_item_and_too_many_for_one_place(served):
    said = warned(served, pins=[{"item": "i2", "position": 1}, {"item": "i2", "position": 3}])
    assert len(said) == 1 and "at 1" in said[0] and "pinned again" in said[0]
    said = warned(served, pins=[{"item": "i2", "position": 4}, {"item": "i4", "position": 4}])
    assert len(said) == 1 and "'i4'" in said[0] and "other pins" in said[0]


def test_an_unavailable_item_cannot_be_pinned(served):
    served.put("/v1/items/gone", json={"title": "gone"})
    served.delete("/v1/items/gone")
    served.app.state.ground.live.step()
    (said,) = warned(served, pins=pins("gone"))
    assert "'gone'" in said


def test_warnings_stay_short_whatever_was_sent(served):
    many = [{"item": "x" * 500 + str(k), "position": 1} for k in range(50)]
    assert sum(map(len, warned(served, pins=many))) < 500
    past = [line["item"] for line in served.get("/v1/users/u1/history").json()["events"]]
    said = warned(served, pins=pins(*past))
    assert len(said) == 6 and said[-1] == f"{len(past) - 5} more pins do not hold"
