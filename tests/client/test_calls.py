"""The same calls over HTTP and in process, waited for or awaited; every route can be called."""

from __future__ import annotations

import asyncio
import inspect
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from zhiyin.client import (
    ApiError,
    AsyncClient,
    Client,
    EventIn,
    HistoryEvent,
    ItemIn,
    UserIn,
    WhatIf,
    asks,
)
from zhiyin.serve.messages import Health
from zhiyin.serve.routes import ROUTES

EVEN = [f"item-{n}" for n in range(0, 24, 2)]


def answers_of(client: Client) -> list[Any]:
    """Everything that must not depend on the way."""
    return [
        client.recommend("u2", n=5, dry_run=True).items,
        client.recommend(
            history=["item-0", HistoryEvent(item="item-2", kind="purchase")], n=3, dry_run=True
        ).items,
        client.recommend("u2", n=3, filter="genre = odd", what_if=WhatIf(remove=["item-2"])).items,
        client.rank(["item-1", "item-4", "item-9"], "u2", dry_run=True).items,
        client.similar("item-2", n=3).items,
        client.explain(["item-8"], "u2").items,
        client.get_item("item-3"),
        client.history("u2", n=2),
        client.export("u4")["events"],
        list(client.items(limit=7)),
        list(client.users(limit=5)),
        client.artefacts(),
    ]


def test_in_process_and_over_http_the_answers_are_the_same(client: Client, local: Client) -> None:
    assert answers_of(client) == answers_of(local)
    assert [line.id for line in client.recommend("u2", n=3, dry_run=True).items if line.id not in EVEN] == []


def test_awaited_answers_are_the_same(service: Any, client: Client) -> None:
    async def asked(made: AsyncClient) -> list[Any]:
        async with made as it:
            first = await it.recommend("u2", n=5)
            return [
                first.items,
                [len(page.items) async for page in it.pages(first)],
                await it.similar("item-2", n=3),
                [item.id async for item in it.items(limit=7)],
                (await it.send(EventIn(user="v", item="item-2", event_id="awaited"))).results[0].event_id,
            ]

    def timeless(found: list[Any]) -> list[Any]:
        return [found[0], found[1], found[2].items, *found[3:]]

    over_http = asyncio.run(asked(AsyncClient(service.address, service.key)))
    in_process = asyncio.run(asked(AsyncClient.local(service.project)))
    first = client.recommend("u2", n=5)
    assert timeless(over_http) == timeless(in_process)
    assert over_http[0] == first.items
    assert over_http[3] == [item.id for item in client.items()]


def test_both_clients_have_the_same_calls() -> None:
    def calls(cls: type) -> dict[str, list[str]]:
        own = {
            name: value
            for name, value in vars(cls).items()
            if hasattr(value, "__wrapped__") and inspect.isfunction(value)
        }
        return {name: list(inspect.signature(call).parameters) for name, call in own.items()}

    assert calls(Client) == calls(AsyncClient)
    there = {name for name in dir(asks.Asks) if not name.startswith("_")}
    assert set(calls(Client)) == there
    assert inspect.signature(Client.similar).return_annotation == "SimilarAnswer"
    assert inspect.signature(AsyncClient.items).return_annotation == "AsyncIterator[ItemRecord]"


def test_every_route_can_be_called() -> None:
    """A route that is added without its call fails here."""
    make = asks.Asks()
    walked = [walk.first for walk in (make.items(), make.users(), make.audit())]
    sent = [
        *make.send(EventIn(item="a")).asks,
        *make.put_items([ItemIn()]).asks,
        *make.put_users([UserIn()]).asks,
    ]
    plain = [
        make.recommend("u"), make.rank(["a"]), make.similar("a"), make.explain(["a"]), make.trace("a"),
        make.why_not("a"),
        make.put_item("a"), make.patch_item("a"), make.get_item("a"), make.delete_item("a"),
        make.delete_items(["a"]), make.put_user("a"), make.patch_user("a"), make.get_user("a"),
        make.history("a"), make.export("a"), make.profile("a"), make.put_profile("a", {"b": 1.0}),
        make.delete_profile("a"), make.tags("a"), make.put_tags("a", ["b"]), make.chat("a"),
        make.erase("a"), make.live(), make.ready(), make.metrics(), make.keys(), make.make_key("a", ["read"]),
        make.revoke_key("a"), make.artefacts(), make.rollback(), make.search("a"), make.slates(),
        make.item_map(), make.feed(), make.status(), make.exposure("a"), make.days(),
        make.start_job("map"), make.jobs(), make.job("a"),
        make.job_result("a"), make.cancel_job("a"), make.next_pair("a"), make.judge("a", 0, "same"),
        make.begin_upload("a.csv", b""), make.go_on_uploading("a", 0, b""), make.look_at_upload("a"),
        make.drop_upload("a"), make.pipeline(), make.check_pipeline(""), make.backups(),
    ]  # fmt: skip
    called = {(ask.method, ask.path) for ask in [*walked, *sent, *plain] if ask is not None}
    routes = {(route.method, re.sub(r"\{[^}]*\}", "a", route.path)) for route in ROUTES}
    browsers = {(method, "/v1/session") for method in ("POST", "GET", "DELETE")}
    browsers |= {("GET", "/v1/widget"), ("POST", "/v1/widget/events")}
    assert called == routes - browsers - {("GET", "/v1/recommend")}, "POST says all that GET can"


def test_pages_follow_without_overlap(client: Client) -> None:
    pages = list(client.pages(client.recommend("u3", n=4)))
    shown = [line.id for page in pages for line in page.items]
    assert len(pages) > 2 and len(shown) == len(set(shown)) == 20
    assert [line.rank for page in pages for line in page.items] == list(range(1, 21))


def test_events_go_in_parts_and_each_is_answered(service: Any) -> None:
    events = [EventIn(user="many", item=f"item-{n % 24}", event_id=f"part-{n}") for n in range(25)]
    events[7] = EventIn(item="item-1", event_id="nobody's")
    with Client(service.address, service.key, max_batch=10) as client:
        answer = client.send(iter(events))
        again = client.send(events)
    assert [outcome.event_id for outcome in answer.results] == [event.event_id for event in events]
    assert (answer.accepted, answer.duplicates, answer.rejected) == (24, 0, 1)
    assert answer.results[7].status == "rejected" and answer.results[7].path.endswith(".user")
    assert (again.accepted, again.duplicates) == (0, 24)


def test_a_part_is_bounded_in_bytes() -> None:
    long = [EventIn(user="u", item="i", kind="review", words="x" * 19_000) for _ in range(500)]
    parts = list(asks.Asks().send(long).asks)
    assert all(len(ask.body or b"") < asks.MOST_BYTES + 20_000 for ask in parts)
    assert sum(len(msgspec.json.decode(ask.body or b"")) for ask in parts) == 500


@pytest.mark.parametrize("name", ["a/b", "..", "x y?#%", "片/子", "%2F"])
def test_an_id_may_hold_anything(client: Client, name: str) -> None:
    client.put_item(name, title="Odd")
    assert client.get_item(name).id == name
    assert client.delete_item(name).removed == 1


def test_items_users_keys(client: Client, service: Any) -> None:
    assert client.put_items([ItemIn(id="new-1", title="New"), ItemIn(id="new-2")]).written == 2
    client.patch_item("new-1", attributes={"genre": "even"})
    assert client.get_item("new-1").attributes == {"genre": "even"}
    assert client.delete_items(["new-1", "new-2", "new-3"]).missing == ["new-3"]
    client.put_users([UserIn(id="gone", attributes={"city": "上海"})])
    client.patch_user("gone", personalise=False)
    assert client.get_user("gone").personalise is False
    assert client.erase("gone").events == 0
    made = client.make_key("reader", ["read"], days=1)
    with Client(service.address, made.secret) as reader:
        assert reader.ready() == Health(status="ok", version=reader.live().version)
        with pytest.raises(ApiError, match="403 forbidden"):
            reader.put_item("x")
    client.revoke_key(made.id)
    assert len({row.seq for row in client.audit(limit=2)}) == len(list(client.audit())) > 3


def test_many_calls_at_once_are_each_answered(service: Any) -> None:
    async def asked() -> list[str]:
        async with AsyncClient(service.address, service.key) as client:
            found = await asyncio.gather(*(client.get_item(f"item-{n % 24}") for n in range(100)))
            return [item.id for item in found]

    assert asyncio.run(asked()) == [f"item-{n % 24}" for n in range(100)]
    with Client(service.address, service.key) as client, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: client.get_item(f"item-{n % 24}").id, range(100))
        assert list(answers) == [f"item-{n % 24}" for n in range(100)]
