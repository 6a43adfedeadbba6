"""Who is erased is gone from every byte of the files."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import pytest
from workload import AT

from zhiyin.store import (
    Event,
    InterestRecord,
    ItemRecord,
    ProfileRecord,
    Shown,
    Slate,
    SqliteStore,
    UserRecord,
    connections,
    group_commit,
    page_sums,
)
from zhiyin.store.check import check_store


def canary(seed: int) -> str:
    return f"{Random(seed).getrandbits(128):032x}"


def live(store: SqliteStore, n_users: int, rounds: int) -> None:
    """A crowded store: pages split, rows move. Every field of a user holds the canary."""
    random = Random(0)
    for step in range(rounds):
        events = []
        for user in random.sample(range(n_users), min(40, n_users)):
            mark = canary(user)
            events.append(
                Event(
                    user=mark, item=f"i{random.randrange(50)}", event_id=f"{step}-{mark}",
                    kind=random.choice(["click", "impression", "play"]), at=AT + step - random.randrange(100),
                    words=f"about {mark}", session=f"s-{mark}", context={"who": mark},
                )
            )  # fmt: skip
            served = Slate(
                id=f"{step}-{user}", user=mark if step % 2 else "", session=f"s-{mark}", at=AT, version="v",
                n=1, shown=[Shown(item="i", score=1.0)], request={"user": mark},
            )  # fmt: skip
            store.add_slate(served)
            store.remember(f"k{step}-{user}", f'{{"event_id": "{step}-{mark}"}}'.encode(), at=AT).result()
        store.append(events, at=AT).result()
        store.put_items([ItemRecord(id=f"i{step % 50}", text="x" * random.randrange(3000))], at=AT).result()
        user = random.randrange(n_users)
        store.put_users([UserRecord(id=canary(user), attributes={"mail": canary(user)})], at=AT).result()
        said = ProfileRecord(interests=[InterestRecord(words=f"likes {canary(user)}")])
        store.put_profile(canary(user), said, at=AT, actor="me").result()
        store.audit(
            at=AT, actor="me", action="export", target=canary(user), detail=f"for {canary(user)}"
        ).result()


def found(folder: Path, mark: str) -> list[str]:
    needles = (mark.encode(), mark.encode("utf-16-le"), bytes.fromhex(mark))
    return [path.name for path in folder.iterdir() if any(needle in path.read_bytes() for needle in needles)]


def leftovers(folder: Path, n_users: int, n_erased: int, rounds: int) -> list[str]:
    store = SqliteStore.open(folder / "store.db", commit_ms=0, pepper=b"pepper")
    try:
        live(store, n_users, rounds)
        left = []
        for user in range(n_erased):
            mark = canary(user)
            assert found(folder, mark)
            events = len(store.export(mark)["events"])
            receipt = store.erase(mark, at=AT, actor="me").result()
            assert receipt.events == events > 0 and receipt.slates > 0
            left += found(folder, mark)
            assert store.export(mark) == {"user": None, "events": [], "profile": None, "slates": []}
        assert store.audit_is_whole()
        kept = canary(n_users - 1)
        assert found(folder, kept) and store.history(kept, 10).seqs.size
        return left
    finally:
        store.close()
        assert check_store(folder / "store.db") == []


def test_no_byte_is_left(tmp_path: Path, many: bool) -> None:
    assert leftovers(tmp_path, 300, 100 if many else 12, 300 if many else 60) == []


@pytest.mark.parametrize("planted", ["no secure delete", "no truncation", "leftovers of moved rows"])
def test_a_trace_that_is_left_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    if planted == "no secure delete":
        honest = connections.connect_writer

        def careless(*args: object, **options: object) -> object:
            db = honest(*args, **options)  # type: ignore[arg-type]
            db.pragma("secure_delete", "OFF")
            return db

        monkeypatch.setattr("zhiyin.store.sqlite_store.connect_writer", careless)
    elif planted == "leftovers of moved rows":
        monkeypatch.setattr(page_sums, "without_leftovers", lambda data, offset: memoryview(data))
    else:
        monkeypatch.setattr(group_commit.GroupCommit, "_checkpoint", lambda self, mode=0, *, wait_ms=0: True)
    crowd = (300, 60, 150) if "moved" in planted else (100, 5, 20)
    assert leftovers(tmp_path, *crowd)


def test_a_receipt_proves_and_names_nobody(store: SqliteStore) -> None:
    store.append([Event(user="someone", item="a")], at=AT).result()
    receipt = store.erase("someone", at=AT, actor="k1").result()
    again = store.erase("someone", at=AT, actor="k1").result()
    assert (receipt.events, again.events) == (1, 0)
    assert receipt.digest == again.digest != store.erase("other", at=AT, actor="k1").result().digest
    row = store.audit_rows()[0]
    assert (row.action, row.target, row.actor) == ("user.erase", receipt.digest, "k1")
    assert receipt.id in row.detail and "someone" not in str(store.audit_rows())


def test_what_was_done_before_the_name_was_known_goes_too(store: SqliteStore, tmp_path: Path) -> None:
    words = "secret words of eve"
    ours = [
        Event(user="", session="s1", item="a", event_id="e1"),
        Event(user="", session="s1", item="", kind="search", words=words),
        Event(user="", session="s1", item="a", kind="impression"),
        Event(user="eve", session="s1", item="b"),
    ]
    shared = [Event(user="", session="s2", item="a"), Event(user="eve", session="s2", item="b")]
    others = [Event(user="bob", session="s2", item="c"), Event(user="", session="s3", item="a")]
    store.append([*ours, *shared, *others], at=AT).result()
    store.remember("k", b'{"event_id": "e1"}', at=AT).result()
    receipt = store.erase("eve", at=AT, actor="me").result()
    assert receipt.events == 5 and store.counts()["events"] == 3
    assert not len(store.session_history("s1", 9).items) and store.remembered("k") is None
    assert len(store.session_history("s2", 9).items) == 2 and len(store.session_history("s3", 9).items) == 1
    assert not any(words.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_late_event_makes_a_new_user(store: SqliteStore) -> None:
    store.append([Event(user="u", item="a", event_id="x")], at=AT).result()
    store.erase("u", at=AT, actor="me").result()
    done = store.append([Event(user="u", item="a", event_id="x")], at=AT).result()
    assert done[0].status == "accepted" and done[0].seq == 2
    rows = store.events_after(0, 10)
    assert rows.seqs.tolist() == [2] and rows.users.tolist() == [2]


def test_an_erasure_waits_for_readers_of_the_old_state_and_holds_nobody_up(store: SqliteStore) -> None:
    store.append([Event(user="u", item="a")], at=AT).result()
    reading, free = threading.Event(), threading.Event()

    def read() -> None:
        with store._reader() as db:
            db.execute("BEGIN; SELECT * FROM events").fetchall()
            reading.set()
            free.wait(10)
            db.execute("COMMIT")

    reader = threading.Thread(target=read)
    reader.start()
    reading.wait(10)
    erasure = store.erase("u", at=AT, actor="me")
    for _ in range(5):
        store.append([Event(user="v", item="a")], at=AT).result(10)
    assert not erasure.done()
    free.set()
    assert erasure.result(10).events == 1
    reader.join()
