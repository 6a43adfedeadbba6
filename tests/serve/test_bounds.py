"""What requests may not do: write although refused, write twice, outgrow a limit."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from service import eventually
from small_project import make_project, serving

from zhiyin.store import SqliteStore


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("shop"))) as (client, _):
        yield client


def actors(served):
    return [key["id"] for key in served.get("/v1/keys").json()["keys"]]


def test_what_is_refused_for_load_is_not_written(served, monkeypatch):
    assert served.post("/v1/events", json={"user": "stays", "item": "i1"}).status_code == 200
    admission = served.app.state.ground.admission
    monkeypatch.setattr(admission, "_ingesting", admission.max_ingest)
    assert served.put("/v1/items/late", json={"title": "late"}).status_code == 503
    assert served.put("/v1/users/late/profile", json={"interests": [{"words": "tea"}]}).status_code == 503
    assert served.delete("/v1/users/stays").status_code == 503
    monkeypatch.undo()
    eventually(lambda: served.put("/v1/items/after", json={"title": "after"}).status_code == 200)
    assert served.get("/v1/items/late").status_code == 404
    assert not served.get("/v1/users/late/profile").json()["edited"]
    assert served.get("/v1/users/stays/export").json()["events"]


def test_a_repeat_before_the_answer_is_kept_writes_nothing_twice(served, monkeypatch):
    monkeypatch.setattr(served.app.state.ground.store, "remembered", lambda key: None)
    sent, once = [{"user": "b3", "item": "i1"}, {"user": "b3", "item": "i1"}], {"idempotency-key": "k3"}
    assert served.post("/v1/events", json=sent, headers=once).json()["accepted"] == 2
    assert served.post("/v1/events", json=sent, headers=once).json()["duplicates"] == 2
    assert len(served.get("/v1/users/b3/export").json()["events"]) == 2


def test_an_answer_is_kept_for_every_worker_before_it_is_given(served):
    ground = served.app.state.ground
    with closing(SqliteStore.open(ground.store.path, pepper=b"p" * 32)) as other:
        for place in range(5):
            before = other.remembered(f"nobody:{place}")
            answer = served.post(
                "/v1/events", json={"item": "i1"} | {"user": "b4"}, headers={"idempotency-key": f"w{place}"}
            )
            kept = [other.remembered(f"{actor}:w{place}") for actor in actors(served)]
            assert before is None and any(one and one.endswith(answer.content) for one in kept)


def test_patches_at_once_lose_nothing(served):
    def patched(place):
        return served.patch("/v1/items/i2", json={"attributes": {f"n{place}": place}}).status_code

    def user_patched(place):
        change = {"personalise": False} if place == 3 else {"attributes": {f"n{place}": place}}
        return served.patch("/v1/users/race", json=change).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(patched, range(16))) | set(threads.map(user_patched, range(16))) == {200}
    assert {f"n{place}" for place in range(16)} <= set(served.get("/v1/items/i2").json()["attributes"])
    user = served.get("/v1/users/race").json()
    assert not user["personalise"] and len(user["attributes"]) == 15


def test_a_patch_of_an_item_that_is_not_there_makes_none(served):
    answer = served.patch("/v1/items/nowhere", json={"title": "x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert served.get("/v1/items/nowhere").status_code == 404


def test_an_item_cannot_have_words_without_end(served):
    words = {"attributes": {"department": [f"w{place}" for place in range(10_001)]}}
    for answer in (served.put("/v1/items/w", json=words), served.patch("/v1/items/i1", json=words)):
        assert (answer.status_code, answer.json()["code"]) == (422, "limit_exceeded")
        assert "10001 words" in answer.json()["detail"]
    assert served.get("/v1/items/w").status_code == 404


def test_a_word_among_numbers_is_refused_and_filters_go_on(served):
    asked = {"user": "u1", "filter": "price < 20"}
    before = served.post("/v1/recommend", json=asked)
    word = {"attributes": {"price": "cheap"}}
    many = [{"id": "odd", "attributes": {"price": ["cheap"]}}]
    for answer, where in (
        (served.put("/v1/items/odd", json=word), "$"),
        (served.patch("/v1/items/i1", json=word), "$"),
        (served.put("/v1/items", json=many), "$[0]"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_value")
        assert answer.json()["path"] == f"{where}.attributes.price" and "cheap" in answer.json()["detail"]
    assert served.patch("/v1/items/i4", json={"attributes": {"price": None}}).status_code == 200
    assert before.status_code == served.post("/v1/recommend", json=asked).status_code == 200


def test_a_patch_keeps_the_limits_of_a_put(served):
    long, many = "x" * 20_001, {f"a{number}": "x" for number in range(100)}
    assert served.put("/v1/items/small", json={"title": "small", "attributes": many}).status_code == 200
    assert served.put("/v1/users/small", json={"attributes": many}).status_code == 200
    for path, body in (
        ("/v1/items/small", {"title": long}),
        ("/v1/items/small", {"text": long}),
        ("/v1/items/small", {"attributes": {"a1": long}}),
        ("/v1/items/small", {"attributes": {"one more": "x"}}),
        ("/v1/users/small", {"attributes": {"a1": [long]}}),
        ("/v1/users/small", {"attributes": {"one more": "x"}}),
    ):
        answer = served.patch(path, json=body)
        assert (answer.status_code, answer.json().get("code")) == (422, "limit_exceeded"), body
    changed = {"title": "still", "attributes": {"a1": None, "one more": "x"}}
    assert served.patch("/v1/items/small", json=changed).status_code == 200


def test_another_past_has_the_limits_of_a_history(served):
    for what_if, path in (
        ({"add": [{"item": "i1"}] * 501}, "$.what_if.add"),
        ({"remove": ["i1"] * 1001}, "$.what_if.remove"),
    ):
        for route, more in (("recommend", {}), ("rank", {"items": ["i1"]}), ("why-not", {"item": "i1"})):
            answer = served.post(f"/v1/{route}", json={"user": "u1", "what_if": what_if, **more})
            assert (answer.status_code, answer.json().get("path")) == (422, path), route


def test_a_list_as_a_page_may_use_its_own_style_and_nothing_else(served):
    answer = served.get("/v1/recommend?user=u1&n=2", headers={"accept": "text/html"})
    policy = answer.headers["content-security-policy"]
    assert "<style>" in answer.text and "style-src 'unsafe-inline'" in policy
    assert (
        "default-src 'none'" in policy and "script-src" not in policy and "frame-ancestors 'none'" in policy
    )
