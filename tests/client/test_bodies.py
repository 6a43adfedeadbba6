"""What JSON or Python would make something else of is refused before it is sent, by every client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zhiyin.client import (
    AsyncClient,
    Boost,
    Client,
    EventIn,
    HistoryEvent,
    ItemIn,
    UserIn,
    WhatIf,
)
from zhiyin.errors import DataError

NAN, INF = float("nan"), float("inf")

SIZED = ItemIn(id="b", attributes={"size": -INF})
Call = Callable[[Any], Any]

NOT_FINITE: dict[str, tuple[str, Call]] = {
    "$.attributes.price": ("nan", lambda c: c.patch_item("item-1", attributes={"price": NAN})),
    "$.attributes.size": ("inf", lambda c: c.put_item("item-1", attributes={"size": INF})),
    "$[1].attributes.size": ("-inf", lambda c: c.put_items([ItemIn(id="a"), SIZED])),
    "$[0].attributes.age": ("nan", lambda c: c.put_users([UserIn(id="a", attributes={"age": NAN})])),
    "$.attributes.age": ("nan", lambda c: c.patch_user("a", attributes={"age": NAN})),
    "$[0].value": ("nan", lambda c: c.send(EventIn(user="u", item="item-1", kind="rating", value=NAN))),
    "$[1].at": ("inf", lambda c: c.send([EventIn(item="a", user="u"), EventIn(item="a", user="u", at=INF)])),
    "$.history[0].value": ("nan", lambda c: c.recommend(history=[HistoryEvent(item="item-1", value=NAN)])),
    "$.what_if.at": ("inf", lambda c: c.recommend("u2", what_if=WhatIf(at=INF))),
    "$.diversity": ("nan", lambda c: c.rank(["item-1"], diversity=NAN)),
    "$.boosts[0].by": ("nan", lambda c: c.recommend("u2", boosts=[Boost(items=["item-1"], by=NAN)])),
    "$.interests[0].weight": ("nan", lambda c: c.put_profile("u2", {"tea": NAN})),
    "$.days": ("nan", lambda c: c.make_key("k", ["read"], days=NAN)),
}  # fmt: skip
ONE_TEXT: dict[str, Call] = {
    "ids": lambda c: c.delete_items("ab"),
    "exclude": lambda c: c.recommend("u2", exclude="item-2"),
    "include": lambda c: c.recommend("u2", include="item-2"),
    "history": lambda c: c.recommend(history="item-2"),
    "items": lambda c: c.rank("item-2", "u2"),
    "tags": lambda c: c.put_tags("item-2", "tea"),
    "scopes": lambda c: c.make_key("k", "read"),
}
ALSO: list[tuple[str, Call]] = [
    ("items", lambda c: c.explain("item-2", "u2")),
    ("history", lambda c: c.explain(["item-2"], history="item-2")),
    ("history", lambda c: c.rank(["item-2"], history="item-2")),
    ("exclude", lambda c: c.why_not("item-2", exclude="item-2")),
    ("ids", lambda c: c.delete_items(b"ab")),
]


def said(made: Any, call: Call) -> str:
    """The error of a client's call, awaited where it has to be."""

    async def waited() -> Any:
        answer = call(made)
        return await answer if inspect.isawaitable(answer) else answer

    with pytest.raises(DataError) as caught:
        asyncio.run(waited())
    return str(caught.value)


@pytest.fixture(params=["http", "in process", "awaited"])
def asked(request: Any, service: Any) -> Any:
    if request.param == "awaited":
        return AsyncClient(service.address, service.key)
    return request.getfixturevalue("client" if request.param == "http" else "local")


def test_numbers_that_json_has_not_are_refused_with_their_place(asked: Any) -> None:
    for path, (number, call) in NOT_FINITE.items():
        told = said(asked, call)
        assert f"a finite number at {path}, got {number}" in told


def test_one_text_is_no_list(asked: Any) -> None:
    for name, call in [*ONE_TEXT.items(), *ALSO]:
        assert f"a list as `{name}`" in said(asked, call)
    assert "['item-2']" in said(asked, ONE_TEXT["exclude"])


def test_nothing_of_it_has_happened(client: Client) -> None:
    client.put_item("priced", attributes={"price": 3.0})
    client.put_items([ItemIn(id="a"), ItemIn(id="b")])
    for call in (NOT_FINITE["$.attributes.price"][1], ONE_TEXT["ids"]):
        said(client, call)
    said(client, lambda c: c.patch_item("priced", attributes={"price": NAN}))
    assert client.get_item("priced").attributes == {"price": 3.0}
    assert {client.get_item(name).id for name in "ab"} == {"a", "b"}
    client.patch_item("priced", attributes={"price": None})
    assert client.get_item("priced").attributes == {}
    assert client.delete_items(("a", "b", "priced")).removed == 3


def test_lists_of_every_kind_are_taken(client: Client) -> None:
    past = np.array(["item-2", "item-4"], dtype=object)
    answer = client.recommend(history=past, exclude={"item-6"}, n=5, dry_run=True)
    assert "item-6" not in [line.id for line in answer.items]
    assert (
        client.recommend(history=("item-2", "item-4"), exclude=["item-6"], n=5, dry_run=True).items
        == answer.items
    )


def test_putting_a_user_keeps_an_opt_out(client: Client) -> None:
    client.patch_user("shy", personalise=False)
    client.put_user("shy", attributes={"city": "Wuhan"})
    client.put_users([UserIn(id="shy", attributes={"city": "Xian"}), UserIn(id="new")])
    assert client.get_user("shy").personalise is False and client.get_user("shy").attributes == {
        "city": "Xian"
    }
    assert client.get_user("new").personalise
    client.put_user("shy", personalise=True)
    assert client.get_user("shy").personalise
