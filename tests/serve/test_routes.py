"""Every route, asked by every kind of key; and what each of them answers to real requests."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from asked import ASKED
from service import eventually
from small_project import START, Clock, make_project, serving

from zhiyin.serve.routes import ROUTES

SHOP = "https://shop.example"
"""The page that the owner has named: where a widget may stand."""
SCOPES = ("read", "ingest", "admin", "erase", "widget")
MAY = {
    "": {"none", *SCOPES},
    "read": {"read", "admin"},
    "ingest": {"ingest", "admin"},
    "admin": {"admin"},
    "erase": {"erase"},
    "widget": {"widget", "admin"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def served(project):
    with serving(project, failed_keys_per_minute=10_000, cors_origins=[SHOP]) as (client, _):
        yield client


@pytest.fixture(scope="module")
def secrets(served):
    """One key of every kind."""
    made = {
        scope: served.post("/v1/keys", json={"name": f"matrix {scope}", "scopes": [scope]}).json()
        for scope in SCOPES
    }
    expired = served.post("/v1/keys", json={"name": "old", "scopes": ["admin", "erase"], "days": 1e-9}).json()
    revoked = served.post("/v1/keys", json={"name": "gone", "scopes": ["admin", "erase"]}).json()
    assert served.delete(f"/v1/keys/{revoked['id']}").status_code == 204
    wrong = revoked["secret"][:-12] + "000000000000"
    served.app.state.ground.now.at += 1
    return {
        "none": "", "wrong": wrong, "expired": expired["secret"], "revoked": revoked["secret"],
        **{scope: key["secret"] for scope, key in made.items()},
    }  # fmt: skip


def test_the_table_names_every_route():
    assert {(route.method, route.path) for route in ROUTES} == set(ASKED)


@pytest.mark.parametrize("kind", ["none", "wrong", "expired", "revoked", *SCOPES])
@pytest.mark.parametrize(("method", "path"), sorted(ASKED), ids=lambda part: part)
def test_who_may_ask_what(served, secrets, method, path, kind):
    where = path.replace("{item:path}", "nobody").replace("{user:path}", "nobody")
    where = where.replace("{slate_id}", "none").replace("{key_id}", "none")
    where = where.replace("{job}", "none").replace("{upload}", "none")
    secret = secrets[kind]
    headers = {"authorization": f"Bearer {secret}" if secret else ""}
    scope = ASKED[method, path]
    if scope == "widget":
        headers["origin"] = SHOP
    status = served.request(method, where, headers=headers, content=b"{").status_code
    if kind in MAY[scope]:
        assert status not in (401, 403)
    else:
        assert status == (403 if kind in SCOPES else 401)


@pytest.mark.parametrize(
    "path",
    ["/metrics/", "//metrics", "/METRICS", "/metrics;x", "/metrics/.", "/health/../metrics",
     "/%6detrics%2f", "/health/live/../../metrics", "/v1//keys", "/v1/keys/", "/V1/keys", "/v1/./keys",
     "/v1/keys%00", "/static/../metrics"],
)  # fmt: skip
def test_no_spelling_of_a_path_opens_a_door(served, path):
    answer = served.get(path, headers={"authorization": ""})
    assert answer.status_code in (401, 404) or answer.headers["location"] == "/console/"
    assert "zhiyin_" not in answer.text and "key_" not in answer.text


# -- lists -------------------------------------------------------------------------------------------


def sides(answer):
    return [int(line["id"][1:]) % 2 for line in answer["items"]]


def test_a_user_gets_what_suits_him_with_reasons(served):
    answer = served.post("/v1/recommend", json={"user": "u1", "n": 5}).json()
    assert sides(answer) == [1] * 5
    assert all(line["reasons"] and line["sources"] for line in answer["items"])
    assert answer["meta"]["slate_id"] and not answer["meta"]["degraded"]


def test_get_and_post_say_the_same(served):
    asked = {"user": "u2", "n": 4, "exclude": ["i0", "i2"], "filter": "price > 10"}
    posted = served.post("/v1/recommend", json=asked)
    got = served.get("/v1/recommend", params=asked)
    assert posted.json()["items"] == got.json()["items"] != []


def test_an_event_changes_the_next_list(served):
    before = served.post("/v1/recommend", json={"user": "stranger", "n": 5}).json()
    sent = [{"user": "stranger", "item": f"i{i}", "kind": "like"} for i in (1, 3, 5)]
    assert served.post("/v1/events", json=sent).json()["accepted"] == 3
    after = served.post("/v1/recommend", json={"user": "stranger", "n": 5}).json()
    assert sides(after) == [1] * 5 and after["items"] != before["items"]
    assert not {"i1", "i3", "i5"} & {line["id"] for line in after["items"]}


def test_a_visitor_without_a_name_has_a_history_too(served):
    served.post("/v1/events", json={"session": "s-9", "item": "i4", "kind": "click"})
    answer = served.post("/v1/recommend", json={"session": "s-9", "n": 4}).json()
    assert sides(answer) == [0] * 4


def test_pages_do_not_overlap_and_stay_as_they_were(served):
    first = served.post("/v1/recommend", json={"user": "u3", "n": 6}).json()
    served.post("/v1/events", json={"user": "u3", "item": first["items"][0]["id"]})
    second = served.get("/v1/recommend", params={"cursor": first["meta"]["next_cursor"]}).json()
    again = served.get("/v1/recommend", params={"cursor": first["meta"]["next_cursor"]}).json()
    ids = [line["id"] for line in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == 12
    assert [line["rank"] for line in second["items"]] == list(range(7, 13))
    assert second["items"] == again["items"]
    assert any(line["reasons"] for line in second["items"])


def test_a_trace_shows_the_decision_as_it_was(served):
    answer = served.post("/v1/recommend", json={"user": "u4", "n": 3, "surface": "home"}).json()
    trace = served.get(f"/v1/trace/{answer['meta']['slate_id']}").json()
    assert [line["id"] for line in trace["shown"][:3]] == [line["id"] for line in answer["items"]]
    assert [stage["name"] for stage in trace["stages"]][:2] == ["retrieve", "rank"]
    assert len(trace["features"]) == 3 and "kernel.score" in trace["features"][0]
    assert trace["surface"] == "home" and trace["request"]["n"] == 3


def test_a_question_about_another_past_leaves_no_mark(served):
    asked = {"user": "u5", "n": 4, "what_if": {"add": [{"item": "i0"}, {"item": "i2"}], "remove": ["i1"]}}
    answer = served.post("/v1/recommend", json=asked).json()
    assert answer["meta"]["slate_id"] == ""
    assert "i2" not in [line["id"] for line in answer["items"]]
    history = served.get("/v1/users/u5/history").json()["events"]
    assert not {"i0", "i2"} & {event["item"] for event in history}


def test_rules_hold(served):
    ground = served.app.state.ground  # what chance falls on goes by counts: those of all events so far
    assert eventually(lambda: ground.live.serving.seq >= ground.store.last_seq())
    asked = {
        "user": "u1", "n": 6, "pins": [{"item": "i8", "position": 2}],
        "caps": [{"attribute": "side", "at_most": 3}], "boosts": [{"filter": "price < 20", "by": 5}],
        "exploration": {"method": "thompson", "slots": 1}, "seed": 7,
    }  # fmt: skip
    answer = served.post("/v1/recommend", json=asked).json()
    assert answer["items"][1]["id"] == "i8"
    assert answer["items"] == served.post("/v1/recommend", json=asked).json()["items"]
    assert 0 < min(line["propensity"] for line in answer["items"]) < 1
    trace = served.get(f"/v1/trace/{answer['meta']['slate_id']}").json()
    stages = {stage["name"] for stage in trace["stages"]}
    assert {"CapReranker", "BoostReranker", "PinReranker", "ThompsonReranker"} <= stages


def test_brought_candidates_are_all_ranked(served):
    ids = ["i1", "i2", "i7", "i8", "nothing"]
    answer = served.post("/v1/rank", json={"user": "u1", "items": ids}).json()
    assert {line["id"] for line in answer["items"]} == {"i1", "i2", "i7", "i8"}
    assert sides(answer)[:2] == [1, 1]
    assert "nothing" in answer["meta"]["warnings"][0]


def test_similar_and_explain(served):
    similar = served.get("/v1/similar/i6", params={"n": 5}).json()
    assert sides(similar) == [0] * 5
    explained = served.post("/v1/explain", json={"user": "u1", "items": ["i7", "i9"]}).json()
    assert [line["id"] for line in explained["items"]] == ["i7", "i9"]
    assert explained["items"][0]["reasons"]


def test_why_an_item_is_not_in_the_list(served):
    listed = served.post("/v1/recommend", json={"user": "u1", "n": 3, "dry_run": True}).json()["items"]
    shown, asked = [line["id"] for line in listed], {"user": "u1", "n": 3}
    first = served.post("/v1/why-not", json={**asked, "item": shown[0]}).json()
    assert (first["stage"], first["place"]) == ("listed", 1)
    out = served.post("/v1/why-not", json={**asked, "item": shown[0], "exclude": [shown[0]]}).json()
    assert out["stage"] == "excluded" and out["changes"]
    filtered = served.post("/v1/why-not", json={**asked, "item": shown[0], "filter": "side = even"}).json()
    assert filtered["stage"] == "filter" and "side = even" in filtered["text"]
    pins = [{"item": "i7", "position": 3}]
    moved = served.post("/v1/why-not", json={**asked, "item": shown[2], "pins": pins, "locale": "zh"}).json()
    assert moved["stage"] in ("policy", "listed")
    assert served.post("/v1/why-not", json={**asked, "item": "nothing"}).json()["stage"] == "unknown"


def test_words_find_items_for_a_stranger(served):
    answer = served.post("/v1/recommend", json={"words": "kettle", "n": 3}).json()
    assert sides(answer) == [1, 1, 1]


def test_a_browser_gets_a_page_without_scripts(served):
    page = served.get("/v1/recommend", params={"user": "u1"}, headers={"accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "blue kettle" in page.text and "<script" not in page.text


def test_what_was_deleted_is_in_no_list(tmp_path):
    with serving(make_project(tmp_path)) as (client, _):
        first = client.post("/v1/recommend", json={"user": "u3", "n": 6}).json()
        cursor = {"cursor": first["meta"]["next_cursor"]}
        second = [line["id"] for line in client.get("/v1/recommend", params=cursor).json()["items"]]
        near = [line["id"] for line in client.get("/v1/similar/i6", params={"n": 5}).json()["items"]]
        gone = [second[0], near[0]]
        client.request("DELETE", "/v1/items", json={"ids": sorted(set(gone))})
        wait(lambda: near[0] not in ids_of(client.get("/v1/similar/i6", params={"n": 5})))
        assert ids_of(client.get("/v1/recommend", params=cursor)) == [i for i in second if i not in gone]
        assert client.get(f"/v1/similar/{near[0]}").status_code == 404
        assert near[0] not in ids_of(client.post("/v1/rank", json={"user": "u1", "items": [near[0], "i1"]}))


def ids_of(answer):
    return [line["id"] for line in answer.json()["items"]]


def test_a_supposed_event_takes_its_place_by_time(served):
    """The newest event says most: what is supposed to be old must not stand as the newest."""
    pair = [{"item": "i1", "at": START + 9e4}, {"item": "i0", "at": START}]
    asked = {"history": [], "n": 6, "what_if": {"add": pair}}
    turned = {"history": [], "n": 6, "what_if": {"add": pair[::-1]}}
    assert ids_of(served.post("/v1/recommend", json=asked)) == ids_of(
        served.post("/v1/recommend", json=turned)
    )


# -- events ------------------------------------------------------------------------------------------


def test_each_event_of_a_batch_has_its_own_answer(served):
    lines = [
        {"user": "b1", "item": "i1", "event_id": "once"},
        {"user": "b1", "item": "i1", "event_id": "once"},
        {"user": "b1", "item": "i1", "kind": "clik"},
        {"user": "b1", "item": "i1", "at": 1_700_000_000_000},
        {"user": "b1", "kind": "search", "words": "red"},
        {"user": "b1", "item": "x" * 513},
    ]
    body = "\n".join(json.dumps(line) for line in lines) + "\n{not json\n"
    answer = served.post("/v1/events", content=body, headers={"content-type": "application/x-ndjson"}).json()
    assert [result["status"] for result in answer["results"]] == [
        "accepted", "duplicate", "rejected", "rejected", "accepted", "rejected", "rejected",
    ]  # fmt: skip
    assert answer["results"][0]["seq"] == answer["results"][1]["seq"]
    assert answer["results"][2]["path"] == "$[2].kind" and "click" in answer["results"][2]["detail"]
    assert "milliseconds" in answer["results"][3]["detail"]
    assert len(served.get("/v1/users/b1/export").json()["events"]) == 2


def test_an_idempotency_key_gives_the_same_answer_without_writing_again(served):
    sent = {"user": "b2", "item": "i1"}
    first = served.post("/v1/events", json=sent, headers={"idempotency-key": "k1"})
    again = served.post("/v1/events", json=sent, headers={"idempotency-key": "k1"})
    other = served.post("/v1/events", json={**sent, "item": "i2"}, headers={"idempotency-key": "k1"})
    assert first.json() == again.json() and again.headers["idempotent-replay"] == "true"
    assert other.status_code == 409
    assert len(served.get("/v1/users/b2/export").json()["events"]) == 1


def test_impressions_and_clicks_are_counted_by_item(served):
    slate = served.post("/v1/recommend", json={"user": "u7", "n": 2}).json()
    name, ids = slate["meta"]["slate_id"], [line["id"] for line in slate["items"]]
    sent = [{"user": "u7", "item": i, "kind": "impression", "slate_id": name} for i in ids]
    served.post("/v1/events", json=[*sent, {"user": "u7", "item": ids[0], "slate_id": name}])
    ground = served.app.state.ground
    keys = ground.live.serving.key_of_code[ground.live.serving.recommender.items_.ids.codes(ids)]
    counters = ground.live.counters
    wait(lambda: len(counters) > keys.max() and counters.clicked_[keys].sum() > 0)
    wait(lambda: counters.shown_[keys].tolist() == [1, 1])
    assert counters.clicked_[keys].tolist() == [1, 0]
    history = served.get("/v1/users/u7/history").json()["events"]
    assert "impression" not in {event["kind"] for event in history}


def wait(condition, seconds=10.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


# -- items and users ---------------------------------------------------------------------------------


def test_an_item_lives_from_put_to_delete(served):
    item = {"title": "red shoes of silk", "attributes": {"side": "red shoes", "price": 5}}
    assert served.put("/v1/items/silk%2F1", json=item).json()["written"] == 1
    assert served.get("/v1/items/silk%2F1").json()["title"] == "red shoes of silk"
    wait(lambda: "silk/1" in found(served, "silk"))
    served.patch("/v1/items/silk%2F1", json={"attributes": {"price": None, "colour": "red"}})
    assert served.get("/v1/items/silk%2F1").json()["attributes"] == {"side": "red shoes", "colour": "red"}
    assert served.delete("/v1/items/silk%2F1").json()["removed"] == 1
    wait(lambda: "silk/1" not in found(served, "silk"))
    assert served.get("/v1/items/silk%2F1").status_code == 404
    assert served.put("/v1/items/silk%2F1", json=item).json()["written"] == 1
    wait(lambda: "silk/1" in found(served, "silk"))


def found(served, words):
    answer = served.post("/v1/recommend", json={"words": words, "n": 3}).json()
    return [line["id"] for line in answer["items"]]


def test_an_unavailable_item_is_known_but_not_proposed(served):
    served.put("/v1/items/hidden", json={"title": "zebra crossing", "available": False})
    served.put("/v1/items/shown", json={"title": "zebra stripes"})
    wait(lambda: "shown" in found(served, "zebra"))
    assert "hidden" not in found(served, "zebra")
    served.patch("/v1/items/hidden", json={"available": True})
    wait(lambda: "hidden" in found(served, "zebra"))


def test_a_list_of_items_goes_from_page_to_page(served):
    ids, after = [], ""
    while True:
        page = served.get("/v1/items", params={"after": after, "limit": 7}).json()
        ids += [item["id"] for item in page["items"]]
        after = page["next"]
        if not after:
            break
    assert ids == sorted(set(ids)) and {f"i{i}" for i in range(40)} <= set(ids)


def test_many_items_are_all_written_or_none(served):
    bad = [{"id": "all-1"}, {"id": "all-2", "attributes": {"x": [1, {}]}}]
    answer = served.put("/v1/items", json=bad)
    assert answer.status_code == 422 and answer.json()["path"].startswith("$[1].attributes")
    assert served.get("/v1/items/all-1").status_code == 404


def test_who_opts_out_gets_the_list_for_strangers(served):
    assert sides(served.post("/v1/recommend", json={"user": "u9", "n": 6}).json()) == [1] * 6
    served.patch("/v1/users/u9", json={"personalise": False})
    answer = served.post("/v1/recommend", json={"user": "u9", "n": 6}).json()
    stranger = served.post("/v1/recommend", json={"n": 6}).json()
    assert [line["id"] for line in answer["items"]] == [line["id"] for line in stranger["items"]]


def test_erasing_needs_its_own_scope_and_leaves_nothing(served, secrets):
    served.put("/v1/users/gone", json={"attributes": {"city": "Xanadu"}})
    served.post("/v1/events", json={"user": "gone", "item": "i1"})
    served.post("/v1/recommend", json={"user": "gone"})
    headers = {"authorization": f"Bearer {secrets['erase']}"}
    receipt = served.delete("/v1/users/gone", headers=headers).json()
    assert receipt["events"] == 1 and "gone" not in json.dumps(receipt)
    assert served.get("/v1/users/gone").status_code == 404
    assert served.get("/v1/users/gone/history").json()["events"] == []
    assert served.get("/v1/audit").json()["rows"]


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "where"),
    [
        ("POST", "/v1/recommend", b"{", 400, "invalid_json", ""),
        ("POST", "/v1/recommend", b"", 400, "invalid_json", "$"),
        ("POST", "/v1/recommend", b'{"n": 0}', 422, "invalid_value", "$.n"),
        ("POST", "/v1/recommend", b'{"n": 999}', 422, "limit_exceeded", "$.n"),
        ("POST", "/v1/recommend", b'{"nn": 1}', 422, "invalid_value", "$"),
        ("POST", "/v1/recommend", b'{"filter": "price <"}', 422, "invalid_filter", "$.filter"),
        (
            "POST",
            "/v1/explain",
            b'{"items": ["i1"], "history": [{"item": "i1", "kind": "ck"}]}',
            422,
            "invalid_value",
            "$.history[0].kind",
        ),
        (
            "POST",
            "/v1/recommend",
            b'{"caps": [{"attribute": "x", "at_most": 1}]}',
            422,
            "invalid_value",
            "$.caps",
        ),
        ("GET", "/v1/recommend?cursor=slate_x.10", None, 422, "invalid_value", "$.cursor"),
        ("GET", "/v1/recommend?n=ten", None, 422, "invalid_value", "$.n"),
        ("GET", "/v1/recommend?nobody=1&n=1", None, 422, "invalid_value", "nobody"),
        ("GET", "/v1/similar/none", None, 404, "not_found", "item"),
        ("GET", "/v1/trace/none", None, 404, "not_found", "slate_id"),
        ("PUT", "/v1/items/a", b'{"id": "b"}', 422, "invalid_value", "$.id"),
        ("GET", "/v1/items?limit=0", None, 422, "invalid_value", "limit"),
        ("POST", "/v1/artefacts/rollback", b"{}", 409, "conflict", "$.to"),
        ("POST", "/v1/keys", b'{"name": "x", "scopes": ["root"]}', 422, "invalid_value", "$.scopes[0]"),
        ("BREW", "/v1/recommend", None, 405, "method_not_allowed", ""),
        ("GET", "/v2", None, 404, "not_found", ""),
    ],
)
def test_a_fault_has_a_code_a_place_and_a_way_out(served, method, path, body, status, code, where):
    answer = served.request(method, path, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["code"] == code and said.get("path", "") == where
    assert said["hint"] and said["request_id"] == answer.headers["x-request-id"]


def test_the_place_of_a_fault_in_a_filter_is_marked(served):
    said = served.post("/v1/recommend", json={"filter": "price < 3 and and"}).json()
    text, caret = said["detail"].splitlines()[-2:]
    assert text[caret.index("^") :].startswith("and")


# -- around ------------------------------------------------------------------------------------------


def test_ready_says_why_not(tmp_path):
    with serving(tmp_path) as (client, made):
        assert made.version == "" and made.first_key
        answer = client.get("/health/ready")
        assert answer.status_code == 503 and "artefact" in answer.json()["reasons"][0]
        assert client.post("/v1/recommend", json={}).json()["code"] == "not_ready"
        assert client.get("/health/live").status_code == 200


def test_metrics_are_those_of_the_requests(served):
    served.post("/v1/recommend", json={"user": "u1"})
    page = served.get("/metrics").text
    assert (
        'zhiyin_http_request_duration_seconds_count{code="200",method="POST",route="/v1/recommend"}' in page
    )
    assert 'zhiyin_recommend_stage_seconds_count{stage="rank"}' in page
    assert "u1" not in page.replace("u1.", "")


def test_the_document_has_every_route_and_its_examples_are_accepted(served):
    document = served.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    asked = {(m.upper(), p) for p, operations in document["paths"].items() for m in operations}
    assert asked == {(r.method, r.path.replace(":path", "")) for r in ROUTES}
    plain = [
        route for route in ROUTES if route.example and "{" not in route.path and route.method != "DELETE"
    ]
    for route in plain:
        headers = {"origin": SHOP} if route.scope == "widget" else {}
        answer = served.request(route.method, route.path, json=route.example, headers=headers)
        expected = (200, 201)
        if "filter" in route.example:  # names attributes that this catalogue has not
            expected = (422,)
        elif route.path == "/v1/widget/events":  # names a list that was never shown
            expected = (404,)
        assert answer.status_code in expected, route


def test_the_service_starts_again_as_it_was(tmp_path):
    project, clock = make_project(tmp_path), Clock()
    with serving(project, clock) as (client, made):
        key = made.first_key
        client.post("/v1/events", json=[{"user": "new", "item": f"i{i}"} for i in (1, 3)])
        client.put("/v1/items/fresh", json={"title": "blue kettle fresh"})
        first = client.post("/v1/recommend", json={"user": "new", "n": 4, "exclude": ["fresh"]}).json()
    with serving(project, clock) as (client, made):
        assert made.first_key == ""
        client.headers["authorization"] = f"Bearer {key}"
        again = client.post("/v1/recommend", json={"user": "new", "n": 4, "exclude": ["fresh"]}).json()
        assert [line["id"] for line in again["items"]] == [line["id"] for line in first["items"]]
        assert "fresh" in found(client, "fresh")
        assert client.get("/v1/users/new/history").json()["events"][0]["at"] >= START
