"""The widget's two questions: who may ask them, from where, and how little they give away."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import START, make_project, serving

from zhiyin.store.records import Shown, Slate

SHOP = "https://shop.example"
VISITOR = "0b9f6c0e-5a35-4a62-9c55-1f5b7b0a2d11"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = make_project(tmp_path_factory.mktemp("shop"))
    with serving(folder, cors_origins=[SHOP], requests_per_s=0) as (client, _):
        yield client


@pytest.fixture(scope="module")
def public(served):
    """What a browser on the shop's page sends with the key that everybody can read there."""
    made = served.post("/v1/keys", json={"name": "site", "scopes": ["widget"]}).json()
    return {"authorization": f"Bearer {made['secret']}", "origin": SHOP}


def listed(served, public, **asked):
    return served.get("/v1/widget", params={"session": VISITOR, "n": 4, **asked}, headers=public)


def told(served, public, slate, *events, session=VISITOR):
    body = {"session": session, "slate_id": slate, "events": [{"item": i, "kind": k} for i, k in events]}
    return served.post("/v1/widget/events", json=body, headers=public)


def test_a_visitor_sees_titles_and_reasons_and_nothing_else(served, public):
    answer = listed(served, public, surface="home")
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == SHOP
    assert set(answer.json()) == {"slate_id", "items"} and len(answer.json()["items"]) == 4
    assert set(answer.json()["items"][0]) == {"rank", "id", "title", "reason"}


def test_clicks_make_the_next_list_and_count_once(served, public):
    slate = listed(served, public).json()
    seen = [line["id"] for line in slate["items"]]
    first = told(served, public, slate["slate_id"], *((i, "impression") for i in seen), (seen[0], "click"))
    assert first.json() == {"accepted": 5}
    assert told(served, public, slate["slate_id"], (seen[0], "click")).json() == {"accepted": 0}
    following = [line["id"] for line in listed(served, public).json()["items"]]
    assert seen[0] not in following, "what was followed is in the visitor's history"


def test_only_what_was_shown_to_this_visitor_can_be_told(served, public):
    slate = listed(served, public).json()["slate_id"]
    assert told(served, public, slate, ("i39x", "click")).json() == {"accepted": 0}
    assert told(served, public, slate, ("i1", "click"), session="another-visitor-of-16").status_code == 404
    others = served.post("/v1/recommend", json={"user": "u1", "n": 3}).json()
    name, item = others["meta"]["slate_id"], others["items"][0]["id"]
    assert told(served, public, name, (item, "click")).status_code == 404


@pytest.mark.parametrize("origin", ["", "https://evil.example", "null", SHOP + ".evil.example"])
def test_the_key_works_on_the_pages_that_the_owner_has_named(served, public, origin):
    assert listed(served, {**public, "origin": origin}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/recommend"), ("POST", "/v1/events"), ("GET", "/v1/items"), ("GET", "/v1/users/u1/history"),
     ("GET", "/v1/status"), ("GET", "/v1/map"), ("GET", "/metrics"), ("GET", "/v1/keys")],
)  # fmt: skip
def test_the_key_opens_nothing_else(served, public, method, path):
    assert served.request(method, path, headers=public, content=b"{}").status_code == 403


def test_a_session_of_the_site_cannot_be_asked_for(served, public):
    """The history of a session that the site itself sends stays out of reach of who guesses its name."""
    name = "session-of-the-site-1"
    served.post("/v1/events", json=[{"session": name, "item": f"i{i}", "kind": "like"} for i in (1, 3, 5, 7)])
    sides = [int(line["id"][1:]) % 2 for line in listed(served, public, session=name, n=6).json()["items"]]
    own = served.post("/v1/recommend", json={"session": name, "n": 6}).json()["items"]
    assert [int(line["id"][1:]) % 2 for line in own] == [1] * 6 != sides


def test_limits_hold(served, public):
    assert listed(served, public, n=25).status_code == 422
    assert listed(served, public, session="short").status_code == 422
    assert told(served, public, "slate_x", *[("i1", "click")] * 51).status_code == 422
    assert told(served, public, "slate_x", ("i1", "purchase")).status_code == 422


def test_without_origins_nobody_may(tmp_path):
    with serving(make_project(tmp_path)) as (client, _):
        made = client.post("/v1/keys", json={"name": "site", "scopes": ["widget"]}).json()
        headers = {"authorization": f"Bearer {made['secret']}", "origin": SHOP}
        assert client.get("/v1/widget", params={"session": VISITOR}, headers=headers).status_code == 403


def test_the_script_is_small_and_may_be_loaded_from_anywhere(served):
    answer = served.get("/widget.js", headers={"authorization": ""})
    assert answer.status_code == 200 and len(answer.content) < 15_000
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "javascript" in answer.headers["content-type"]
    for word in ("innerHTML", "insertAdjacentHTML", "eval(", "document.cookie", "document.write"):
        assert word not in answer.text


def given(served, *items):
    """The id of a list that this visitor was given."""
    slate = Slate(
        id=f"slate_{len(items)}{items[0][-1]}", session=f"w:{VISITOR}", at=START, version="v", n=len(items),
        shown=[Shown(item=item, score=1.0) for item in items],
    )  # fmt: skip
    assert served.app.state.ground.store.add_slate(slate)
    return slate.id


def test_long_ids_that_begin_alike_are_different_items(served, public):
    items = [f"https://shop.example/{'a' * 120}/{number}" for number in range(3)]
    slate = given(served, *items)
    assert told(served, public, slate, *((i, "impression") for i in items)).json() == {"accepted": 3}
    assert told(served, public, slate, *((i, "impression") for i in items)).json() == {"accepted": 0}


def test_a_list_that_another_worker_has_only_just_given_is_waited_for(served, public, monkeypatch):
    slate, service, looks = given(served, "i1"), served.app.state.ground.service, []
    read = service.slate
    monkeypatch.setattr(
        service, "slate", lambda name: looks.append(name) or (len(looks) > 2 and read(name)) or None
    )
    assert told(served, public, slate, ("i1", "impression")).json() == {"accepted": 1}
