"""What the fault tests do to a store, and how they look for lost, doubled or invented events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from zhiyin.errors import StoreError
from zhiyin.store import Event, ItemRecord, SqliteStore

AT = 1_700_000_000.0


def event(number: int) -> Event:
    return Event(
        user=f"u{number % 7}", item=f"i{number % 11}", kind="click", at=AT + number, event_id=f"e{number}",
        words="w" * (number % 5 * 40),
    )  # fmt: skip


def ingest(store: SqliteStore, n: int, acknowledged: Callable[[str], None], *, first: int = 0) -> None:
    """`n` small commits; an id is acknowledged when its future is done, by the thread that knows first."""
    for step in range(first, first + n):
        events = [event(step * 4 + k) for k in range(1 + step % 4)]

        def done(future: object, events: list[Event] = events) -> None:
            if future.exception() is None:  # type: ignore[attr-defined]
                for one in events:
                    acknowledged(one.event_id)

        future = store.append(events, at=AT + 1e6)
        future.add_done_callback(done)
        if step % 5 == 0:
            item = ItemRecord(id=f"i{step % 11}", title="t" * (step % 3 * 500))
            store.put_items([item], at=AT).exception()
        future.exception()


def complaints(path: Path, acknowledged: set[str], sent: set[str]) -> list[str]:
    """What is wrong with the store in a file, opened anew."""
    try:
        store = SqliteStore.open(path, commit_ms=0)
    except StoreError as error:
        return [f"does not open: {error}"]
    try:
        return wrong(store, acknowledged, sent)
    except StoreError as error:
        return [f"does not read: {error}"]
    finally:
        store.close()


def wrong(store: SqliteStore, acknowledged: set[str], sent: set[str]) -> list[str]:
    seen = Counter(
        row["event_id"] for user in store.users(limit=1000) for row in store.export(user.id)["events"]
    )
    said = [f"lost: {id}" for id in sorted(acknowledged - seen.keys())]
    said += [f"invented: {id}" for id in sorted(seen.keys() - sent)]
    said += [f"{n} times: {id}" for id, n in seen.items() if n > 1]
    rows = store.events_after(0, 1_000_000)
    if len(rows.seqs) != sum(seen.values()) or store.counts()["events"] != len(rows.seqs):
        said.append(
            f"{len(rows.seqs)} in the log, {sum(seen.values())} of users, {store.counts()['events']} counted"
        )
    for user in store.users(limit=1000):
        if sorted(store.history(user.id, 1_000_000).seqs) != sorted(
            e["seq"] for e in store.export(user.id)["events"]
        ):
            said.append(f"the history of {user.id} is not what the log says")
    return said
