"""An opt-out ends when somebody says so, and not because a record is written again."""

from __future__ import annotations

import pytest
from small_project import make_project, serving

from zhiyin.errors import StoreError
from zhiyin.serve import catalogue


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("people") / "shop")) as (client, _):
        yield client


def record(served, name):
    return served.get(f"/v1/users/{name}").json()


def many(users):
    return lambda name, body: ("/v1/users", [{"id": "other"}, {"id": name, **body}, *users])


WAYS = {
    "one": lambda name, body: (f"/v1/users/{name}", body),
    "one in a list's place": lambda name, body: ("/v1/users", {"id": name, **body}),
    "many": many([]),
    "many, some of which say it": many([{"id": "third", "personalise": True}]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_putting_a_user_keeps_what_was_said(served, way):
    def put(body):
        path, whole = way("ann", body)
        answer = served.put(path, json=whole)
        assert answer.status_code == 200
        assert answer.json()["written"] == (len(whole) if isinstance(whole, list) else 1)

    put({"personalise": True})
    served.patch("/v1/users/ann", json={"personalise": False, "attributes": {"old": 1}})
    put({"attributes": {"city": "Wuhan"}})
    kept = record(served, "ann")
    assert kept["personalise"] is False and kept["attributes"] == {"city": "Wuhan"}, "attributes are replaced"
    put({"attributes": {}, "personalise": None})
    assert record(served, "ann")["personalise"] is False
    put({"personalise": True})
    assert record(served, "ann").get("personalise", True)
    put({"personalise": False})
    assert record(served, "ann")["personalise"] is False
    put({"personalise": True})


def test_a_new_user_is_personalised(served):
    served.put("/v1/users/new", json={"attributes": {"city": "Wuhan"}})
    served.put("/v1/users", json=[{"id": "newer"}])
    assert record(served, "new").get("personalise", True) and record(served, "newer").get("personalise", True)


def test_an_opt_out_holds_in_the_next_answer(served):
    past = [line["item"] for line in served.get("/v1/users/u3/history").json()["events"]]
    served.patch("/v1/users/u3", json={"personalise": False})
    served.put("/v1/users", json=[{"id": f"u{k}", "attributes": {"synced": 1}} for k in range(10)])
    answer = served.post("/v1/recommend", json={"user": "u3", "n": 40}).json()
    stranger = served.post("/v1/recommend", json={"n": 40}).json()
    assert past and [line["id"] for line in answer["items"]] == [line["id"] for line in stranger["items"]]


def test_a_fault_in_one_of_many_writes_none(served):
    body = [{"id": "first"}, {"id": "second", "attributes": {str(k): 1 for k in range(101)}}]
    assert served.put("/v1/users", json=body).status_code == 422
    assert served.get("/v1/users/first").status_code == 404


def test_a_fault_while_many_are_written_writes_none(served, monkeypatch):
    kept = catalogue._replaced

    def replaced(given, old):
        if given.id == "worst":
            raise StoreError("the disk is full")
        return kept(given, old)

    monkeypatch.setattr(catalogue, "_replaced", replaced)
    assert served.put("/v1/users", json=[{"id": "better"}, {"id": "worst"}]).status_code == 507
    assert served.get("/v1/users/better").status_code == 404
