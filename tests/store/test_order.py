"""Whatever comes twice, late, early or in a muddle: one state."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workload import AT, wrong

from zhiyin.store import Event, SqliteStore, event_log

RECEIVED = AT + 1000.0
numbers = st.lists(
    st.tuples(st.integers(0, 30), st.floats(-604_800, 1e9).map(lambda s: round(s, 6))), max_size=40
)


def events_of(drawn: list[tuple[int, float]], seed: int) -> list[Event]:
    """About a third of them twice, in an order of chance; the same id always says the same."""
    stamps = dict(drawn)
    events = [
        Event(user=f"u{number % 3}", item=f"i{number}", at=AT + stamp, event_id=f"e{number}")
        for number, stamp in stamps.items()
    ]
    random = Random(seed)
    events += random.sample(events, len(events) // 3)
    random.shuffle(events)
    return events


def state(store: SqliteStore) -> dict[str, list[tuple[float, str]]]:
    """Per user what the history says, by what does not depend on who came first."""
    names = {change.key: change.id for change in store.changes(0, 1000)}
    return {
        f"u{user}": sorted(
            (at, names[item])
            for at, item in zip(
                *(lambda h: (h.at.tolist(), h.items.tolist()))(store.history(f"u{user}", 100))
            )
        )
        for user in range(3)
    }


def ingest(store: SqliteStore, events: list[Event], n_threads: int) -> None:
    def part(thread: int) -> None:
        for event in events[thread::n_threads]:
            store.append([event], at=RECEIVED).result()

    threads = [threading.Thread(target=part, args=(thread,)) for thread in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@settings(max_examples=25, deadline=None)
@given(numbers, st.integers(0, 1000))
def test_any_order_comes_to_one_state(drawn: list[tuple[int, float]], seed: int) -> None:
    events = events_of(drawn, seed)
    ids = {event.event_id for event in events}
    with tempfile.TemporaryDirectory() as folder:
        one = SqliteStore.open(Path(folder) / "one.db", commit_ms=0)
        four = SqliteStore.open(Path(folder) / "four.db", commit_ms=0)
        one.append(
            sorted({event.event_id: event for event in events}.values(), key=lambda e: e.at or 0), at=RECEIVED
        )
        ingest(four, events, 4)
        try:
            one.last_seq()
            assert (
                wrong(four, ids, ids) == [] == (one.append([], at=RECEIVED).result() or wrong(one, ids, ids))
            )
            assert state(one) == state(four)
            for user in range(3):
                past = four.history(f"u{user}", 100)
                assert (np.diff(past.at) >= 0).all()
                assert (past.at <= RECEIVED + event_log.AHEAD_S).all()
        finally:
            one.close()
            four.close()


def test_a_stamp_from_the_future_does_not_pin(store: SqliteStore) -> None:
    store.append([Event(user="u", item="future", at=4e9)], at=AT).result()
    store.append([Event(user="u", item="now", at=AT + 7200)], at=AT + 7200).result()
    names = {change.key: change.id for change in store.changes(0, 10)}
    past = store.history("u", 10)
    assert [names[item] for item in past.items] == ["future", "now"]
    assert past.at.tolist() == [AT + 3600, AT + 7200]
    assert store.export("u")["events"][0]["at"] == 4e9


def test_a_future_that_pins_is_found(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "AHEAD_S", 1e10)
    with pytest.raises(AssertionError):
        test_a_stamp_from_the_future_does_not_pin(store)


def test_equal_times_keep_the_order_of_arrival_and_late_events_find_their_place(store: SqliteStore) -> None:
    stamps = [50.0, 50.0, 10.0, 50.0, 30.0]
    events = [Event(user="u", item=f"i{place}", at=AT + at) for place, at in enumerate(stamps)]
    store.append(events, at=AT + 99).result()
    assert store.history("u", 10).seqs.tolist() == [3, 5, 1, 2, 4]
    assert store.history("u", 2).seqs.tolist() == [2, 4]


def test_an_id_that_comes_again_is_the_first_event(store: SqliteStore) -> None:
    first = store.append([Event(user="u", item="a", event_id="x")], at=AT).result()
    again = store.append([Event(user="v", item="b", event_id="x"), Event(user="v", item="b")], at=AT).result()
    assert [one.status for one in first + again] == ["accepted", "duplicate", "accepted"]
    assert again[0].seq == first[0].seq
    assert len(store.history("v", 9).seqs) == 1
