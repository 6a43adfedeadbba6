"""What the store says to who learns from it: who has opted out, of which kind an attribute is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from zhiyin.store import Event, SqliteStore, UserRecord

AT = 1_700_000_000.0


def test_events_of_users_who_opted_out_are_marked(store: SqliteStore) -> None:
    sent = [Event(user="out", item="a"), Event(user="in", item="a"), Event(user="", item="a", session="s")]
    store.append([*sent, *sent], at=AT).result()
    assert not store.events_after(0, 9).opted_out.any()
    store.put_users([UserRecord(id="out", personalise=False), UserRecord(id="in")], at=AT).result()
    rows = store.events_after(0, 9)
    assert rows.seqs.tolist() == [1, 2, 3, 4, 5, 6]
    assert rows.opted_out.tolist() == [True, False, False, True, False, False]
    assert store.events_after(4, 2).opted_out.tolist() == [False, False]
    assert store.events_after(6, 9).opted_out.tolist() == []
    store.put_users([UserRecord(id="out")], at=AT).result()
    assert not store.events_after(0, 9).opted_out.any()


def test_the_kind_of_an_attribute_is_settled_once_for_all_processes(tmp_path: Path) -> None:
    with (
        closing(SqliteStore.open(tmp_path / "store.db", commit_ms=0)) as one,
        closing(SqliteStore.open(tmp_path / "store.db", commit_ms=0)) as two,
    ):
        assert one.kinds(["size", "hue"]) == {}
        assert one.settle_kinds({"size": "words"}).result() == {"size": "words"}
        assert two.settle_kinds({"size": "numbers", "颜色": "numbers"}).result() == {
            "size": "words",
            "颜色": "numbers",
        }
        assert one.kinds(["size", "颜色", "hue"]) == {"size": "words", "颜色": "numbers"}
        assert one.snapshot().name == "store"


def test_contexts_come_along_for_those_who_ask(store: SqliteStore) -> None:
    sent = [
        Event(user="a", item="x", kind="play", value=30.0, context={"duration": "600", "mood": "calm"}),
        Event(user="a", item="y"),
        Event(user="b", item="x", kind="play", value=30.0, context={"duration": "30"}),
    ]
    store.append(sent, at=AT).result()
    assert store.events_after(0, 9).context == {}
    rows = store.events_after(0, 9, context=("duration",))
    assert rows.seqs.tolist() == [1, 2, 3]
    assert {name: words.tolist() for name, words in rows.context.items()} == {"duration": ["600", "", "30"]}
    assert store.events_after(2, 9, context=("duration",)).context["duration"].tolist() == ["30"]
    assert store.events_after(3, 9, context=("duration",)).context["duration"].tolist() == []
