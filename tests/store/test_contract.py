"""What every store must do, whatever the database: a new one is tested by a class with `make`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import numpy as np
import pytest

from zhiyin.data import Dataset
from zhiyin.errors import DataError, StoreBusyError, StoreError
from zhiyin.store import Event, ItemRecord, KeyRecord, Shown, Slate, SqliteStore, Store, UserRecord
from zhiyin.store.records import InterestRecord, ProfileRecord
from zhiyin.testing import checkerboard
from zhiyin.types import KINDS, Interaction, Item

AT = 1_700_000_000.0


def slate(id: str, user: str = "u", at: float = AT) -> Slate:
    shown = [Shown(item="a", score=0.5, propensity=0.25, sources={"ease": 1})]
    return Slate(
        id=id, user=user, at=at, version="v", n=1, shown=shown, request={"n": 1}, stages=[{"name": "rank"}],
        features=np.ones(1, np.float32).tobytes(),
    )  # fmt: skip


class StoreTests(ABC):
    """The contract of `zhiyin.store.Store`."""

    @abstractmethod
    def make(self, folder: Path) -> Store:
        """A store in a folder: the one that was there, or an empty one."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path

    @pytest.fixture
    def store(self, folder: Path) -> Iterator[Store]:
        made = self.make(folder)
        yield made
        made.close()

    # -- events --------------------------------------------------------------------------------
    def test_an_event_is_in_the_next_history_as_it_was_sent(self, store: Store) -> None:
        sent = Event(user="u", item="a", kind="rating", value=3.5, at=AT + 0.123456)
        (done,) = store.append([sent], at=AT + 5).result()
        past = store.history("u", 10)
        assert (done.status, done.seq) == ("accepted", 1)
        assert past.items.tolist() == [store.changes(0, 1)[0].key]
        assert (past.kinds[0], past.values[0], past.at[0], past.seqs[0]) == (
            KINDS.index("rating"),
            3.5,
            sent.at,
            1,
        )

    def test_without_a_time_or_a_value(self, store: Store) -> None:
        store.append([Event(user="u", item="a")], at=AT).result()
        past = store.history("u", 10)
        assert past.at[0] == AT and math.isnan(past.values[0])

    def test_the_last_n_by_time_oldest_first(self, store: Store) -> None:
        store.append([Event(user="u", item="a", at=AT + k) for k in (3, 1, 2)], at=AT + 9).result()
        assert store.history("u", 2).at.tolist() == [AT + 2, AT + 3]
        assert store.history("stranger", 2).seqs.tolist() == []

    def test_a_history_has_the_contexts_that_are_asked_for(self, store: Store) -> None:
        sent = [
            Event(user="u", item="a", session="s", at=AT + 2, context={"weather": "雨", "place": "home"}),
            Event(user="u", item="b", session="s", at=AT + 3, words="x" * 300),
            Event(user="u", item="a", session="s", at=AT + 1, words="warm", context={"weather": "sun"}),
            Event(user="u", item="a", kind="impression", context={"weather": "fog"}),
        ]
        store.append(sent, at=AT + 9).result()
        names = ["weather", "never"]
        for past in (store.history("u", 9, context=names), store.session_history("s", 9, context=names)):
            assert past.at.tolist() == [AT + 1, AT + 2, AT + 3]
            assert {name: words.tolist() for name, words in past.context.items()} == {
                "weather": ["sun", "雨", ""],
                "never": ["", "", ""],
            }
        assert store.history("u", 2, context=["weather"]).context["weather"].tolist() == ["雨", ""]
        assert store.history("nobody", 2, context=["weather"]).context["weather"].tolist() == []
        assert not store.history("u", 9).context and not store.session_history("s", 9).context
        store.put_users([UserRecord(id="u", personalise=False)], at=AT).result()
        for past in (store.history("u", 9, context=names), store.session_history("s", 9, context=names)):
            assert not len(past.context["weather"])

    def test_impressions_and_searches(self, store: Store) -> None:
        shown = Event(user="u", item="a", kind="impression", slate_id="s")
        searched = Event(user="u", kind="search", words="two violins")
        assert [one.status for one in store.append([shown, searched], at=AT).result()] == ["accepted"] * 2
        past, rows = store.history("u", 10), store.events_after(0, 10)
        assert past.items.tolist() == [0]
        assert rows.kinds.tolist() == [len(KINDS), KINDS.index("search")]
        assert rows.attributed.tolist() == [True, False]

    @pytest.mark.parametrize(
        ("event", "path"),
        [
            (Event(user="u", item="a", kind="stare"), "kind"),
            (Event(user="u", kind="click"), "item"),
            (Event(user="", item="a"), "user"),
            (Event(user="u", item="a", at=math.nan), "at"),
            (Event(user="u", item="a", at=1e300), "at"),
            (Event(user="u", item="a", value=math.inf), "value"),
            (Event(user="u", item="\ud800"), ""),
        ],
    )
    def test_a_bad_event_is_rejected_alone(self, store: Store, event: Event, path: str) -> None:
        outcomes = store.append([event, Event(user="u", item="a")], at=AT).result()
        assert [one.status for one in outcomes] == ["rejected", "accepted"]
        assert outcomes[0].path == path and outcomes[0].detail
        assert store.counts()["events"] == 1

    def test_a_visitor_without_a_name_has_a_session(self, store: Store) -> None:
        events = [Event(user="", item="a", session="s"), Event(user="", item="b", session="t"),
                  Event(user="u", item="c", session="s")]  # fmt: skip
        store.append(events, at=AT).result()
        assert store.session_history("s", 10).seqs.tolist() == [1, 3]
        assert store.history("", 10).seqs.tolist() == []

    def test_pieces_of_the_log(self, store: Store) -> None:
        store.append([Event(user=f"u{k % 2}", item="a") for k in range(5)], at=AT).result()
        rows = store.events_after(2, 2)
        assert rows.seqs.tolist() == [3, 4] and rows.users[0] != rows.users[1]
        assert store.last_seq() == 5 and store.events_after(5, 9).seqs.tolist() == []

    # -- catalogue and users ---------------------------------------------------------------------
    def test_items_come_go_and_keep_their_key(self, store: Store) -> None:
        store.append([Event(user="u", item="a")], at=AT).result()
        (bare,) = store.changes(0, 10)
        assert (bare.id, bare.record) == ("a", None) and store.item("a") is None
        record = ItemRecord(
            id="a", title="A", attributes={"genre": ["x", "y"], "price": 2.5}, available=False
        )
        (revision,) = store.put_items([record], at=AT).result()
        assert store.item("a") == msgspec.structs.replace(record, updated_at=AT)
        assert [(c.revision, c.key) for c in store.changes(bare.revision, 10)] == [(revision, bare.key)]
        assert store.delete_items(["a", "b"], at=AT).result() == [True, False]
        assert store.delete_items(["a"], at=AT).result() == [False]
        (gone,) = store.changes(revision, 10)
        assert (gone.key, gone.record, store.item("a"), store.counts()["items"]) == (bare.key, None, None, 0)

    def test_only_the_last_change_of_each_item(self, store: Store) -> None:
        for title in "xyz":
            store.put_items([ItemRecord(id="a", title=title), ItemRecord(id=title)], at=AT).result()
        changes = store.changes(0, 100)
        assert [change.id for change in changes] == ["x", "y", "a", "z"]
        assert changes[2].record and changes[2].record.title == "z"
        assert store.counts()["items"] == 4

    def test_lists_by_id(self, store: Store) -> None:
        store.put_items([ItemRecord(id=id) for id in "cab"], at=AT).result()
        store.put_users([UserRecord(id=id) for id in "zxy"], at=AT).result()
        assert [item.id for item in store.items(limit=2)] == ["a", "b"]
        assert [item.id for item in store.items(after="b")] == ["c"]
        assert [user.id for user in store.users(after="x")] == ["y", "z"]

    def test_an_id_is_needed(self, store: Store) -> None:
        with pytest.raises(DataError, match="an id"):
            store.put_items([ItemRecord(id="a"), ItemRecord(id="")], at=AT).result()
        assert store.item("a") is None

    def test_a_history_brings_what_the_user_has_said_of_own_interests(self, store: Store) -> None:
        said = ProfileRecord(interests=[InterestRecord(words="quiet films")])
        store.append([Event(user="u", item="a"), Event(user="v", item="a")], at=AT).result()
        store.put_profile("u", said, at=AT, actor="me").result()
        kept = store.history("u", 10).profile
        assert kept == store.profile("u")
        assert kept is not None and kept.interests == said.interests
        assert store.history("v", 10).profile is None
        store.put_users([UserRecord(id="u", personalise=False)], at=AT).result()
        assert store.history("u", 10).profile is None
        store.put_users([UserRecord(id="u")], at=AT).result()
        store.put_profile("u", None, at=AT, actor="me").result()
        assert store.history("u", 10).profile is None

    def test_who_opts_out_has_no_history_until_coming_back(self, store: Store) -> None:
        store.append([Event(user="u", item="a", session="s")], at=AT).result()
        store.put_users([UserRecord(id="u", personalise=False)], at=AT).result()
        assert not len(store.history("u", 9).seqs) and not len(store.session_history("s", 9).seqs)
        assert not len(store.snapshot())
        store.put_users([UserRecord(id="u", attributes={"age": 30.0})], at=AT).result()
        assert len(store.history("u", 9).seqs) == 1
        assert store.user("u") == UserRecord(id="u", attributes={"age": 30.0}, updated_at=AT)
        assert store.user("nobody") is None

    def test_export_names_everything(self, store: Store) -> None:
        event = Event(
            user="u", item="a", kind="review", value=4.0, at=AT, words="fine", slate_id="s", session="t",
            context={"place": "home"}, event_id="e",
        )  # fmt: skip
        store.append([event, Event(user="v", item="a")], at=AT + 1).result()
        store.add_slate(slate("s"))
        store.set_setting("x", "y", at=AT, actor="me").result()
        said = store.export("u")
        sent = msgspec.to_builtins(event)
        del sent["user"]
        assert said["events"] == [{"seq": 1, "received_at": AT + 1, **sent}]
        assert [one["id"] for one in said["slates"]] == ["s"]
        assert msgspec.json.decode(msgspec.json.encode(store.export("nobody"))) == {
            "user": None, "events": [], "profile": None, "slates": [],
        }  # fmt: skip

    # -- answers, keys, the rest -------------------------------------------------------------------
    def test_slates_are_there_at_once_and_go_by_age(self, folder: Path) -> None:
        store = self.make(folder)
        assert all(store.add_slate(slate(f"s{k}", "uv"[k % 2], AT + k)) for k in range(4))
        assert store.slate("s3") == slate("s3", "v", AT + 3)
        store.close()
        store = self.make(folder)
        assert store.slate("s3") == slate("s3", "v", AT + 3) and store.slate("none") is None
        assert [one.id for one in store.slates()] == ["s3", "s2", "s1", "s0"]
        assert [one.id for one in store.slates(user="u", limit=1)] == ["s2"]
        assert store.forget_slates(before=AT + 2).result() == 2
        assert [one.id for one in store.slates()] == ["s3", "s2"] and store.counts()["slates"] == 2
        store.close()

    def test_keys(self, store: Store) -> None:
        key = KeyRecord(
            id="k", name="shop", digest=b"\x00\xff", scopes=["read"], created_at=AT, expires_at=AT + 9
        )
        store.add_key(key, actor="me").result()
        store.used_keys({"k": AT + 2, "none": AT})
        assert store.revoke_key("k", at=AT + 3, actor="me").result()
        assert not store.revoke_key("k", at=AT + 4, actor="me").result()
        assert not store.revoke_key("none", at=AT, actor="me").result()
        assert store.keys() == [msgspec.structs.replace(key, revoked_at=AT + 3, last_used_at=AT + 2)]
        assert [(row.action, row.target) for row in store.audit_rows()] == [
            ("key.add", "k"),
            ("key.revoke", "k"),
        ]
        with pytest.raises(Exception, match="UNIQUE"):
            store.add_key(key, actor="me").result()

    def test_the_trail_does_not_grow_with_the_length_of_settings(self, store: Store) -> None:
        store.set_setting("tags", "x" * 100_000, at=AT, actor="a").result()
        assert store.setting("tags") == "x" * 100_000
        detail = store.audit_rows()[0].detail
        assert len(detail) < 1100 and detail.endswith("(100000 characters)") and store.audit_is_whole()

    def test_audit_pages_and_whole(self, store: Store) -> None:
        assert store.audit_is_whole()
        for number in range(3):
            store.audit(at=AT, actor="a", action="x", target=str(number), detail="d").result()
        assert [row.target for row in store.audit_rows(after=1, limit=1)] == ["1"]
        assert store.audit_is_whole() and len({row.digest for row in store.audit_rows()}) == 3

    def test_settings_and_checkpoints(self, store: Store) -> None:
        assert store.setting("artefact") == "" and store.checkpoint("counters") is None
        store.set_setting("artefact", "v2", at=AT, actor="me").result()
        store.save_checkpoint("counters", 7, b"\x00state").result()
        store.save_checkpoint("counters", 8, b"later").result()
        assert store.setting("artefact") == "v2" and store.checkpoint("counters") == (8, b"later")
        assert [row.action for row in store.audit_rows()] == ["setting.set"]

    def test_changes_at_once_lose_nothing(self, store: Store) -> None:
        store.put_items([ItemRecord(id="a", title="A")], at=AT).result()

        def named(record: Any, n: int) -> Any:
            return msgspec.structs.replace(record, attributes={**record.attributes, f"x{n}": n})

        waiting: list[Any] = [store.change_item("a", lambda r, n=n: named(r, n), at=AT) for n in range(20)]
        waiting += [store.change_user("u", lambda r, n=n: named(r, n), at=AT) for n in range(20)]
        revisions = [one.result() for one in waiting][:20]
        item, user = store.item("a"), store.user("u")
        assert item is not None and user is not None and item.title == "A"
        assert item.attributes == user.attributes == {f"x{n}": n for n in range(20)}
        assert revisions == sorted(set(revisions)) and revisions[-1] == store.last_revision()

    def test_a_change_that_fails_writes_nothing(self, store: Store) -> None:
        def refuse(record: Any) -> Any:
            raise LookupError("nobody")

        for waiting in (store.change_item("none", refuse, at=AT), store.change_user("none", refuse, at=AT)):
            with pytest.raises(LookupError, match="nobody"):
                waiting.result()
        assert store.item("none") is None and store.user("none") is None and store.last_revision() == 0
        store.append([Event(user="u", item="a")], at=AT).result()

    def test_of_many_users_all_change_or_none(self, store: Store) -> None:
        def city(name: str) -> Any:
            return lambda record: msgspec.structs.replace(record, attributes={**record.attributes, name: 1.0})

        def refuse(record: Any) -> Any:
            raise LookupError("nobody")

        with pytest.raises(LookupError, match="nobody"):
            store.change_users([("u", city("x")), ("v", refuse)], at=AT).result()
        assert store.user("u") is None and store.users() == [] and store.counts()["users"] == 0
        store.change_users([("u", city("x")), ("v", city("y")), ("u", city("z"))], at=AT).result()
        assert {one.id: set(one.attributes) for one in store.users()} == {"u": {"x", "z"}, "v": {"y"}}

    def test_answers_are_remembered_for_a_day(self, store: Store) -> None:
        store.remember("k", b"first", at=AT).result()
        assert store.remembered("k") == b"first" and store.remembered("other") is None
        store.remember("l", b"later", at=AT + 86_399).result()
        assert store.remembered("k") == b"first"
        store.remember("m", b"next day", at=AT + 86_401).result()
        assert store.remembered("k") is None and store.remembered("l") == b"later"

    def test_everything_taken_is_written_before_it_closes(self, folder: Path) -> None:
        store = self.make(folder)
        futures = [store.append([Event(user="u", item="a")], at=AT) for _ in range(200)]
        store.close()
        assert all(future.result() for future in futures)
        with pytest.raises(StoreError, match="closed"):
            store.append([], at=AT)
        with pytest.raises(StoreError, match="closed"):
            store.history("u", 1)
        store = self.make(folder)
        assert store.counts()["events"] == 200
        store.close()

    # -- data sets -----------------------------------------------------------------------------
    def test_a_data_set_comes_back_as_it_was(self, store: Store) -> None:
        data = checkerboard()
        store.load(data, at=AT)
        back = store.snapshot()
        assert back.users == data.users and back.items.ids == data.items.ids
        assert back.items.titles == data.items.titles and back.items.texts == data.items.texts
        assert back.items.item(3) == data.items.item(3)
        for name in ("user", "item", "kind", "value", "weight", "at", "indptr"):
            np.testing.assert_array_equal(getattr(back, name), getattr(data, name))
        assert store.counts() == {"events": len(data), "items": 16, "users": 24, "slates": 0}
        with pytest.raises(StoreError, match="already"):
            store.load(data, at=AT)

    def test_without_a_clock_the_order_stays(self, store: Store) -> None:
        data = checkerboard(clock=False)
        store.load(data, at=AT)
        back = store.snapshot()
        assert not back.has_clock
        np.testing.assert_array_equal(back.item, data.item)
        assert np.isnan(store.history("u3", 3).at).all()

    def test_contexts_of_a_data_set_come_back(self, store: Store) -> None:
        rows = [
            Interaction("u", "a", at=AT + 2, context={"weather": "rain", "place": "home"}),
            Interaction("u", "b", at=AT + 1, context={"weather": "sun"}),
            Interaction("v", "a", at=AT),
        ]
        data = Dataset.of(rows, [Item("a"), Item("b")])
        store.load(data, at=AT)
        back = store.snapshot().context
        assert {name: words.tolist() for name, words in back.items()} == {
            name: words.tolist() for name, words in data.context.items()
        }
        past = store.history("u", 9, context=["place", "weather"]).context
        assert {name: words.tolist() for name, words in past.items()} == {
            "place": ["", "home"],
            "weather": ["sun", "rain"],
        }

    def test_what_was_sent_weighs_what_it_would_weigh_imported(self, store: Store) -> None:
        rows = [
            Interaction("u", "a", "play", 60.0, AT, context={"duration": "120", "place": "home"}),
            Interaction("u", "b", "rating", 2.0, AT + 1), Interaction("v", "bare", "purchase", 9.5, AT + 2),
        ]  # fmt: skip
        items = [Item("a", "A", "text", {"genre": ("x", "y"), "price": 2.0}), Item("b", "B")]
        wanted = Dataset.of(rows, items)
        said = [
            {k: list(v) if isinstance(v, tuple) else v for k, v in item.attributes.items()} for item in items
        ]
        records = [
            ItemRecord(id=item.id, title=item.title, text=item.text, attributes=attributes)
            for item, attributes in zip(items, said, strict=True)
        ]
        store.put_items(records, at=AT).result()
        events = [
            Event(user=r.user, item=r.item, kind=r.kind, value=r.value, at=r.at, context=r.context)
            for r in rows
        ]
        store.append([*events, Event(user="w", item="a", kind="impression")], at=AT + 3).result()
        back = store.snapshot()
        assert back.users == wanted.users and back.items.ids == wanted.items.ids
        assert [back.items.item(code) for code in range(3)] == [wanted.items.item(code) for code in range(3)]
        for name in ("user", "item", "kind", "value", "weight", "at"):
            np.testing.assert_array_equal(getattr(back, name), getattr(wanted, name))
        assert {name: words.tolist() for name, words in back.context.items()} == {
            name: words.tolist() for name, words in wanted.context.items()
        }

    def test_live_events_follow_loaded_ones(self, store: Store) -> None:
        store.load(checkerboard(), at=AT)
        before = store.history("u0", 100)
        store.append([Event(user="u0", item="new")], at=AT).result()
        after = store.history("u0", 100)
        assert after.seqs.tolist() == [*before.seqs.tolist(), 145]
        assert store.changes(16, 9)[0].key == 17

    def test_user_attributes(self, store: Store) -> None:
        store.put_users(
            [UserRecord(id="u", attributes={"age": 30.0, "job": "cook"}), UserRecord(id="idle")], at=AT
        )
        store.append([Event(user="u", item="a"), Event(user="v", item="a")], at=AT).result()
        back = store.snapshot()
        assert list(back.users) == ["u", "v"]
        assert back.user_words["job"].words(0) == ("cook",) and back.user_words["job"].words(1) == ()
        np.testing.assert_array_equal(back.user_numbers["age"], [30.0, np.nan])


class TestSqlite(StoreTests):
    def make(self, folder: Path) -> Store:
        return SqliteStore.open(folder / "store.db", commit_ms=0)


def test_a_history_leaves_the_context_beside_a_long_text(tmp_path: Path) -> None:
    with closing(SqliteStore.open(tmp_path / "store.db", commit_ms=0)) as store:
        home = {"place": "home"}
        sent = [Event(user="u", item="a", words="x" * n, context=home, at=AT + n) for n in (9, 20_000)]
        store.append(sent, at=AT + 20_000).result()
        assert store.history("u", 9, context=["place"]).context["place"].tolist() == ["home", ""]
        assert store.snapshot().context["place"].tolist() == ["home", "home"]


def test_a_context_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(SqliteStore.open(path, commit_ms=0)) as store:
        store.append([Event(user="u", item="a", context={"place": "home"})], at=AT).result()
        with closing(apsw.Connection(str(path))) as db:
            db.execute("UPDATE events SET more = x'c1'")
        with pytest.raises(StoreError, match="damaged"):
            store.history("u", 9, context=["place"])
        assert len(store.history("u", 9).seqs) == 1


def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "store.db", max_queue=100, commit_ms=50)
    store.append([], at=AT).result()
    events = [Event(user="u", item="a")] * 30
    futures = []

    def flood() -> None:
        for _ in range(1000):
            futures.append(store.append(events, at=AT))

    with pytest.raises(StoreBusyError, match="wait"):
        flood()
    assert 0 < len(futures) < 20
    assert not all(store.add_slate(slate(f"s{k}")) for k in range(1000))
    store.close()
    assert all(len(future.result()) == 30 for future in futures)


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "store.db").close()
    assert (tmp_path / "store.db").stat().st_mode & 0o077 == 0
