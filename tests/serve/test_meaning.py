"""Intents, profiles and tags over HTTP: what is said is shown, can be corrected, and counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import Client, Clock, make_project, serving


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    project = make_project(tmp_path_factory.mktemp("meaning"))
    with serving(project, Clock()) as (client, _):
        yield client


def sides(client: Client, **asked: object) -> list[str]:
    lines = client.post("/v1/recommend", json={"n": 6, **asked}).json()["items"]
    return [" ".join(line["title"].split()[:2]) for line in lines]


def test_what_was_understood_is_shown_and_can_be_sent_back(client: Client) -> None:
    answer = client.post("/v1/recommend", json={"words": "blue kettle under 20", "n": 5}).json()
    told = answer["meta"]["understood"]
    assert told["intent"]["require"] == ['"price" <= 20'] and told["source"] == "rules"
    assert told["sentence"] == "Understood as: price ≤ 20, blue kettle"
    assert all(line["title"].startswith("blue kettle") for line in answer["items"])
    corrected = told["intent"] | {"require": ["price <= 4"]}
    again = client.post("/v1/recommend", json={"words": "blue kettle", "intent": corrected, "n": 5}).json()
    assert {line["id"] for line in again["items"]} <= {"i0", "i1", "i2", "i3", "i4"}
    assert again["meta"]["understood"]["source"] == "caller"


def test_a_question_without_words_has_nothing_to_understand(client: Client) -> None:
    assert client.post("/v1/recommend", json={"user": "u1"}).json()["meta"]["understood"] is None


def test_an_intent_that_cannot_be_read_is_refused(client: Client) -> None:
    answer = client.post("/v1/recommend", json={"intent": {"require": ["price <"]}})
    assert answer.status_code == 400 or answer.status_code == 422
    assert answer.json()["code"] == "invalid_filter"


def test_a_profile_shows_what_it_rests_on(client: Client) -> None:
    shown = client.get("/v1/users/u2/profile").json()
    assert [one["words"] for one in shown["interests"]] == ["red shoes"]
    assert not shown["edited"] and len(shown["interests"][0]["items"]) == 10


def test_a_key_that_may_only_write_learns_nothing_of_the_history(client: Client) -> None:
    made = client.post("/v1/keys", json={"name": "writer", "scopes": ["ingest"]}).json()
    writer = {"Authorization": f"Bearer {made['secret']}"}
    assert client.get("/v1/users/u6/profile", headers=writer).status_code == 403
    given = {"interests": [{"words": "blue kettle", "weight": 2}]}
    told = client.put("/v1/users/u6/profile", json=given, headers=writer).json()
    assert [(one["words"], one["items"]) for one in told["interests"]] == [("blue kettle", [])]
    assert told["edited"] and told["removed"] == []
    told = client.delete("/v1/users/u6/profile", headers=writer).json()
    assert told["interests"] == [] and told["removed"] == []
    assert client.get("/v1/users/u6/profile").json()["interests"] != []


def test_an_edited_profile_changes_the_next_list_until_it_is_deleted(client: Client) -> None:
    before = sides(client, user="u4")
    assert set(before) == {"red shoes"}
    given = {"interests": [{"words": "blue kettle", "weight": 2}]}
    answer = client.put("/v1/users/u4/profile", json=given)
    assert answer.status_code == 200 and answer.json()["edited"]
    assert "blue kettle" in sides(client, user="u4")
    assert client.delete("/v1/users/u4/profile").json()["edited"] is False
    assert sides(client, user="u4") == before


def test_an_interest_that_is_taken_out_takes_its_events_along(client: Client) -> None:
    shown = client.put("/v1/users/u6/profile", json={"interests": []}).json()
    assert shown["interests"] == [] and [one["words"] for one in shown["removed"]] == ["red shoes"]
    assert set(sides(client, user="u6")) != {"red shoes"}
    client.delete("/v1/users/u6/profile")


def test_a_profile_goes_out_with_its_user_and_is_erased_with_it(client: Client) -> None:
    client.put("/v1/users/u8/profile", json={"interests": [{"words": "secret hobby"}]})
    held = client.get("/v1/users/u8/export").json()
    assert held["profile"]["interests"][0]["words"] == "secret hobby"
    rows = client.get("/v1/audit").json()["rows"]
    assert any(row["action"] == "profile.put" and "secret" not in row["detail"] for row in rows)
    key = client.post("/v1/keys", json={"name": "eraser", "scopes": ["erase"]}).json()["secret"]
    client.delete("/v1/users/u8", headers={"authorization": f"Bearer {key}"})
    assert client.get("/v1/users/u8/export").json()["profile"] is None


def test_tags_are_those_of_the_attributes_until_an_editor_says_otherwise(client: Client) -> None:
    assert client.get("/v1/items/i1/tags").json()["tags"] == ["blue kettle"]
    given = {"tags": ["tea", "tea", "kitchen"], "line": "Boils water"}
    assert client.put("/v1/items/i1/tags", json=given).json()["tags"] == ["tea", "kitchen"]
    shown = client.get("/v1/items/i1/tags").json()
    assert (shown["tags"], shown["line"], shown["source"]) == (["tea", "kitchen"], "Boils water", "user")
    assert client.get("/v1/items/nothing/tags").status_code == 404
    assert client.put("/v1/items/nothing/tags", json=given).status_code == 404
