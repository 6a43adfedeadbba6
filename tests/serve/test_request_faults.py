"""What is refused is named by its place in the body that was sent; what would be passed over is refused."""

from __future__ import annotations

import json
import warnings

import pytest
from small_project import make_project, serving

from zhiyin.serve.call import prefers_html
from zhiyin.serve.routes import ROUTES


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("faults") / "shop")) as (client, _):
        yield client


def refused(served, method, path, body, **more):
    raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
    answer = served.request(method, path, content=raw, **more)
    assert 400 <= answer.status_code < 500, answer.text
    return answer.json()


GOOD, BAD = {"filter": "price > 1"}, {"filter": "price >> 1"}


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        ("/v1/recommend", BAD, "$.filter"),
        ("/v1/recommend", {"filter": "colour = red"}, "$.filter"),
        ("/v1/recommend", {"boosts": [GOOD, BAD]}, "$.boosts[1].filter"),
        ("/v1/rank", {"items": ["i1"], "boosts": [BAD]}, "$.boosts[0].filter"),
        ("/v1/recommend", {"intent": {"require": ["price > 1", "price >"]}}, "$.intent.require[1]"),
        (
            "/v1/recommend",
            {"intent": {"wishes": [{"filter": "price >", "by": 0.5}]}},
            "$.intent.wishes[0].filter",
        ),
        ("/v1/why-not", {"item": "i1", **BAD}, "$.filter"),
        ("/v1/chat", {"message": "red", **BAD}, "$.filter"),
        (
            "/v1/chat",
            {"message": "red", "state": {"intent": {"require": ["("]}}},
            "$.state.intent.require[0]",
        ),
    ],
)
def test_a_filter_that_cannot_be_read_has_a_place(served, path, body, at):
    told = refused(served, "POST", path, body)
    assert (told["code"], told.get("path")) == ("invalid_filter", at)


STRANGE = {"item": "i1", "kind": "clik"}


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        ("/v1/recommend", {"history": ["i2", STRANGE]}, "$.history[1].kind"),
        ("/v1/recommend", {"what_if": {"add": [STRANGE]}}, "$.what_if.add[0].kind"),
        ("/v1/rank", {"items": ["i1"], "history": [STRANGE]}, "$.history[0].kind"),
        ("/v1/explain", {"items": ["i1"], "history": [STRANGE]}, "$.history[0].kind"),
        ("/v1/why-not", {"item": "i1", "history": [STRANGE]}, "$.history[0].kind"),
    ],
)
def test_a_strange_kind_has_a_place_and_the_nearest_one(served, path, body, at):
    told = refused(served, "POST", path, body)
    assert told["path"] == at and "'click'" in told["detail"] and "column" not in told["detail"]


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        ("/v1/items/a", {"attributes": {"price": "dear"}}, "$.attributes.price"),
        ("/v1/items/a", {"attributes": {"title": "x"}}, "$.attributes.title"),
        ("/v1/items/a", {"attributes": {str(k): 1 for k in range(101)}}, "$.attributes"),
        ("/v1/items/a", {"text": "x" * 30_000}, "$.text"),
        ("/v1/items/a", {"attributes": {"price": 1, "size": {"x": 1}}}, "$.attributes.size"),
        ("/v1/items/a", {"attributes": {"price": 1, "tags": ["x", 1]}}, "$.attributes.tags[1]"),
        ("/v1/items", {"title": "x"}, "$.id"),
        ("/v1/items", {"id": "a", "attributes": {"price": "dear"}}, "$.attributes.price"),
        ("/v1/items", {"id": "a", "attributes": {"price": 1, "size": True}}, "$.attributes.size"),
        ("/v1/items", [{"id": "a"}, {"title": "x"}], "$[1].id"),
        ("/v1/items", [{"id": "a"}, {"id": "b", "attributes": {"price": "dear"}}], "$[1].attributes.price"),
        ("/v1/items", [{"id": "a"}, {"id": "b", "attributes": {"size": None}}], "$[1].attributes.size"),
        ("/v1/users/a", {"attributes": {str(k): 1 for k in range(101)}}, "$.attributes"),
        ("/v1/users", {"id": "a", "attributes": {str(k): 1 for k in range(101)}}, "$.attributes"),
        ("/v1/users", [{"id": "a", "attributes": {str(k): 1 for k in range(101)}}], "$[0].attributes"),
    ],
)
def test_a_place_is_one_of_the_body_that_was_sent(served, path, body, at):
    assert refused(served, "PUT", path, body)["path"] == at


def test_the_key_of_a_map_is_named_everywhere(served):
    asked = {"context": {"place": "home", "hour": 3}}
    assert refused(served, "POST", "/v1/recommend", asked)["path"] == "$.context.hour"
    past = {"history": ["i1", {"item": "i2", "context": {"hour": 3}}]}
    assert refused(served, "POST", "/v1/recommend", past)["path"] == "$.history[1].context.hour"
    event = {"user": "u1", "item": "i1", "context": {"place": "home", "hour": 3}}
    assert refused(served, "POST", "/v1/events", event)["path"] == "$.context.hour"
    told = served.post("/v1/events", json=[event, {**event, "context": {}}]).json()
    assert told["results"][0]["path"] == "$[0].context.hour" and told["accepted"] == 1


def test_a_map_that_is_too_large_to_search_keeps_the_short_place(served):
    large = {"attributes": {f"name {k}": "x" * 300 for k in range(90)} | {"size": {}}}
    assert refused(served, "PUT", "/v1/items/a", large)["path"] == "$.attributes[...]"
    twice = '{"attributes":{"size":{}},"attributes":7}'
    assert refused(served, "PUT", "/v1/items/a", twice)["path"] == "$.attributes[...]"


@pytest.mark.parametrize("path", ["/v1/items/a", "/v1/items", "/v1/users/a"])
def test_half_a_surrogate_pair_is_no_truncation(served, path):
    told = refused(served, "PUT", path, r'{"id":"a","attributes":{"x":"\ud800"}}')
    assert "surrogate" in told["detail"] and "truncated" not in told["detail"]
    assert "truncated" in refused(served, "PUT", path, '{"id":"a","attributes":{"x":"')["detail"]


def test_half_a_surrogate_pair_in_an_event(served):
    told = refused(served, "POST", "/v1/events", r'{"user":"\ud800","item":"i1"}')
    assert told["code"] == "invalid_json" and "surrogate" in told["detail"]


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"what_if": {"at": 1e300}}, "$.what_if.at"),
        ({"what_if": {"at": -1}}, "$.what_if.at"),
        ({"what_if": {"add": [{"item": "i1", "at": 1.7e12}]}}, "$.what_if.add[0].at"),
        ({"history": [{"item": "i1", "at": 1e300}]}, "$.history[0].at"),
        ({"history": [{"item": "i1", "kind": "rating", "value": 1e308}]}, "$.history[0].value"),
    ],
)
def test_times_and_values_are_bounded_as_those_of_events(served, body, at):
    assert refused(served, "POST", "/v1/recommend", body)["path"] == at


@pytest.mark.parametrize("at", [0, 1e11])
def test_the_first_and_the_last_moment_are_answered_in_silence(served, at):
    past = [
        {"item": "i1", "at": 0},
        {"item": "i3", "at": 1e11},
        {"item": "i5", "kind": "rating", "value": 2e38},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for asked in ({"user": "u1"}, {"history": past}):
            answer = served.post("/v1/recommend", json={"what_if": {"at": at}, "n": 5, **asked})
            assert answer.status_code == 200 and len(answer.json()["items"]) == 5
            assert answer.json()["meta"]["degraded"] == []


# -- addresses and headers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.method == "GET"], ids=lambda route: route.path
)
def test_a_name_that_a_get_route_does_not_know_is_refused(served, route):
    path = route.path.replace(":path", "")
    for name in ("item", "user", "slate_id", "job", "upload"):
        path = path.replace(f"{{{name}}}", "i1")
    answer = served.get(path, params={"colour": "red"})
    if route.path.startswith("/health") or route.path == "/metrics":
        assert answer.status_code == 200, "probes add names of their own"
        return
    told = answer.json()
    assert (told["code"], told["path"]) == ("invalid_value", "colour")
    assert "there is no field 'colour'" in told["detail"]


def test_the_nearest_name_is_offered(served):
    assert "did you mean 'locale'" in served.get("/v1/similar/i1?local=zh").json()["detail"]
    assert served.get("/v1/similar/i1?locale=zh&n=2").status_code == 200
    assert served.get("/v1/items?limit=2&after=i1").status_code == 200


@pytest.mark.parametrize(
    ("accepted", "html"),
    [
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html, application/json", True),
        ("application/json, text/html", False),
        ("application/json;q=0.5, text/html", True),
        ("text/html;q=0", False),
        ("text/html; Q=0.000, */*", False),
        ("text/html;q=0.1, application/json", False),
        ("text/html;level=1;q=0.3, application/json;q=0.2", True),
        ("text/html;q=0.5, */*", False),
        ("text/html;q=0.5, */*, application/json;q=0.1", True),
        ("application/json;q=0, text/html;q=0.1", True),
        ("application/problem+json, text/html;q=0.9", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_the_weights_of_accept_count(served, accepted, html):
    assert prefers_html(accepted) is html
    answer = served.get("/v1/recommend?user=u1&n=2&dry_run=true", headers={"accept": accepted})
    assert answer.headers["content-type"].startswith("text/html" if html else "application/json")
