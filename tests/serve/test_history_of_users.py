"""What a user did is told with the ids that were sent, whatever the catalogue knows."""

from __future__ import annotations

from small_project import make_project, serving


def test_events_of_items_that_nobody_described_keep_their_ids(tmp_path):
    with serving(make_project(tmp_path / "shop")) as (client, _):
        sent = [
            {"user": "new", "item": "strange/1", "kind": "purchase", "value": 3.0},
            {"user": "new", "item": "i3"},
            {"user": "new", "kind": "search", "words": "red"},
        ]
        assert client.post("/v1/events", json=sent).json()["accepted"] == 3
        lines = client.get("/v1/users/new/history").json()["events"]
        assert [(line["kind"], line["item"], line["title"]) for line in lines] == [
            ("search", "", ""), ("click", "i3", "blue kettle 3"), ("purchase", "strange/1", ""),
        ]  # fmt: skip
        assert lines[2]["value"] == 3.0


def test_the_page_behind_a_ranking_is_refused_in_words(tmp_path):
    with serving(make_project(tmp_path / "shop")) as (client, _):
        asked = {"user": "u1", "items": ["i1", "i3", "i5"], "n": 2}
        meta = client.post("/v1/rank", json=asked).json()["meta"]
        assert meta["next_cursor"] == ""
        problem = client.post("/v1/recommend", json={"cursor": f"{meta['slate_id']}.2"}).json()
        assert (problem["code"], problem["path"]) == ("invalid_value", "$.cursor")
        assert "one page" in problem["detail"]
