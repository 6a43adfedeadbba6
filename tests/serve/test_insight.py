"""The routes behind the pages that look into the service; jobs run as they do in service."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import START, Clock, make_project, serving

from zhiyin.recommender import Recommender
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.serve.jobs.previewing import same_learning, with_parts_of
from zhiyin.testing import checkerboard


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    clock = Clock(time.time())
    with serving(
        make_project(tmp_path_factory.mktemp("shop")), clock, max_upload_bytes=5000, requests_per_s=0
    ) as (client, _):
        yield client


def worked(client, seconds=60.0, **request):
    """A job from its start to its result."""
    job = client.post("/v1/jobs", json=request)
    assert job.status_code == 201, job.text
    return result_of(client, job.json()["id"], seconds)


def result_of(client, name, seconds=60.0):
    until = time.monotonic() + seconds
    while (job := client.get(f"/v1/jobs/{name}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < until, job
        time.sleep(0.05)
    assert job["state"] == "done", job
    return client.get(f"/v1/jobs/{name}/result").json()


# -- map ---------------------------------------------------------------------------------------------


def test_a_map_is_drawn_by_a_job_and_told_in_columns(served):
    assert served.get("/v1/map").json()["drawn"] is False
    made = worked(served, kind="map")
    assert made["items"] == made["placed"] == 40 and made["by"] == "text"
    page = served.get("/v1/map").json()
    columns = [
        page[name] for name in ("ids", "titles", "x", "y", "category", "popularity", "listed", "shown")
    ]
    assert page["drawn"] and {len(column) for column in columns} == {40} and page["next"] == 0
    assert page["attribute"] == "side" and sum(one["items"] for one in page["categories"]) == 40
    assert sum(page["listed"]) == 10 * page["lists"] and max(page["popularity"]) > 0


def test_like_items_lie_together_on_the_map(served):
    page = served.get("/v1/map").json()
    places = {name: (x, y) for name, x, y in zip(page["ids"], page["x"], page["y"])}
    even = [places[f"i{i}"] for i in range(0, 40, 2)]
    odd = [places[f"i{i}"] for i in range(1, 40, 2)]

    def middle(points):
        return [sum(side) / len(points) for side in zip(*points)]

    def spread(points):
        return max(max(side) - min(side) for side in zip(*points))

    apart = max(abs(a - b) for a, b in zip(middle(even), middle(odd)))
    assert apart > 0.5 * max(spread(even), spread(odd))


def test_pages_of_the_map_follow_and_a_newcomer_has_a_place(served):
    served.put("/v1/items/new-shoes", json={"title": "red shoes 7", "attributes": {"side": "red shoes"}})
    until = time.monotonic() + 10
    while "new-shoes" not in (ids := walked(served)):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len(ids) == len(set(ids)) == 41
    page = served.get("/v1/map", params={"limit": 100}).json()
    place = page["ids"].index("new-shoes")
    assert page["x"][place] >= 0 and page["categories"][page["category"][place]]["name"] == "red shoes"


def walked(client):
    ids, after = [], 0
    while True:
        page = client.get("/v1/map", params={"after": after, "limit": 15}).json()
        ids += page["ids"]
        after = page["next"]
        if not after:
            return ids


# -- watching ----------------------------------------------------------------------------------------


def test_the_feed_tells_what_happens_in_order(served):
    first = served.get("/v1/feed", params={"n": 5}).json()
    slate = served.post("/v1/recommend", json={"user": "u1", "n": 3, "surface": "home"}).json()
    name, item = slate["meta"]["slate_id"], slate["items"][0]["id"]
    served.post("/v1/events", json={"user": "u1", "item": item, "slate_id": name, "kind": "click"})
    until = time.monotonic() + 10
    while True:
        page = served.get("/v1/feed", params={"after": first["next"], "since": first["since"]}).json()
        if page["decisions"] or time.monotonic() > until:
            break
    assert [(e["user"], e["item"], e["slate_id"]) for e in page["events"]] == [("u1", item, name)]
    assert page["events"][0]["title"] and page["decisions"][0]["slate_id"] == name
    assert page["decisions"][0]["n"] == 3 and page["decisions"][0]["surface"] == "home"
    again = served.get("/v1/feed", params={"after": page["next"], "since": page["since"]}).json()
    assert again["events"] == again["decisions"] == [] and again["next"] == page["next"]


def test_the_feed_names_nobody_who_was_erased(tmp_path):
    with serving(make_project(tmp_path)) as (client, _):
        client.post("/v1/keys", json={"name": "x", "scopes": ["read"]})
        client.post("/v1/events", json={"user": "gone-girl", "item": "i1"})
        assert "gone-girl" in client.get("/v1/feed").text
        assert client.delete("/v1/users/gone-girl").status_code == 200
        assert "gone-girl" not in client.get("/v1/feed").text


def test_the_status_counts_what_was_asked(served):
    before = served.get("/v1/status").json()
    for _ in range(5):
        served.post("/v1/recommend", json={"user": "u2", "n": 3})
    served.app.state.ground.now.at += 10
    after = served.get("/v1/status", params={"window_s": 60}).json()
    assert after["artefact"] and after["rows"]["items"] >= 40 and after["last_seq"] >= 600
    assert after["lists_per_s"] > 0 and after["latency_ms"]["p95"] > 0
    assert after["counters"]["recommend_degraded"] == before["counters"]["recommend_degraded"]
    assert after["alerts"] == [] or all(alert["code"] for alert in after["alerts"])


# -- jobs --------------------------------------------------------------------------------------------


def test_one_job_at_a_time_and_a_job_can_be_ended(served):
    first = served.post("/v1/jobs", json={"kind": "evaluate"}).json()
    refused = served.post("/v1/jobs", json={"kind": "health"})
    assert refused.status_code == 409 and refused.json()["code"] == "conflict"
    assert served.delete(f"/v1/jobs/{first['id']}").json()["state"] == "cancelled"
    until = time.monotonic() + 20
    while (again := served.post("/v1/jobs", json={"kind": "health"})).status_code == 409:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert result_of(served, again.json()["id"])["interactions"] >= 600
    assert served.get(f"/v1/jobs/{first['id']}").json()["state"] == "cancelled"
    assert served.get(f"/v1/jobs/{first['id']}/result").status_code == 404
    assert [job["kind"] for job in served.get("/v1/jobs", params={"kind": "health"}).json()["jobs"]] == [
        "health"
    ]


def test_a_job_whose_process_is_gone_has_failed(served):
    ground = served.app.state.ground
    folder = ground.places.jobs / "map-0-dead"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(
        json.dumps({"id": "map-0-dead", "kind": "map", "state": "running", "at": START})
    )
    (folder / "pid").write_text("999999999")
    assert served.get("/v1/jobs/map-0-dead").json()["state"] == "failed"


@pytest.mark.parametrize("name", ["..", "../store.db", "map-1/../../x", "MAP", "none"])
def test_no_name_of_a_job_leads_elsewhere(served, name):
    assert served.get(f"/v1/jobs/{name.replace('/', '%2F')}").status_code == 404


def test_health_counts_what_is_there(served):
    found = worked(served, kind="health")
    assert found["items"] >= 40 and found["duplicates"]["same"] == 0
    assert sum(found["days"]["events"]) == found["interactions"]
    assert 0 <= found["gini"] < 1 and found["lorenz"][0] == [0.0, 0.0] and found["lorenz"][-1] == [1.0, 1.0]
    assert {row["name"]: row["share"] for row in found["filled"]}["side"] > 0.9


def test_an_evaluation_is_kept_with_intervals_and_floors(served):
    found = worked(served, kind="evaluate", max_questions=40)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["zhiyin"]["metrics"]["ndcg@10"]["value"] > rows["popular"]["metrics"]["ndcg@10"]["value"]
    assert found["protocol"]["split"] and found["comparisons"] and found["by"]["history"]


def test_a_preview_of_other_numbers_uses_what_was_learnt(served):
    toml = served.get("/v1/pipeline").json()["toml"]
    found = worked(served, kind="preview", toml="n_candidates = 20\n" + toml, users=["u1", "u2"])
    assert found["how"] == "parts" and [one["user"] for one in found["users"]] == ["u1", "u2"]
    assert all(len(one["a"]) == len(one["b"]) == 10 and one["history"] for one in found["users"])


def test_a_preview_in_which_what_was_seen_comes_back(served):
    """Popular alone does not care what was seen: only `repeats` keeps it from coming back."""
    toml = '[retrievers.popular]\ntype = "popular"\n'
    for head, back in (("", False), ("repeats = true\n", True)):
        found = worked(served, kind="preview", toml=head + toml, users=["u1", "u2"])
        for one in found["users"]:
            seen, listed = ({line["id"] for line in one[what]} for what in ("history", "b"))
            assert bool(seen & listed) is back, head


def test_a_preview_with_what_was_learnt_lets_come_back_what_may():
    parts = {"popular": PopularRetriever(), "kernel": KernelRetriever()}
    old = Recommender(retrievers=parts, repeats=True).fit(checkerboard())
    new = Recommender(retrievers=parts, repeats=True, n_candidates=20)
    assert same_learning(old, new)
    for other in ({}, {"repeats": True, "max_questions": 5}, {"repeats": True, "cold_share": 0.2}):
        assert not same_learning(old, Recommender(retrievers=parts, **other)), other
    assert with_parts_of(old, new).repeats and with_parts_of(old, new).n_candidates == 20


def test_a_preview_of_other_parts_fits_them(served):
    toml = '[retrievers.popular]\ntype = "popular"\n'
    found = worked(served, kind="preview", toml=toml, n=5)
    assert found["how"] == "fit" and len(found["users"]) == 5
    assert {one["overlap"] for one in found["users"]} != {1.0}


def test_what_is_published_serves_and_compares_with_what_served(tmp_path):
    clock = Clock(time.time())
    with serving(make_project(tmp_path), clock, requests_per_s=0) as (client, _):
        old = client.get("/v1/artefacts").json()["current"]
        toml = '[retrievers.popular]\ntype = "popular"\n[retrievers.kernel]\ntype = "kernel"\n'
        new = worked(client, kind="publish", toml=toml)["version"]
        assert (tmp_path / "zhiyin.toml").read_text() == toml
        until = time.monotonic() + 20
        while client.get("/v1/artefacts").json()["current"] != new:
            assert time.monotonic() < until
            time.sleep(0.05)
        found = worked(client, kind="compare", artefacts=[old, new], max_questions=30)
        assert not found["same_settings"] and found["measured"]["differences"]["ndcg@10"]["n"] == 30
        assert sum(found["shifts"].values()) == 10 * len(found["lists"])
        judged(client, found)


def judged(client, found):
    """Blind: always for the list of the second artefact, which nothing but its titles gives away."""
    name = client.get("/v1/jobs", params={"kind": "compare"}).json()["jobs"][0]["id"]
    pairs = [one for one in found["lists"] if one["a"] != one["b"]]
    state = client.get(f"/v1/jobs/{name}/judgements").json()
    assert state["of"] == len(pairs) and "tally" in state and state["tally"] is None
    sides = set()
    while state["pair"] is not None:
        pair = state["pair"]
        second = [line["title"] for line in pairs[pair["number"]]["b"]]
        side = "left" if pair["left"] == second else "right"
        sides.add(side)
        body = {"number": pair["number"], "choice": side}
        state = client.post(f"/v1/jobs/{name}/judgements", json=body).json()
    assert sides == {"left", "right"} or len(pairs) < 5
    assert state["tally"]["b"] == len(pairs) and state["tally"]["a"] == 0 and state["tally"]["share_b"] == 1
    back = client.post(f"/v1/jobs/{name}/judgements", json={"number": 0, "choice": "undo"}).json()
    assert back["pair"]["number"] == 0 and back["done"] == len(pairs) - 1


def test_a_pipeline_that_does_not_pass_leaves_the_file_as_it_was(served):
    before = (served.app.state.ground.places.project / "zhiyin.toml").read_text()
    job = served.post("/v1/jobs", json={"kind": "publish", "toml": "n_each = -1\n"}).json()
    until = time.monotonic() + 60
    while (job := served.get(f"/v1/jobs/{job['id']}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert job["state"] == "failed" and job["detail"]
    assert (served.app.state.ground.places.project / "zhiyin.toml").read_text() == before


# -- pipeline ----------------------------------------------------------------------------------------


def test_the_pipeline_is_told_as_text_and_as_parts(served):
    found = served.get("/v1/pipeline").json()
    slots = [(part["slot"], part["type"]) for part in found["parts"]]
    assert found["source"] == "file" and ("retrievers", "kernel") in slots and ("ranker", "boosted") in slots
    assert ("features", "source") in slots and found["serve"]["max_upload_bytes"] == 5000


@pytest.mark.parametrize(
    ("toml", "path", "words"),
    [
        ('[retrievers.x]\ntype = "kernell"\n', "retrievers.x.type", "kernel"),
        ("n_each = [\n", "", "TOML"),
        ('n_each = "many"\n', "n_each", "int"),
        ('[encoder]\ntype = "endpoint"\nbase_url = "http://10.0.0.1/"\n', "encoder.base_url", "machine"),
        ('[encoder]\ntype = "cached"\npath = "/etc/x"\n', "encoder.path", "machine"),
        ("[serve]\nhost = \"0.0.0.0\"\n", "serve.host", "machine"),
        ('[retrievers.x]\ntype = "os:system"\n', "retrievers.x.type", ""),
    ],
)  # fmt: skip
def test_a_faulty_pipeline_is_told_where(served, toml, path, words):
    verdict = served.post("/v1/pipeline/check", json={"toml": toml}).json()
    assert verdict["ok"] is False
    assert any(fault["path"] == path and words in fault["message"] for fault in verdict["faults"]), verdict


def test_the_present_pipeline_passes_its_own_check(served):
    toml = served.get("/v1/pipeline").json()["toml"]
    verdict = served.post("/v1/pipeline/check", json={"toml": toml}).json()
    assert verdict["ok"] and verdict["parts"] == served.get("/v1/pipeline").json()["parts"]


# -- files -------------------------------------------------------------------------------------------

ROWS = "uid,sku,when\n" + "".join(f"w{i % 3},i{i},{1_700_000_000 + i}\n" for i in range(20)) + "w1,,bad\n"


def sent(client, text, name="events.csv", size=100):
    made = client.post("/v1/uploads", params={"name": name}, content=text.encode()[:size])
    assert made.status_code == 201, made.text
    id, body = made.json()["id"], text.encode()
    for offset in range(size, len(body), size):
        for _ in range(2):  # a piece that is sent twice is written once
            answer = client.post(
                f"/v1/uploads/{id}", params={"offset": offset}, content=body[offset : offset + size]
            )
    assert size >= len(body) or answer.json()["size"] == len(body)
    return id


def test_a_file_is_looked_at_tried_and_loaded_once(served):
    id = sent(served, ROWS)
    seen = served.get(f"/v1/uploads/{id}").json()
    assert seen["columns"] == ["uid", "sku", "when"] and seen["rows"][0] == ["w0", "i0", "1700000000"]
    assert seen["events"]["user"] == "uid" and seen["events"]["item"] == "sku"
    mapping = {"user": "uid", "item": "sku", "at": "when"}
    tried = worked(served, kind="import", upload=id, mapping=mapping, dry_run=True)
    assert tried["report"]["n_read"] == 21 and tried["report"]["n_kept"] == 20
    assert any(row["row"] == 22 for one in tried["report"]["findings"] for row in one["rows"])
    assert served.get("/v1/users/w1/history").json()["events"] == []
    done = worked(served, kind="import", upload=id, mapping=mapping)
    assert done["accepted"] == 20
    again = worked(served, kind="import", upload=sent(served, ROWS), mapping=mapping)
    assert again["duplicate"] == 20 and "accepted" not in again
    assert served.get(f"/v1/uploads/{id}").status_code == 404


def test_a_file_of_items_becomes_items(served):
    text = "id,title,genre\nf-1,铁观音,tea\nf-2,Sencha,tea\n"
    made = worked(served, kind="import", holds="items", upload=sent(served, text, "items.csv", 20))
    assert made["written"] == 2
    assert served.get("/v1/items/f-1").json()["title"] == "铁观音"


@pytest.mark.parametrize(
    ("name", "status"), [("x.exe", 422), ("../../x.csv", 201), ("x", 422), ("x.csv\x00.exe", 422)]
)
def test_a_file_has_a_name_of_a_known_kind(served, name, status):
    assert served.post("/v1/uploads", params={"name": name}, content=b"a,b\n").status_code == status


def test_a_file_has_a_limit(served):
    id = served.post("/v1/uploads", params={"name": "x.csv"}, content=b"a" * 4000).json()["id"]
    answer = served.post(f"/v1/uploads/{id}", params={"offset": 4000}, content=b"a" * 2000)
    assert answer.status_code == 422 and "max_upload_bytes" in answer.json()["detail"]
    assert served.get(f"/v1/uploads/{id}").status_code == 404
    assert served.post("/v1/uploads/up_..%2F..", params={"offset": 0}, content=b"").status_code == 404


def test_a_backup_is_made_and_listed(served):
    made = worked(served, kind="backup")
    found = served.get("/v1/backups").json()["backups"]
    assert [one["name"] for one in found] == [made["name"]] and found[0]["bytes"] >= made["bytes"] > 0


def test_erasing_a_person_takes_the_results_that_name_it_along(served):
    toml = served.get("/v1/pipeline").json()["toml"]
    worked(served, kind="preview", toml="n_candidates = 30\n" + toml, users=["u11"])
    jobs = [job["id"] for job in served.get("/v1/jobs", params={"kind": "preview"}).json()["jobs"]]
    key = served.post("/v1/keys", json={"name": "eraser", "scopes": ["erase"]})
    secret = key.json().get("secret", "")
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    assert served.delete("/v1/users/u11", headers=headers).status_code == 200
    left = [job["id"] for job in served.get("/v1/jobs", params={"kind": "preview"}).json()["jobs"]]
    assert set(left) < set(jobs)
