"""What a worker learns while it runs is what one that starts later learns from the store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from service import eventually
from small_project import Client, Clock, make_project, serving

from zhiyin.serve.serving import Serving
from zhiyin.store.records import ItemRecord


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "shop")


@pytest.fixture
def old(project: Path) -> Iterator[Client]:
    """A worker that runs from the beginning."""
    with serving(project, Clock()) as (client, _):
        yield client


@contextmanager
def new(project: Path, old: Client) -> Iterator[Client]:
    """A worker of the same store that starts now."""
    with serving(project, Clock()) as (client, _):
        client.headers["authorization"] = old.headers["authorization"]
        yield client


def serves(client: Client) -> Serving:
    return client.app.state.ground.live.serving


def settled(client: Client) -> bool:
    """Whether the worker has taken everything; kept up with by its own thread."""
    ground = client.app.state.ground
    seq, revision = ground.store.last_seq(), ground.store.last_revision()
    taken = serves(client)
    return bool(eventually(lambda: taken.seq >= seq and taken.revision >= revision))


def popularity(client: Client, *items: str) -> list[float]:
    counts = serves(client).recommender.retrievers["popular"].counts_
    codes = serves(client).items.ids.codes(items).tolist()
    return [float(counts[code]) if 0 <= code < len(counts) else 0.0 for code in codes]


def titled(client: Client, item: str) -> str:
    return str(client.get(f"/v1/items/{item}").json()["title"])


def put(client: Client, name: str, **said: object) -> None:
    assert client.put(f"/v1/items/{name}", json=said).status_code == 200


def bought(client: Client, item: str, *users: str) -> None:
    events = [{"user": user, "item": item, "kind": "purchase"} for user in users]
    assert client.post("/v1/events", json=events).json()["accepted"] == len(users)


def listed(client: Client, **asked: object) -> list[str]:
    answer = client.post("/v1/recommend", json={"n": 50, "dry_run": True, **asked})
    assert answer.status_code == 200, answer.text
    return [line["id"] for line in answer.json()["items"]]


# -- opting out --------------------------------------------------------------------------------------


def test_nothing_is_learnt_from_who_opted_out(project: Path, old: Client) -> None:
    assert old.put("/v1/users/private", json={"personalise": False}).status_code == 200
    before = popularity(old, "i1", "i3")
    sent = [
        {"user": "private", "item": "i1", "kind": kind, "slate_id": "some"}
        for kind in ("purchase", "impression", "click")
    ]
    assert old.post("/v1/events", json=[*sent, {"user": "open", "item": "i3"}]).json()["accepted"] == 4
    assert settled(old)
    with new(project, old) as fresh:
        for client in (old, fresh):
            counters, key = client.app.state.ground.live.counters, serves(client).key_of_code
            (code,) = serves(client).items.ids.codes(["i1"])
            assert popularity(client, "i1", "i3") == [before[0], before[1] + 1]
            assert not counters.shown_.sum() and not counters.clicked_.sum()
            assert not counters.counts(key[[code]], "7d", Clock().at, "buy")[0]


# -- items that come after their events ---------------------------------------------------------------


def test_events_that_came_before_their_item_count_in_every_worker(project: Path, old: Client) -> None:
    bought(old, "late", "a", "b", "c")
    bought(old, "never", "a")
    assert settled(old) and len(serves(old).waiting.rows) == 4
    put(old, "late", title="red shoes, late")
    assert settled(old)
    assert popularity(old, "late") == [6.0] and len(serves(old).waiting.rows) == 1
    bought(old, "late", "d")
    assert settled(old) and popularity(old, "late") == [8.0]
    with new(project, old) as fresh:
        assert popularity(fresh, "late") == [8.0]
        put(old, "never", title="blue kettle")
        assert settled(fresh) and settled(old)
        assert popularity(fresh, "never") == popularity(old, "never") == [2.0]


def test_an_event_that_comes_while_its_item_is_read_is_not_lost(old: Client) -> None:
    """The items are read, then this one and its event come, then the events are read."""
    live = old.app.state.ground.live
    read, store = live.store.events_after, live.store

    def meanwhile(seq: int, limit: int, **asked: object):
        store.events_after = read
        put(old, "racing", title="red shoes, racing")
        bought(old, "racing", "a")
        return read(seq, limit, **asked)

    store.events_after = meanwhile
    assert eventually(lambda: store.events_after is not meanwhile) and settled(old)
    assert eventually(lambda: popularity(old, "racing") == [2.0])


def test_an_item_that_was_deleted_is_unknown_to_all(project: Path, old: Client) -> None:
    put(old, "brief", title="red shoes, for a day")
    bought(old, "brief", "u", "v")
    assert settled(old) and "brief" in listed(old)
    old.post("/v1/rank", json={"user": "u", "items": ["brief", "i3"]})
    old.delete("/v1/items/brief")
    old.delete("/v1/items/i4")
    bought(old, "brief", "w")
    assert settled(old)
    with new(project, old) as fresh:
        for asked in ({"user": "u"}, {"history": ["brief"]}, {"history": ["i4"]}, {"exclude": ["brief"]}):
            answers = [
                client.post("/v1/recommend", json={"n": 6, "dry_run": True, **asked}).json()
                for client in (old, fresh)
            ]
            assert answers[0]["items"] == answers[1]["items"]
            assert answers[0]["meta"].get("warnings") == answers[1]["meta"].get("warnings")
        for client in (old, fresh):
            (slate,) = client.get("/v1/slates", params={"user": "u"}).json()["slates"]
            assert set(slate["titles"]) == {"brief", titled(client, "i3")}
            lines = client.get("/v1/feed").json()["events"]
            assert {line.get("title", "") for line in lines if line["item"] == "brief"} == {""}
            assert client.get("/v1/items/brief/exposure").status_code == 404
        for item, stage in (("brief", "unknown"), ("i4", "removed")):
            told = [client.post("/v1/why-not", json={"item": item}).json() for client in (old, fresh)]
            assert [one["stage"] for one in told] == [stage] * 2 and told[0]["text"] == told[1]["text"]
        put(old, "brief", title="red shoes, again")
        assert settled(old) and settled(fresh)
        assert popularity(old, "brief") == popularity(fresh, "brief") == [6.0]
        for client in (old, fresh):
            assert "brief" in listed(client) and client.get("/v1/similar/brief").status_code == 200


# -- unavailable items -------------------------------------------------------------------------------


def test_an_unavailable_item_is_known_and_never_recommended(project: Path, old: Client) -> None:
    put(old, "out", title="red shoes, sold out", available=False)
    bought(old, "out", "buyer")
    assert settled(old)
    old.patch("/v1/items/i4", json={"available": False})
    assert settled(old)
    old.patch("/v1/items/i4", json={"title": "red shoes, recalled"})
    assert settled(old)
    with new(project, old) as fresh:
        for client in (old, fresh):
            asked = client.post("/v1/recommend", json={"history": ["out"], "n": 3}).json()
            assert not asked["meta"].get("warnings")
            assert all(line["title"].startswith("red shoes") for line in asked["items"])
            assert listed(client, user="buyer") != listed(client, user="stranger")
            assert not {"out", "i4"} & set(listed(client, user="buyer", n=60))
            (line,) = client.get("/v1/users/buyer/history").json()["events"]
            assert line["title"] == "red shoes, sold out"
            assert serves(client).items.titles[4] == "red shoes, recalled"
            told = client.post("/v1/why-not", json={"item": "i4"}).json()
            assert (told["stage"], told["title"]) == ("unavailable", "red shoes, recalled")
            assert "not available" in told["text"] and told["changes"] == ["Make it available"]
            told = client.post("/v1/why-not", json={"item": "out", "locale": "zh-CN"}).json()
            assert "不可用" in told["text"] and told["changes"] == ["把它设为可用"]
        old.patch("/v1/items/out", json={"available": True})
        assert settled(old) and settled(fresh)
        assert all("out" in listed(client, history=["i0"]) for client in (old, fresh))


def test_an_item_that_was_unavailable_at_the_start_is_only_taken_out(project: Path, old: Client) -> None:
    """What the artefact has as the store says it is not encoded again at every start."""
    old.patch("/v1/items/i2", json={"available": False})
    assert settled(old)
    change = next(c for c in old.app.state.ground.store.changes(0, 1000) if c.id == "i2")
    taken = serves(old)
    assert taken.lacks(change)
    taken.publication = msgspec.structs.replace(taken.publication, revision=change.revision)
    assert taken.differs(change) and not taken.lacks(change)


# -- kinds of attributes -----------------------------------------------------------------------------

FILTERS = ("size = 35", 'size = "35"', "size = XL", "size in (31, 32)", "size exists", "weight < 3")


def answers(client: Client) -> list[list[str]]:
    return [sorted(listed(client, history=[], filter=where)) for where in FILTERS]


def test_an_attribute_is_of_one_kind_in_every_worker(project: Path, old: Client) -> None:
    put(old, "s0", title="shirt", attributes={"size": "XL", "weight": 2})
    assert settled(old)
    for n in range(31, 44):
        put(old, f"s{n}", title=f"shirt {n}", attributes={"size": n})
    store = old.app.state.ground.store
    store.put_items([ItemRecord(id=f"w{n}", attributes={"weight": "heavy"}) for n in range(40)], at=1.0)
    put(old, "w9", title="a scale", attributes={"weight": 9})
    assert settled(old)
    wanted = [["s35"], ["s35"], ["s0"], ["s31", "s32"], ["s0", *(f"s{n}" for n in range(31, 44))], ["s0"]]
    assert answers(old) == wanted
    with new(project, old) as fresh:
        assert answers(fresh) == wanted
    old.patch("/v1/items/s0", json={"title": "shirt, changed last"})  # comes behind the numbers now
    assert settled(old) and answers(old) == wanted
    with new(project, old) as fresh:
        assert answers(fresh) == wanted
    old.patch("/v1/items/s0", json={"attributes": {"size": 50}})  # no word is left
    assert settled(old)
    with new(project, old) as fresh:
        put(old, "s1", title="shirt", attributes={"size": "M"})
        assert settled(old) and settled(fresh)
        assert answers(fresh) == answers(old)
        assert listed(fresh, history=[], filter="size = M") == ["s1"]
