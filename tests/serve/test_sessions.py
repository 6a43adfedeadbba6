"""Sessions of browsers: the cookie opens what its key opens, a page elsewhere can do nothing with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import Client, Clock, make_project, serving
from test_routes import ASKED, MAY, SCOPES, SHOP

from zhiyin.serve.sessions import LINK_S, make_link

CHANGES = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    shop = make_project(tmp_path_factory.mktemp("shop"))
    with serving(shop, failed_keys_per_minute=10_000, cors_origins=[SHOP]) as (client, _):
        yield client


def browser(served, **headers):
    """The same application without the key, as a browser of its own sees it."""
    made = Client.__new__(Client)
    super(Client, made).__init__(transport=served._transport, base_url="http://service", headers=headers)
    made.app = served.app
    return made


def key_of(served, *scopes):
    name = "for sessions " + " ".join(scopes)
    for old in served.get("/v1/keys").json()["keys"]:
        if old["name"] == name and old["revoked_at"] is None:
            served.delete(f"/v1/keys/{old['id']}")
    return served.post("/v1/keys", json={"name": name, "scopes": list(scopes)}).json()


def signed_in(served, *scopes):
    """A browser with a session, and its CSRF token."""
    made = browser(served)
    state = made.post("/v1/session", json={"key": key_of(served, *scopes)["secret"]}).json()
    assert state["signed_in"] and state["scopes"] == sorted(scopes)
    return made, state["csrf"]


@pytest.mark.parametrize("kind", SCOPES)
@pytest.mark.parametrize(("method", "path"), sorted(ASKED), ids=lambda part: part)
def test_a_session_may_what_its_key_may_and_changes_need_the_token(served, method, path, kind):
    where = path.replace("{item:path}", "nobody").replace("{user:path}", "nobody")
    where = where.replace("{slate_id}", "none").replace("{key_id}", "none")
    made, csrf = signed_in(served, kind)
    scope = ASKED[method, path]
    allowed = kind in MAY[scope]
    headers = {"x-csrf-token": csrf} | ({"origin": SHOP} if scope == "widget" else {})
    status = made.request(method, where, headers=headers, content=b"{").status_code
    assert status not in (401, 403) if allowed else status == 403
    if method in CHANGES and scope:
        for token in ("", "wrong", csrf[:-1]):
            refused = made.request(method, where, headers={"x-csrf-token": token}, content=b"{")
            assert refused.status_code == 403


def test_the_cookie_is_for_this_site_alone_and_no_script_sees_it(served):
    made = browser(served)
    answer = made.post("/v1/session", json={"key": key_of(served, "read")["secret"]})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
    assert "secure" not in cookie, "this is plain HTTP on loopback"
    value = answer.cookies["zhiyin_session"]
    assert value not in answer.text


def test_a_session_is_no_key_and_a_key_no_session(served):
    made, _ = signed_in(served, "read")
    secret = made.cookies["zhiyin_session"]
    assert browser(served, authorization=f"Bearer {secret}").get("/v1/items").status_code == 401
    key = key_of(served, "read")["secret"]
    other = browser(served)
    other.cookies.set("zhiyin_session", key)
    assert other.get("/v1/items").status_code == 401
    assert browser(served).post("/v1/session", json={"key": secret}).status_code == 401


def test_a_revoked_key_ends_its_sessions(served):
    made = browser(served)
    key = key_of(served, "read")
    made.post("/v1/session", json={"key": key["secret"]})
    assert made.get("/v1/items").status_code == 200
    served.delete(f"/v1/keys/{key['id']}")
    assert made.get("/v1/items").status_code == 401
    assert made.get("/v1/session").json()["signed_in"] is False


def test_a_session_expires(tmp_path):
    clock = Clock()
    with serving(make_project(tmp_path), clock, session_hours=1.0) as (client, found):
        made = browser(client)
        made.post("/v1/session", json={"key": found.first_key})
        clock.at += 3599
        assert made.get("/v1/items").status_code == 200
        clock.at += 2
        assert made.get("/v1/items").status_code == 401


def test_sign_out_ends_the_session_for_who_has_copied_the_cookie(served):
    made, csrf = signed_in(served, "read")
    copy = browser(served)
    copy.cookies.set("zhiyin_session", made.cookies["zhiyin_session"])
    assert copy.get("/v1/items").status_code == 200
    assert copy.delete("/v1/session").status_code == 403, "without the token nobody signs others out"
    assert made.delete("/v1/session", headers={"x-csrf-token": csrf}).status_code == 204
    assert copy.get("/v1/items").status_code == 401
    assert made.delete("/v1/session").status_code == 204, "signed out already"


def test_a_link_signs_in_once_and_not_for_long(served):
    ground = served.app.state.ground

    def link():
        made = make_link(ground.store, ground.pepper, at=ground.now())
        ground.access.forget()
        return made

    secret = link()
    first, second = browser(served), browser(served)
    assert first.post("/v1/session", json={"link": secret}).json()["scopes"] == ["admin", "erase"]
    assert second.post("/v1/session", json={"link": secret}).status_code == 401
    assert first.get("/v1/keys").status_code == 200, "the link is spent, its session goes on"
    late = link()
    assert browser(served, authorization=f"Bearer {late}").get("/v1/items").status_code == 401
    ground.now.at += LINK_S + 1
    assert second.post("/v1/session", json={"link": late}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://elsewhere.example"},
    ],
)
def test_no_other_site_signs_a_visitor_in(served, headers):
    key = key_of(served, "read")["secret"]
    answer = browser(served).post("/v1/session", json={"key": key}, headers=headers)
    assert answer.status_code == 403 and answer.json()["code"] == "origin_refused"
    assert "set-cookie" not in answer.headers


def test_wrong_secrets_count_as_wrong_keys(tmp_path):
    with serving(make_project(tmp_path), failed_keys_per_minute=5) as (client, _):
        made = browser(client)
        codes = [made.post("/v1/session", json={"key": "zy_live_nothing"}).json()["code"] for _ in range(7)]
        assert codes == ["unauthenticated"] * 5 + ["too_many_tries"] * 2


def test_the_audit_says_who_by_the_key_behind_the_session(served):
    key = key_of(served, "admin")
    made = browser(served)
    csrf = made.post("/v1/session", json={"key": key["secret"]}).json()["csrf"]
    made.post("/v1/keys", json={"name": "made by hand", "scopes": ["read"]}, headers={"x-csrf-token": csrf})
    rows = served.get("/v1/audit", params={"limit": 1000}).json()["rows"]
    assert [row["actor"] for row in rows if row["action"] == "key.add"][-2:] == [key["id"]] * 2


def test_ended_sessions_leave_no_row_and_the_number_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("zhiyin.store.ledger.MOST_SESSIONS", 5)
    clock = Clock()
    with serving(make_project(tmp_path), clock) as (client, found):
        made = [browser(client) for _ in range(7)]
        for one in made:
            clock.at += 1
            one.post("/v1/session", json={"key": found.first_key})
        kinds = [key["kind"] for key in client.get("/v1/keys").json()["keys"]]
        assert kinds.count("session") == 5
        clock.at += 1
        assert [one.get("/v1/items").status_code for one in made] == [401, 401, 200, 200, 200, 200, 200]
        clock.at += 13 * 3600
        made[0].post("/v1/session", json={"key": found.first_key})
        kinds = [key["kind"] for key in client.get("/v1/keys").json()["keys"]]
        assert kinds.count("session") == 1


def test_the_rate_of_a_session_is_that_of_its_key(tmp_path):
    with serving(make_project(tmp_path), requests_per_s=1.0, requests_burst=6) as (client, found):
        made = browser(client)
        made.post("/v1/session", json={"key": found.first_key})
        together = [
            (client if turn % 2 else made).get("/v1/items", params={"limit": 1}).status_code
            for turn in range(8)
        ]
        assert together == [200] * 6 + [429] * 2


def test_pages_are_for_everybody_and_what_they_show_is_not(served):
    stranger = browser(served)
    page = stranger.get("/console/try?user=u1")
    assert page.status_code == 200 and "u1" not in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert stranger.get("/", follow_redirects=False).headers["location"] == "/console/"
    script = page.text.split('type="module" src="')[1].split('"')[0]
    answer = stranger.get(script, headers={"accept-encoding": "identity"})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    for escape in ("..%2fpage.html", "..%2f..%2f__init__.py", "page.html", "frame.strings.json"):
        assert stranger.get(f"{script.rpartition('/')[0]}/{escape}").status_code == 404


def test_without_the_console_there_is_none(tmp_path):
    with serving(make_project(tmp_path), console=False) as (client, _):
        assert client.get("/console/").status_code == 404


def test_an_origin_that_cannot_be_read_is_a_foreign_one(served):
    answer = served.post("/v1/session", json={"key": "x"}, headers={"origin": "http://["})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
