"""Who is shown an item: counts by day, what followed, the lists it stood in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from service import eventually
from small_project import START, Clock, make_project, serving

from zhiyin.serve import exposure

DAY = 86_400.0


def test_what_was_shown_and_what_followed_is_counted_by_day(tmp_path: Path) -> None:
    clock = Clock(START + 30 * DAY)
    with serving(make_project(tmp_path), clock) as (client, _):
        client.put("/v1/items/fresh%2Fx", json={"title": "red shoes, new"})
        assert eventually(lambda: client.get("/v1/items/fresh%2Fx/exposure").status_code == 200)
        answer = client.post("/v1/recommend", json={"user": "u1", "n": 4}).json()
        slate, item = answer["meta"]["slate_id"], answer["items"][2]["id"]
        begun = client.get(f"/v1/items/{item}/exposure").json()
        today = clock.at
        sent = [
            {"user": "u1", "item": item, "kind": "impression", "slate_id": slate, "at": today - DAY},
            {"user": "u2", "item": item, "kind": "impression", "at": today - 3 * DAY},
            {"user": "u1", "item": item, "kind": "click", "slate_id": slate, "at": today},
            {"user": "u9", "item": item, "kind": "like", "at": today},
            {"user": "u9", "item": "fresh/x", "kind": "impression", "at": today},
        ]
        assert client.post("/v1/events", json=sent).json()["accepted"] == len(sent)
        assert eventually(lambda: client.get(f"/v1/items/{item}/exposure").json()["listed"] == 1)
        found = client.get(f"/v1/items/{item}/exposure").json()
        assert found["events"] == begun["events"] + len(sent)
        assert (found["shown"], found["followed"], found["rate"]) == (2, 1, 0.5)
        assert 0 < found["low"] < 0.5 < found["high"] < 1
        assert found["kinds"] == {"click": begun["kinds"]["click"] + 1, "impression": 2, "like": 1}
        days = {one["day"]: (one["shown"], one["followed"], one["chosen"]) for one in found["days"]}
        ordered = list(days)
        assert ordered == sorted(ordered) and len(ordered) == len(found["days"]) <= 60
        assert [days[name] for name in ordered[-4:]] == [(1, 0, 0), (0, 0, 0), (1, 0, 0), (0, 1, 2)]
        assert [(one["slate_id"], one["user"], one["rank"]) for one in found["stood_in"]] == [
            (slate, "u1", 3)
        ]
        other = client.get("/v1/items/fresh%2Fx/exposure").json()
        assert (other["shown"], other["rate"], other["low"], other["listed"]) == (1, 0.0, 0.0, 0)


def test_no_more_follows_than_was_shown(tmp_path: Path) -> None:
    clock = Clock(START + 30 * DAY)
    with serving(make_project(tmp_path), clock) as (client, _):
        seen = {"user": "u1", "item": "i1", "kind": "impression"}
        click = {"user": "u1", "item": "i1", "kind": "click", "slate_id": "there is none"}
        days = [[seen, click, click], [click], [seen, seen], [click], [click, click]]
        sent = [event | {"at": clock.at + (n - 4) * DAY} for n, day in enumerate(days) for event in day]
        assert client.post("/v1/events", json=sent).json()["accepted"] == len(sent)
        found = client.get("/v1/items/i1/exposure").json()
        assert (found["shown"], found["followed"], found["rate"]) == (3, 3, 1.0)
        assert 0 < found["low"] < found["high"] <= 1
        assert [one["shown"] for one in found["days"][-5:]] == [1, 0, 2, 0, 0]
        assert [one["followed"] for one in found["days"][-5:]] == [1, 0, 0, 1, 1]
        assert [one["chosen"] for one in found["days"][-5:]] == [2, 1, 0, 1, 2]


def test_a_list_below_the_first_page_is_none_that_was_seen(tmp_path: Path) -> None:
    with serving(make_project(tmp_path), Clock()) as (client, _):
        asked = {"user": "u1", "n": 2}
        shown = [line["id"] for line in client.post("/v1/recommend", json=asked).json()["items"]]
        below = next(one for one in (f"i{k}" for k in range(1, 40, 2)) if one not in shown)
        assert eventually(lambda: client.get(f"/v1/items/{shown[0]}/exposure").json()["listed"] == 1)
        assert client.get(f"/v1/items/{below}/exposure").json()["listed"] == 0


def test_only_the_newest_events_and_days_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "MOST_EVENTS", 50)
    monkeypatch.setattr(exposure, "PIECE", 20)
    clock = Clock(START + 200 * DAY)
    with serving(make_project(tmp_path), clock) as (client, _):
        assert client.get("/v1/items/i1/exposure").json()["events"] == 50
        sent = [
            {"user": "u1", "item": "i1", "kind": "click", "at": START + day * DAY} for day in (1, 100, 199)
        ]
        client.post("/v1/events", json=sent)
        found = client.get("/v1/items/i1/exposure").json()
        assert found["events"] == 50 and len(found["days"]) == 60
        assert [one["chosen"] for one in found["days"]] == [0] * 59 + [1]
        assert found["rate"] is None and found["low"] is None


def test_an_item_that_is_not_there_has_no_exposure(tmp_path: Path) -> None:
    with serving(make_project(tmp_path), Clock()) as (client, _):
        answer = client.get("/v1/items/no such/exposure")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_two_days_stand_side_by_side(tmp_path: Path) -> None:
    clock = Clock(START + 40 * DAY)
    with serving(make_project(tmp_path), clock) as (client, _):
        slate = client.post("/v1/recommend", json={"user": "u1", "n": 4}).json()["meta"]["slate_id"]
        a, b = clock.at - 2 * DAY, clock.at
        sent = [{"user": "u1", "item": f"i{k % 5}", "kind": "impression", "at": a} for k in range(40)]
        sent += [{"user": "u1", "item": "i1", "kind": "click", "slate_id": slate, "at": a}] * 4
        sent += [{"user": "u1", "item": f"i{k}", "kind": "impression", "at": b} for k in range(20)]
        sent += [
            {"user": "u1", "item": f"i{k}", "kind": "click", "slate_id": slate, "at": b} for k in range(12)
        ]
        sent += [{"user": "u1", "item": "i7", "kind": "like", "at": b}]
        assert client.post("/v1/events", json=sent).json()["accepted"] == len(sent)
        days = client.get("/v1/days").json()
        assert days["a"] is None and days["moved"] == []
        newest, older = (one["day"] for one in days["days"][:2])
        assert days["days"][0] == {"day": newest, "shown": 20, "followed": 12, "chosen": 13}
        found = client.get("/v1/days", params={"a": older, "b": newest}).json()
        assert (found["a"]["rate"], found["b"]["rate"], found["difference"]) == (0.1, 0.6, 0.5)
        assert 0.2 < found["low"] < 0.5 < found["high"] < 0.7
        assert (found["a"]["items_shown"], found["b"]["items_shown"]) == (5, 20)
        assert (found["a"]["top_share"], found["b"]["top_share"]) == (1.0, 0.5)
        first = found["moved"][0]
        assert (first["id"], first["chosen_a"], first["chosen_b"]) == ("i1", 4, 1)
        assert (first["rank_a"], first["rank_b"]) == (1, 2)
        other = next(one for one in found["moved"] if one["id"] == "i7")
        assert (other["rank_a"], other["rank_b"], other["chosen_b"]) == (0, 1, 2)
        quiet = client.get("/v1/days", params={"a": "2001-01-01", "b": newest}).json()
        assert quiet["a"]["rate"] is None and quiet["difference"] is None
        click = {"user": "u1", "item": "i1", "kind": "click", "slate_id": slate, "at": b}
        assert client.post("/v1/events", json=[click] * 20).json()["accepted"] == 20
        more = client.get("/v1/days", params={"a": older, "b": newest}).json()["b"]
        assert (more["shown"], more["followed"], more["rate"], more["high"]) == (20, 32, 1.0, 1.0)
        for bad in ({"a": "yesterday", "b": newest}, {"a": newest}, {"a": "0001-01-01", "b": newest}):
            assert client.get("/v1/days", params=bad).json()["code"] == "invalid_value"
