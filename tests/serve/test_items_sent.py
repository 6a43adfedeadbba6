"""What is said of items when they are sent, changed and deleted."""

from __future__ import annotations

import pytest
from small_project import make_project, serving

from zhiyin.data.filter_terms import PARTS
from zhiyin.store.records import ItemRecord


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("sent") / "shop")) as (client, _):
        yield client


@pytest.mark.parametrize("name", ["", *PARTS])
def test_an_attribute_that_no_filter_could_name_is_refused(served, name):
    said = {"attributes": {name: "z", "colour": "red"}}
    for answer, where in (
        (served.put("/v1/items/odd", json=said), "$"),
        (served.put("/v1/items", json=[{"id": "odd", **said}]), "$[0]"),
        (served.patch("/v1/items/i1", json=said), "$"),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "invalid_value")
        assert problem["path"] == f"{where}.attributes.{name}" and problem["hint"]
    assert served.get("/v1/items/odd").status_code == 404
    assert "colour" not in served.get("/v1/items/i1").json()["attributes"]


def test_one_that_came_in_another_way_can_be_taken_away(served):
    record = ItemRecord(id="old", attributes={"title": "z", "colour": "red"})
    served.app.state.ground.store.put_items([record], at=1.0).result()
    assert served.patch("/v1/items/old", json={"attributes": {"title": None}}).status_code == 200
    assert served.get("/v1/items/old").json()["attributes"] == {"colour": "red"}


def test_an_id_that_comes_twice_is_deleted_once_and_missing_once(served):
    for name in ("a", "b"):
        served.put(f"/v1/items/{name}", json={"title": name})
    ids = ["a", "b", "a", "nowhere", "nowhere"]
    told = served.request("DELETE", "/v1/items", json={"ids": ids}).json()
    assert told == {"removed": 2, "missing": ["nowhere"]}
