"""What must not stay and what must not be said: erased users, keys, users and words in files and logs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from service import LONG, Service, serving

Shop = Callable[..., tuple[Path, str]]


def holding(folder: Path, canaries: list[str]) -> list[str]:
    """Files under a folder with a canary in any of the ways that text is kept in."""
    wanted = [form for canary in canaries for form in (canary.encode(), canary.encode("utf-16-le"))]
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(form in path.read_bytes() for form in wanted)
    ]


def live_a_life(service: Service, user: str, canary: Callable[[str], str]) -> None:
    """A person leaves something in every field that there is."""
    http = service.http
    record = {"attributes": {"city": canary("city"), canary("name"): 1.0, "tags": [canary("tag"), "b"]}}
    assert http.put(f"/v1/users/{user}", json=record).status_code == 200
    assert http.patch(f"/v1/users/{user}", json={"attributes": {"mail": canary("mail")}}).status_code == 200
    slate = service.recommend(
        user, n=5, words=canary("words"), context={"place": canary("place")}, surface="home"
    )["meta"]["slate_id"]
    events = [
        {"user": user, "item": f"i{k}", "event_id": canary("id"), "slate_id": slate,
         "session": canary("session"), "words": canary("review"), "context": {"device": canary("device")}}
        for k in range(5)
    ]  # fmt: skip
    events.append({"user": user, "kind": "search", "words": canary("search"), "event_id": canary("id")})
    answer = http.post("/v1/events", json=events, headers={"idempotency-key": canary("once")})
    assert answer.json()["accepted"] == 6
    service.recommend(user, n=5)
    assert http.get(f"/v1/trace/{slate}").status_code == 200
    assert "zqxcit" in http.get(f"/v1/users/{user}/export").text


def erased(folder: Path, key: str, planted: str = "") -> tuple[list[str], list[str]]:
    """Files that still know somebody: while the service runs, and after its end."""
    made: list[str] = []

    def canary(field: str) -> str:
        made.append(f"zqx{field[:3]}{secrets.token_hex(8)}")
        return made[-1]

    users = [canary("user") for _ in range(20 if LONG else 3)]
    with serving(folder, key, planted=planted, slate_days=0) as service:
        for user in users:
            live_a_life(service, user, canary)
        service.http.get("/v1/users", params={"limit": 1000})
        for user in users:
            assert service.http.delete(f"/v1/users/{user}").json()["events"] == 6
            assert service.http.get(f"/v1/users/{user}").status_code == 404
            assert not service.http.get(f"/v1/users/{user}/history").json()["events"]
        running = holding(folder, made)
        service.terminate()
        return running, holding(folder, made)


def test_an_erased_user_is_in_no_file_and_no_log(shop: Shop) -> None:
    assert erased(*shop()) == ([], [])


def test_an_erasure_by_halves_is_noticed(shop: Shop) -> None:
    running, _ = erased(*shop(), planted="erases by halves")
    assert any(name.startswith("store.db") for name in running)


# -- logs ----------------------------------------------------------------------------------------------


def odd_requests(service: Service, canary: Callable[[str], str], n: int) -> None:
    """Requests of every kind that a key, a user and words are in, most of which fail."""
    http, base = service.http, str(service.http.base_url)
    for _ in range(n):
        user, words, key = canary("user"), canary("words"), f"zy_live_{canary('key')}{'x' * 20}"
        bodies: list[Any] = [
            {"user": user, "words": words, "n": 5}, {"user": user, "n": "many"}, {"user": user, words: 1},
            {"user": user, "filter": f'{words} = "{words}" and ('}, {"user": user, "history": [words]},
            {"user": user, "what_if": {"add": [{"item": words, "kind": words}]}}, [user], user,
        ]  # fmt: skip
        for body in bodies:
            assert http.post("/v1/recommend", json=body).status_code < 500
        http.get("/v1/recommend", params={"user": user, "words": words, "n": words})
        events = [{"user": user, "item": words, "kind": words}, {"user": user, "item": "i1", "at": words}]
        http.post("/v1/events", json=events)
        http.post("/v1/events", content=f'{{"user": "{user}", "words": "{words}"'.encode())
        http.put(f"/v1/users/{user}", json={"attributes": {words: {"a": words}}})
        http.patch(f"/v1/users/{user}", json={"attributes": {"mail": words}})
        for path in ("", "/history", "/export", "/no-such-thing"):
            http.get(f"/v1/users/{user}{path}")
        http.delete(f"/v1/users/{user}")
        http.get(f"/{user}/{words}?{words}={user}")
        http.request("BREW", f"/v1/users/{user}", headers={"x-request-id": f"{user} {words}"})
        http.get("/v1/trace/" + words, headers={"accept-language": words, "cookie": words})
        for header in (f"Bearer {key}", key, f"Basic {key}", f"Bearer {service.key[:-1]}"):
            httpx.get(f"{base}/v1/users/{user}", headers={"authorization": header})
        httpx.get(f"http://{key}:{words}@127.0.0.1:{service.port}/v1/keys")
        http.post("/v1/explain", json={"user": user, "items": [words], "words": words})
        http.get("/v1/similar/" + words)


def told(folder: Path, key: str, planted: str = "") -> list[str]:
    """Canaries and keys that the log or the metrics name."""
    made: list[str] = []

    def canary(field: str) -> str:
        made.append(f"zqx{field[:3]}{secrets.token_hex(8)}")
        return made[-1]

    with serving(folder, key, planted=planted, log_level="debug", failed_keys_per_minute=10_000) as service:
        fresh = service.http.post("/v1/keys", json={"name": "log", "scopes": ["read"]}).json()["secret"]
        odd_requests(service, canary, 25 if LONG else 4)
        pages = service.http.get("/metrics").text + service.http.get("/v1/audit").text
        assert service.terminate() == 0
        said = service.log.replace(key, "", 1) if "shown this once" in service.log else service.log
        return [one for one in [*made, fresh, key] if one in said or one in pages]


def test_no_key_user_or_word_is_logged(shop: Shop) -> None:
    assert told(*shop()) == []


@pytest.mark.parametrize("planted", ["logs paths", "logs keys"])
def test_a_log_that_says_too_much_is_noticed(shop: Shop, planted: str) -> None:
    assert told(*shop(), planted=planted)
