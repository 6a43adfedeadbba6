"""Events over HTTP: what was acknowledged is there, once, for every worker, whatever was killed or full.

Short by default; ZHIYIN_FAULTS=long runs the counts that are promised.
"""

from __future__ import annotations

import asyncio
import resource
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest
from service import LONG, Answer, Connection, Load, Service, eventually, run, serving

Shop = Callable[..., tuple[Path, str]]


class Ingest:
    """Clients that send events under names of their own, again until they are acknowledged."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.pending: dict[int, list[dict[str, str]]] = {}
        self._lock = threading.Lock()

    async def ask(self, connection: Connection, number: int, step: int) -> Answer:
        with self._lock:
            events = self.pending.get(number) or self._fresh(number)
            self.pending[number] = events
        answer = await connection.ask("POST", "/v1/events", events)
        if answer.status == 200:
            assert all(result["status"] != "rejected" for result in answer.json()["results"])
            self.acknowledged |= {event["event_id"] for event in events}
            del self.pending[number]
        return answer

    def _fresh(self, number: int) -> list[dict[str, str]]:
        first = len(self.sent)
        events = [
            {"event_id": f"k{first + k}", "user": f"u{number}", "item": f"i{first % 7}", "kind": "view"}
            for k in range(1 + first % 3)
        ]
        self.sent |= {event["event_id"] for event in events}
        return events


def complaints(service: Service, ingest: Ingest, users: int) -> list[str]:
    """Events that were lost, doubled or invented, as the service itself tells it."""
    seen: Counter[str] = Counter()
    wrong = []
    for number in range(users):
        export = service.http.get(f"/v1/users/u{number}/export").json()["events"]
        seen.update(row.get("words") or row["event_id"] for row in export if row["kind"] == "view")
        history = service.http.get(f"/v1/users/u{number}/history", params={"n": 1000}).json()["events"]
        if len(history) != min(1000, len(export)):
            wrong.append(f"u{number}: {len(export)} events, {len(history)} in the history")
    wrong += [f"lost: {name}" for name in sorted(ingest.acknowledged - seen.keys())]
    wrong += [f"invented: {name}" for name in sorted(seen.keys() - ingest.sent)]
    return wrong + [f"{n} times: {name}" for name, n in seen.items() if n > 1]


def kills(folder: Path, key: str, n: int, planted: str = "", clients: int = 8) -> tuple[list[str], Ingest]:
    """`n` times: started, loaded, killed at a random moment. Complaints after the first that gives any."""
    ingest, random = Ingest(), Random(7)
    for _ in range(n):
        with serving(folder, key, planted=planted) as service:
            said = complaints(service, ingest, clients)
            if said:
                return said, ingest
            run(Load(service, clients, ingest.ask), service.kill, before=random.uniform(0.05, 0.6), after=0.0)
    with serving(folder, key) as service:
        return complaints(service, ingest, clients), ingest


def test_kill_9_during_ingestion_loses_and_doubles_nothing(shop: Shop) -> None:
    said, ingest = kills(*shop(), n=100 if LONG else 6)
    assert not said
    assert len(ingest.acknowledged) > 100


@pytest.mark.parametrize(("planted", "word"), [("acknowledges early", "lost"), ("forgets ids", "times")])
def test_an_early_acknowledgement_and_a_lost_id_are_noticed(shop: Shop, planted: str, word: str) -> None:
    said, _ = kills(*shop(), n=6, planted=planted)
    assert any(word in one for one in said)


# -- every worker sees it ------------------------------------------------------------------------------


PAIRS = 20


async def stale(service: Service, trials: int) -> tuple[int, int]:
    """The first of a user's list is chosen over one connection; how often another one still proposes it.

    So many pairs that some are of two workers, wherever the system puts a connection. So many users that
    nobody comes to the end of the catalogue.
    """
    users = max(40, trials // 5)
    connections = [Connection(service.port, service.key) for _ in range(2 * PAIRS)]
    found = Counter[bool]()

    async def pair(number: int) -> None:
        here, there = connections[2 * number : 2 * number + 2]
        for trial in range(number, trials, PAIRS):
            asked = {"user": f"v{trial % users}", "n": 3, "reasons": False}
            first = (await here.ask("POST", "/v1/recommend", asked)).json()["items"][0]["id"]
            event = {"user": asked["user"], "item": first}
            assert (await there.ask("POST", "/v1/events", event)).status == 200
            after = (await here.ask("POST", "/v1/recommend", asked)).json()["items"]
            found[any(line["id"] == first for line in after)] += 1

    await asyncio.gather(*(pair(number) for number in range(PAIRS)))
    for connection in connections:
        connection.close()
    return found[True], found[False]


def test_the_next_answer_of_any_worker_sees_an_acknowledged_event(shop: Shop) -> None:
    with serving(*shop(), events_per_s=0) as service:
        assert len(service.workers()) == 2
        assert asyncio.run(stale(service, 10_000 if LONG else 200)) == (0, 10_000 if LONG else 200)


def test_a_worker_with_a_memory_of_its_own_is_noticed(shop: Shop) -> None:
    with serving(*shop(), planted="remembers histories") as service:
        assert asyncio.run(stale(service, 100))[0] > 0


# -- a full disk ---------------------------------------------------------------------------------------


@contextmanager
def full(service: Service) -> Iterator[None]:
    """No file of the service may grow: every worker's limit is below the log that it writes to."""
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in service.workers()}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


def send(service: Service, name: str) -> httpx.Response:
    event = {"user": "u1", "item": "i1", "event_id": name, "kind": "view"}
    return service.http.post("/v1/events", json=event)


def kept(service: Service) -> set[str]:
    return {row["event_id"] for row in service.http.get("/v1/users/u1/export").json()["events"]}


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit to make the disk look full")
def test_a_full_disk_refuses_events_while_answers_go_on_and_ends_without_a_restart(shop: Shop) -> None:
    folder, key = shop()
    with serving(folder, key) as service:
        assert send(service, "before").status_code == 200
        with full(service):
            refused = [send(service, f"refused{k}") for k in range(10 if LONG else 4)]
            assert {answer.status_code for answer in refused} <= {503, 507}, refused[0].text
            assert refused[0].json()["code"].startswith("store_") and str(folder) not in refused[0].text
            assert len(service.ids("u1")) == 10
            assert eventually(lambda: service.ready()["status"] != "ok", 10)
            assert "cannot write" in service.ready()["reasons"][0]
            assert httpx.get(f"{service.http.base_url}/health/live").status_code == 200
        assert eventually(lambda: send(service, "after").status_code == 200, 10)
        assert eventually(lambda: service.ready()["status"] == "ok", 10)
        here = kept(service)
        assert {"before", "after"} <= here and not any("refused" in name for name in here)
    with serving(folder, key) as service:
        assert kept(service) == here


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit to make the disk look full")
def test_a_failed_commit_that_is_acknowledged_is_noticed(shop: Shop) -> None:
    with serving(*shop(), planted="believes the disk") as service:
        with full(service):
            assert send(service, "lost").status_code == 200
        assert "lost" not in kept(service)
