"""Items that were named and cannot come are told with the reason; the last page says where the order ends."""

from __future__ import annotations

import pytest
from service import eventually
from small_project import make_project, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("left") / "shop")) as (client, _):
        client.patch("/v1/items/i2", json={"available": False})
        client.delete("/v1/items/i4")
        client.app.state.ground.live.step()
        yield client


def warned(served, path="/v1/recommend", **asked):
    body = {"user": "u1", **asked} if path == "/v1/explain" else {"user": "u1", "dry_run": True, **asked}
    answer = served.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["meta"]["warnings"]


def test_included_items_that_are_ruled_out_are_told(served):
    said = warned(served, include=["i6", "i2", "i4", "i8", "i10", "i2"], filter="price != 8", exclude=["i10"])
    assert len(said) == 4 and all("`include`" in one for one in said)
    assert "'i2'" in said[0] and "not available" in said[0]
    assert "'i4'" in said[1] and "deleted" in said[1]
    assert "'i8'" in said[2] and "`filter`" in said[2]
    assert "'i10'" in said[3] and "`exclude`" in said[3]
    assert warned(served, include=["i6"]) == []


def test_many_are_counted(served):
    many = [f"i{k}" for k in range(6, 40)]
    said = warned(served, include=many, filter="price < 0")
    assert len(said) == 6 and said[-1] == f"{len(many) - 5} more items of `include` are no candidates"


@pytest.mark.parametrize("path", ["/v1/rank", "/v1/explain"])
def test_brought_items_that_are_gone_are_told(served, path):
    (first, second) = warned(served, path, items=["i2", "i6", "i4", "i2"])
    assert "'i2'" in first and "'i4'" in second and "not recommended" in first
    assert warned(served, path, items=["i6"]) == []
    (one,) = warned(served, path, items=["strange", "i6"])
    assert "does not know 'strange'" in one


def test_the_last_page_says_that_the_order_was_cut(served, monkeypatch):
    monkeypatch.setattr(served.app.state.ground.service, "depth", 12)
    first = served.post("/v1/recommend", json={"user": "u1", "n": 5, "seen": True}).json()
    pages = [first]
    while cursor := pages[-1]["meta"]["next_cursor"]:
        pages.append(served.get("/v1/recommend", params={"cursor": cursor}).json())
    assert [len(page["items"]) for page in pages] == [5, 5, 2]
    assert [page["meta"]["warnings"] for page in pages[:-1]] == [[], []]
    (said,) = pages[-1]["meta"]["warnings"]
    assert "12 items" in said


def test_the_last_page_says_so_though_its_last_item_is_gone(served, monkeypatch):
    service = served.app.state.ground.service
    monkeypatch.setattr(service, "depth", 12)
    meta = served.post("/v1/recommend", json={"user": "u2", "n": 6, "seen": True}).json()["meta"]
    gone = service.slate(meta["slate_id"]).shown[-1].item
    served.patch(f"/v1/items/{gone}", json={"available": False})
    assert eventually(lambda: not service.serving().proposes(gone))
    page = served.get("/v1/recommend", params={"cursor": meta["next_cursor"]}).json()
    served.patch(f"/v1/items/{gone}", json={"available": True})
    assert [line["rank"] for line in page["items"]] == [7, 8, 9, 10, 11]
    assert "12 items" in page["meta"]["warnings"][0]


def test_the_last_page_of_a_whole_order_says_nothing(served):
    page = served.post("/v1/recommend", json={"user": "u1", "n": 25, "seen": True}).json()
    while cursor := page["meta"]["next_cursor"]:
        page = served.get("/v1/recommend", params={"cursor": cursor}).json()
    assert page["meta"]["warnings"] == [] and page["items"][-1]["rank"] > 25
