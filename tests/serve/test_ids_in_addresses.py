"""Ids may hold anything: percent-encoded in an address they reach exactly what they name, and nobody else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import Client, make_project, serving

ODD = (
    "bob/profile", "bob/history", "bob/export", "bob/tags", "a/b", "/", "..", "bob\nx", "bob\n", " x ",
    "100%", "%2F", "é/商品", "a?b#c", "bob%2Fprofile",
)  # fmt: skip


def shouted(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E")


def whispered(name: str) -> str:
    return "".join(f"%{byte:02x}" for byte in name.encode())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(make_project(tmp_path_factory.mktemp("odd"))) as (client, _):
        made = client.post("/v1/keys", json={"name": "all", "scopes": ["admin", "erase"]}).json()
        client.headers["authorization"] = f"Bearer {made['secret']}"
        said(client.put("/v1/users/bob", json={"attributes": {"who": "bob"}}))
        said(client.post("/v1/events", json={"user": "bob", "item": "i1"}))
        said(client.put("/v1/users/bob/profile", json={"interests": [{"words": "blue kettle"}]}))
        said(client.put("/v1/items/bob", json={"title": "Bob"}))
        said(client.put("/v1/items/bob/tags", json={"tags": ["bobbish"]}))
        yield client


def said(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def bobs(client: Client) -> list[Any]:
    places = ("users/bob", "users/bob/history", "users/bob/profile", "items/bob", "items/bob/tags")
    return [said(client.get(f"/v1/{place}")) for place in places]


@pytest.mark.parametrize("written", [shouted, whispered])
@pytest.mark.parametrize("name", ODD)
def test_an_odd_user_is_reached_and_erased(client: Client, name: str, written: Callable[[str], str]) -> None:
    before, place = bobs(client), f"/v1/users/{written(name)}"
    assert said(client.put(place, json={"attributes": {"who": name}}))["written"] == 1
    said(client.patch(place, json={"attributes": {"more": "yes"}}))
    said(client.post("/v1/events", json={"user": name, "item": "i3"}))
    said(client.put(f"{place}/profile", json={"interests": [{"words": "red shoes"}]}))
    record = said(client.get(place))
    assert (record["id"], record["attributes"]) == (name, {"who": name, "more": "yes"})
    history = said(client.get(f"{place}/history"))
    assert [event["item"] for event in history["events"]] == ["i3"]
    held = said(client.get(f"{place}/export"))
    assert held["user"]["id"] == name and held["profile"]["interests"][0]["words"] == "red shoes"
    assert said(client.delete(f"{place}/profile"))["edited"] is False
    assert said(client.delete(place))["events"] == 1
    assert client.get(place).status_code == 404
    assert said(client.get(f"{place}/history"))["events"] == []
    assert bobs(client) == before


@pytest.mark.parametrize("written", [shouted, whispered])
@pytest.mark.parametrize("name", ODD)
def test_an_odd_item_is_reached_and_deleted(client: Client, name: str, written: Callable[[str], str]) -> None:
    before, place = bobs(client), f"/v1/items/{written(name)}"
    assert said(client.put(place, json={"title": name}))["written"] == 1
    said(client.put(f"{place}/tags", json={"tags": ["odd"]}))
    record = said(client.get(place))
    assert (record["id"], record["title"]) == (name, name)
    assert "odd" in str(said(client.get(f"{place}/tags")))
    assert said(client.delete(place))["removed"] == 1
    assert client.get(place).status_code == 404
    assert bobs(client) == before


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("sent", ["%FF", "b%c3ob", "%ED%A0%80", "%80"])
def test_an_id_that_is_no_utf8_is_refused(client: Client, method: str, sent: str) -> None:
    for kind in ("users", "items"):
        answer = client.request(method, f"/v1/{kind}/{sent}", json={})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert answer.json()["path"] == kind[:-1]


@pytest.mark.parametrize(
    "path",
    ["/v1/items/a/b", "/v1/users/", "/v1/users//history", "/v1%2Fusers", "/v1/users%2Fbob", "/v1/keys%0A"],
)
def test_a_slash_that_is_not_encoded_ends_a_part(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("raw", "root", "route", "found"),
    [
        (b"/v1/users/bob%2fprofile", "", "/v1/users/{user:path}", "bob/profile"),
        (b"/v1/users/bob%2Fx/pr%6Ffile", "", "/v1/users/{user:path}/profile", "bob/x"),
        (b"/v1/users/bob?user=x/profile", "", "/v1/users/{user:path}", "bob"),
        (b"/shop/v1/users/a%2Fb", "/shop", "/v1/users/{user:path}", "a/b"),
        (b"/my%20shop/eu/v1/users/a%2Fb", "/my shop/eu", "/v1/users/{user:path}", "a/b"),
        (b"/v1/users/a%2Fb", "/stripped", "/v1/users/{user:path}", "a/b"),
        (None, "", "/v1/users/{user:path}", "100%25"),
        (None, "/shop", "/v1/users/{user:path}/history", "b\nb"),
    ],
)
def test_where_an_address_leads(client: Client, raw: bytes | None, root: str, route: str, found: str) -> None:
    path = unquote(raw or b"") or root + route.replace("{user:path}", found)
    scope = {"type": "http", "method": "GET", "path": path, "root_path": root, "raw_path": raw}
    matches = [(place.path, place.matches(scope)) for place in client.app.routes]  # type: ignore[attr-defined]
    full = [(where, more["path_params"]) for where, (match, more) in matches if match.name == "FULL"]
    assert full == [(route, {"user": found})]
