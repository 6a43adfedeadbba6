"""A slate that is still to be written when its user is erased is never written, in whatever process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from workload import AT

from zhiyin.store import Event, Shown, Slate, SqliteStore, erasures
from zhiyin.store.check import check_store

PEPPER = b"pepper"
USER = "somebody-who-goes"


@pytest.fixture(params=[PEPPER, b""], ids=["with a pepper", "without"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SqliteStore, SqliteStore]]:
    """One store as two workers have it open."""
    both = [SqliteStore.open(tmp_path / "store.db", pepper=request.param) for _ in range(2)]
    yield both[0], both[1]
    for store in both:
        store.close()
    assert check_store(tmp_path / "store.db") == []


def served(id: str, *, user: str = USER, session: str = "", at: float = AT) -> Slate:
    shown = [Shown(item="a", score=1.0)]
    return Slate(id=id, user=user, session=session, at=at, version="v", n=1, shown=shown)


def written(store: SqliteStore) -> None:
    """Everything that was taken before is on disk, or was dropped."""
    store.set_setting("barrier", "1", at=AT, actor="test").result()


def ids(store: SqliteStore) -> set[str]:
    return {slate.id for slate in store.slates(limit=100)}


def test_slates_of_another_process_are_not_written_after_the_erasure(
    two: tuple[SqliteStore, SqliteStore], tmp_path: Path
) -> None:
    here, there = two
    assert there.add_slate(served("other", user="stays"))
    n_erased = 0
    for step in range(5):
        for number in range(25):
            assert there.add_slate(served(f"{step}-{number}", at=AT + step))
        n_erased += here.erase(USER, at=AT + step, actor="me").result().slates
        assert there.slate(f"{step}-0") is None
    assert n_erased < 125, "none was late: this shows nothing"
    written(there)
    assert here.export(USER)["slates"] == [] and ids(here) == {"other"} and here.counts()["slates"] == 1
    assert not any(USER.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_what_is_served_after_the_erasure_is_kept(two: tuple[SqliteStore, SqliteStore]) -> None:
    here, there = two
    here.erase(USER, at=AT, actor="me").result()
    assert there.add_slate(served("before")) and there.add_slate(served("after", at=AT + 5))
    assert there.slate("before") is None and there.slate("after") is not None
    written(there)
    assert ids(here) == {"after"}


def test_what_is_served_while_the_erasure_waits_is_of_the_old_state(store: SqliteStore) -> None:
    held = store._writer.submit(lambda tx: time.sleep(0.3))
    erased = store.erase(USER, at=AT, actor="me")
    store.add_slate(served("meanwhile", at=AT + 0.1))
    held.result()
    erased.result()
    written(store)
    assert ids(store) == set()


def test_slates_of_a_visitor_whose_name_was_told_later_go_too(two: tuple[SqliteStore, SqliteStore]) -> None:
    here, there = two
    here.append([Event(user=USER, session="own", item="a"), Event(user=USER, session="shared", item="a"),
                 Event(user="stays", session="shared", item="a")], at=AT).result()  # fmt: skip
    for session in ("own", "shared", USER):
        assert there.add_slate(served(session, user="", session=session))
    assert there.add_slate(served("named", user="stays", session="own"))
    here.erase(USER, at=AT + 1, actor="me").result()
    written(there)
    assert ids(here) == {"shared", USER, "named"}


def test_an_erasure_is_remembered_for_a_day_and_names_nobody(store: SqliteStore, tmp_path: Path) -> None:
    for after in (0.0, 10.0):
        store.erase(USER, at=AT + after, actor="me").result()
    store.erase("another", at=AT + 5, actor="me").result()
    assert noted(store) == 2
    store.add_slate(served("late", at=AT + 9))
    written(store)
    assert ids(store) == set()
    assert not any(USER.encode() in path.read_bytes() for path in tmp_path.iterdir())
    store.erase("third", at=AT + 20 + erasures.KEPT_S, actor="me").result()
    assert noted(store) == 1


def noted(store: SqliteStore) -> int:
    with store._reader() as db:
        return len(db.execute("SELECT * FROM erasures").fetchall())
