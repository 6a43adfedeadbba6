"""A key that another worker has made a moment ago enters at once; wrong keys cannot make the store work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from service import serving

from zhiyin.serve.access import ANEW_BURST, ANEW_S, Access, issue_key, make_key
from zhiyin.serve.problems import Problem
from zhiyin.store.sqlite_store import SqliteStore

PEPPER = b"p" * 32
Shop = Callable[..., tuple[Path, str]]
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    def __init__(self) -> None:
        self.at = 1e9

    def __call__(self) -> float:
        return self.at


class Worker:
    """Keys as one worker knows them, and how often it has read them from the store."""

    def __init__(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.n_reads, kept = Clock(), 0, store.keys

        def keys() -> object:
            self.n_reads += 1
            return kept()

        monkeypatch.setattr(store, "keys", keys)
        self.access = Access(store=store, pepper=PEPPER, now=self.clock, tries_per_minute=10)

    def code(self, secret: str, address: str = HERE, *, after_s: float = 0.001) -> str:
        """What becomes of a key a moment later."""
        self.clock.at += after_s
        try:
            self.access.enter(f"Bearer {secret}", address=address)
        except Problem as problem:
            return problem.code
        return "enters"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[SqliteStore, SqliteStore]]:
    both = [SqliteStore.open(tmp_path / "store.db", pepper=PEPPER) for _ in range(2)]
    yield both[0], both[1]
    for store in both:
        store.close()


@pytest.fixture
def worker(stores: tuple[SqliteStore, SqliteStore], monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(stores[0], monkeypatch)


def fresh(store: SqliteStore, name: str) -> str:
    return issue_key(store, PEPPER, name=name, scopes=["read"], at=1e9, actor="test")[0]


def wrong() -> str:
    return make_key(name="x", scopes=["read"], pepper=PEPPER, at=1e9)[0]


def test_a_key_enters_at_once_though_the_keys_have_just_been_read(
    stores: tuple[SqliteStore, SqliteStore], worker: Worker
) -> None:
    first = fresh(stores[1], "first")
    assert worker.code(first) == "enters"
    for name in ("second", "third"):
        assert worker.code(fresh(stores[1], name)) == "enters"
    assert worker.code(first) == "enters" and worker.n_reads == 3


def test_wrong_keys_read_the_store_a_few_times_at_once_however_many_they_are(worker: Worker) -> None:
    for number in range(40):
        worker.code(wrong(), f"198.51.100.{number}", after_s=1e-6)
    assert worker.n_reads == 1 + ANEW_BURST
    worker.code(wrong(), after_s=ANEW_S)
    assert worker.n_reads == 2 + ANEW_BURST


def test_an_address_with_too_many_wrong_keys_does_not_take_the_turn_of_others(
    stores: tuple[SqliteStore, SqliteStore], worker: Worker
) -> None:
    for _ in range(10):
        assert worker.code(wrong(), after_s=1.0) == "unauthenticated"
    key = fresh(stores[1], "of another")
    assert worker.code(wrong(), after_s=1.0) == "too_many_tries"
    before = worker.n_reads
    for _ in range(20):
        assert worker.code(wrong()) == "too_many_tries"
    assert worker.n_reads == before
    assert worker.code(key, THERE) == "enters"
    later = fresh(stores[1], "later")
    assert worker.code(later) == "too_many_tries" and worker.code(later, after_s=ANEW_S) == "enters"


def test_every_worker_takes_a_key_that_one_has_just_made(shop: Shop) -> None:
    with serving(*shop()) as service, ExitStack() as opened:
        clients = [opened.enter_context(httpx.Client(base_url=service.http.base_url)) for _ in range(6)]
        codes = []
        for number in range(10):
            asked = {"name": f"k{number}", "scopes": ["read"]}
            secret = service.http.post("/v1/keys", json=asked).json()["secret"]
            codes += [
                client.get("/v1/items?limit=1", headers={"authorization": f"Bearer {secret}"}).status_code
                for client in clients
            ]
        assert set(codes) == {200}
