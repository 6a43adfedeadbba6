"""What was seen or hidden stays out of the list, however much has happened since."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import Client, make_project, serving

from zhiyin.store.records import InterestRecord, ProfileRecord


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(make_project(tmp_path_factory.mktemp("long") / "shop")) as (client, _):
        yield client


def sent(client: Client, *events: dict[str, object], **whose: str) -> None:
    told = client.post("/v1/events", json=[{**event, **whose} for event in events]).json()
    assert told["accepted"] == len(events)


def listed(client: Client, **asked: object) -> set[str]:
    lines = client.post("/v1/recommend", json={"n": 40, "dry_run": True, **asked}).json()["items"]
    return {line["id"] for line in lines}


LONG_AGO = (
    {"item": "i1", "kind": "hide"},
    {"item": "i5", "kind": "purchase"},
    {"item": "i7", "kind": "like"},
)


@pytest.mark.parametrize("whose", [{"user": "busy"}, {"session": "open for days"}])
def test_what_was_hidden_or_bought_stays_out_after_500_events(served: Client, whose: dict[str, str]) -> None:
    sent(served, *LONG_AGO, **whose)
    sent(served, *[{"item": "i3", "kind": "view"}] * 500, **whose)
    assert not {"i1", "i3", "i5", "i7"} & listed(served, **whose)
    back = listed(served, seen=True, **whose)
    assert "i1" not in back and {"i3", "i5", "i7"} <= back
    if "user" in whose:
        removed = {"what_if": {"remove": ["i5"]}}
        assert "i5" in listed(served, **whose, **removed) and "i7" not in listed(served, **whose, **removed)
    for item, stage in (("i1", "disliked"), ("i5", "seen"), ("i3", "seen")):
        assert served.post("/v1/why-not", json={"item": item, **whose}).json()["stage"] == stage
    asked = {"item": "i9", "exclude": ["i9"], **whose}
    assert served.post("/v1/why-not", json=asked).json()["stage"] == "excluded"


def test_a_history_that_is_not_full_is_read_once(served: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(served, *LONG_AGO, user="seldom")
    store = served.app.state.ground.store
    read, asked = store.history, []

    def counted(user: str, n: int, **more: object):
        asked.append(n)
        return read(user, n, **more)

    monkeypatch.setattr(store, "history", counted)
    assert not {"i1", "i5", "i7"} & listed(served, user="seldom")
    assert asked == [500]
    assert "i1" not in listed(served, user="busy") and asked[1:] == [500, 20_000]


def test_a_dislike_behind_a_removed_interest_stays_out(served: Client) -> None:
    sent(served, {"item": "i11", "kind": "hide"}, {"item": "i13", "kind": "purchase"}, user="edits")
    removed = ProfileRecord(removed=[InterestRecord(words="kettles", items=["i11", "i13"])])
    served.app.state.ground.store.put_profile("edits", removed, at=1.0, actor="test").result()
    assert not {"i11", "i13"} & listed(served, user="edits")
    back = listed(served, user="edits", seen=True)
    assert "i11" not in back and "i13" in back
    told = served.post("/v1/why-not", json={"item": "i13", "user": "edits"}).json()
    assert told["stage"] == "seen"
