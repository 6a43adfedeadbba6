"""The door: key, then pace, then scope; a stranger's tries cost the stranger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from zhiyin.serve.access import Access, issue_key
from zhiyin.serve.gate import Gate
from zhiyin.serve.problems import Problem
from zhiyin.serve.settings import ServeSettings
from zhiyin.store.sqlite_store import SqliteStore

PEPPER = b"p" * 32


class Limited:
    def __init__(self) -> None:
        self.kinds: list[str] = []

    def rate_limited(self, kind: str) -> None:
        self.kinds.append(kind)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "store.db", pepper=PEPPER)
    yield opened
    opened.close()


def gate_of(store: SqliteStore, **settings: Any) -> Gate:
    access = Access(store=store, pepper=PEPPER, now=lambda: 1e9)
    return Gate(access=access, settings=ServeSettings.read(settings), now=lambda: 1e9, counts=Limited())


def request(secret: str = "", address: str = "192.0.2.1") -> Request:
    headers = [(b"authorization", f"Bearer {secret}".encode())] if secret else []
    return Request(
        {"type": "http", "method": "GET", "path": "/", "headers": headers, "zhiyin.address": address}
    )


def key(store: SqliteStore, *scopes: str) -> str:
    return issue_key(store, PEPPER, name="-".join(scopes), scopes=scopes, at=1e9, actor="test")[0]


def code_of(gate: Gate, asking: Request, scope: str) -> str:
    with pytest.raises(Problem) as raised:
        gate.enter(asking, scope)
    return raised.value.code


def test_scope_decides_and_the_headers_tell_the_pace(store: SqliteStore) -> None:
    gate, asking = gate_of(store), request(key(store, "read"))
    grant = gate.enter(asking, "read")
    assert asking.scope["zhiyin.key"] == grant.key_id
    assert "ratelimit" in asking.scope["zhiyin.headers"]
    assert code_of(gate, asking, "ingest") == "forbidden"
    assert code_of(gate, request(), "read") == "unauthenticated"


def test_each_key_has_its_own_pace(store: SqliteStore) -> None:
    gate = gate_of(store, requests_per_s=1, requests_burst=2)
    busy, calm = key(store, "read"), key(store, "ingest")
    for _ in range(2):
        gate.enter(request(busy), "read")
    assert code_of(gate, request(busy), "read") == "rate_limited"
    gate.enter(request(calm), "ingest")
    assert gate.counts is not None and gate.counts.kinds == ["key"]  # type: ignore[attr-defined]


def test_a_stranger_who_hammers_is_slowed_and_a_key_from_the_same_address_is_not(store: SqliteStore) -> None:
    gate = gate_of(store, anonymous_per_s=1, anonymous_burst=3)
    codes = [code_of(gate, request(), "read") for _ in range(5)]
    assert codes == ["unauthenticated"] * 3 + ["rate_limited"] * 2
    with pytest.raises(Problem, match="rate_limited"):
        gate.anonymous(request())
    gate.anonymous(request(address="192.0.2.2"))
    gate.enter(request(key(store, "read")), "read")


def test_events_have_an_allowance_of_their_own(store: SqliteStore) -> None:
    gate, asking = gate_of(store, events_per_s=1, events_burst=100), request(key(store, "ingest"))
    grant = gate.enter(asking, "ingest")
    gate.count_events(asking, grant, 90)
    with pytest.raises(Problem, match="rate_limited"):
        gate.count_events(asking, grant, 20)
    gate.count_events(asking, grant, 10)
