"""The embedded store: one SQLite file, one thread that writes, a reading connection per thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import apsw

from zhiyin.data.dataset import Dataset
from zhiyin.errors import StoreError
from zhiyin.store import attribute_kinds, catalogue_rows, event_log, ledger, meanings, people, slates
from zhiyin.store.connections import connect_reader, connect_writer, reading, refusal, rows, value
from zhiyin.store.erasures import is_erased
from zhiyin.store.group_commit import GroupCommit, Transaction
from zhiyin.store.loading import load
from zhiyin.store.opening import prepare
from zhiyin.store.page_sums import summing_vfs
from zhiyin.store.recent import recent
from zhiyin.store.records import (
    AuditRow,
    Event,
    EventRows,
    ItemChange,
    ItemRecord,
    KeyRecord,
    Outcome,
    PastRows,
    ProfileRecord,
    Receipt,
    RecentEvent,
    Slate,
    TagsRecord,
    UserRecord,
)
from zhiyin.store.snapshot import snapshot

__all__ = ["SqliteStore"]


class SqliteStore:
    """The contract of `zhiyin.store.contract.Store` over one file, shared by the processes of one machine.

    Open it after a fork, not before. The file must lie on a local disk. Beside it stand `-wal` and `-shm`,
    which belong to it, and `.lock`.
    """

    def __init__(self, *, path: Path, writer: GroupCommit, pepper: bytes, busy_ms: int, vfs: str) -> None:
        self.path = path
        self._writer = writer
        self._pepper = pepper
        self._busy_ms = busy_ms
        self._vfs = vfs
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._waiting: dict[tuple[str, str], Any] = {}
        """What is written behind and not yet in the file, by kind and id: readable at once here."""

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        pepper: bytes = b"",
        busy_ms: int = 5000,
        commit_ms: float = 2.0,
        max_queue: int = 20_000,
        synchronous: str = "FULL",
        vfs: str = "",
        verify: bool = True,
    ) -> Self:
        """Makes the file when there is none; migrates an older one; refuses a newer or a damaged one.

        `pepper` keys the digests of receipts. Commits are at least `commit_ms` apart. At most `max_queue`
        rows wait to be written. `synchronous` below FULL and another `vfs` are for tests: they
        give up promises; so does `verify=False`, which does not look for damage (3 s a gigabyte).
        """
        path = Path(path)

        def connect(vfs: str = vfs) -> apsw.Connection:
            return connect_writer(path, busy_ms=busy_ms, synchronous=synchronous, vfs=vfs)

        def connect_summing() -> apsw.Connection:
            return connect(summing_vfs(vfs))

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            prepare(path, connect_summing, verify=verify)
            writer = GroupCommit(
                path=path,
                connect=connect,
                connect_checkpoint=connect_summing,
                commit_ms=commit_ms,
                max_queue=max_queue,
            ).start()
        except (apsw.Error, OSError) as error:
            raise refusal(error, path, "open") from error
        return cls(path=path, writer=writer, pepper=pepper, busy_ms=busy_ms, vfs=vfs)

    # -- events --------------------------------------------------------------------------------
    def append(self, events: Sequence[Event], *, at: float) -> Future[list[Outcome]]:
        events = tuple(events)
        return self._writer.submit(lambda tx: event_log.append(tx, events, at), rows=len(events))

    def history(self, user: str, n: int, *, context: Sequence[str] = ()) -> PastRows:
        with self._reader() as db:
            return event_log.history(db, user, n, self.path, context)

    def session_history(self, session: str, n: int, *, context: Sequence[str] = ()) -> PastRows:
        with self._reader() as db:
            return event_log.session_history(db, session, n, self.path, context)

    def events_after(self, seq: int, limit: int, *, context: Sequence[str] = ()) -> EventRows:
        with self._reader() as db:
            return event_log.event_rows(db, seq, limit, self.path, context)

    def recent(self, *, after: int, limit: int) -> list[RecentEvent]:
        with self._reader() as db:
            return recent(db, after, limit, self.path)

    def last_seq(self) -> int:
        return self._counter("seq")

    def last_revision(self) -> int:
        return self._counter("revision")

    # -- catalogue and users ---------------------------------------------------------------------
    def put_items(self, items: Sequence[ItemRecord], *, at: float) -> Future[list[int]]:
        items = tuple(items)
        return self._writer.submit(lambda tx: catalogue_rows.put_items(tx, items, at), rows=len(items))

    def change_item(
        self, id: str, change: Callable[[ItemRecord | None], ItemRecord], *, at: float
    ) -> Future[int]:
        def write(tx: Transaction) -> int:
            return catalogue_rows.put_items(tx, [change(catalogue_rows.item(tx.db, id))], at)[0]

        return self._writer.submit(write)

    def delete_items(self, ids: Sequence[str], *, at: float) -> Future[list[bool]]:
        ids = tuple(ids)
        return self._writer.submit(lambda tx: catalogue_rows.delete_items(tx, ids), rows=len(ids))

    def item(self, id: str) -> ItemRecord | None:
        with self._reader() as db:
            return catalogue_rows.item(db, id)

    def items(self, *, after: str = "", limit: int = 100) -> list[ItemRecord]:
        with self._reader() as db:
            return catalogue_rows.items(db, after, limit)

    def item_names(self, keys: Sequence[int]) -> dict[int, str]:
        with self._reader() as db:
            return catalogue_rows.item_names(db, keys)

    def changes(self, revision: int, limit: int) -> list[ItemChange]:
        with self._reader() as db:
            return catalogue_rows.changes(db, revision, limit)

    def kinds(self, names: Sequence[str]) -> dict[str, str]:
        with self._reader() as db:
            return attribute_kinds.kinds(db, names)

    def settle_kinds(self, kinds: Mapping[str, str]) -> Future[dict[str, str]]:
        said = dict(kinds)
        return self._writer.submit(lambda tx: attribute_kinds.settle_kinds(tx, said))

    def put_users(self, users: Sequence[UserRecord], *, at: float) -> Future[None]:
        users = tuple(users)
        return self._writer.submit(lambda tx: people.put_users(tx, users, at), rows=len(users))

    def change_user(self, id: str, change: Callable[[UserRecord], UserRecord], *, at: float) -> Future[None]:
        return self.change_users([(id, change)], at=at)

    def change_users(
        self, changes: Sequence[tuple[str, Callable[[UserRecord], UserRecord]]], *, at: float
    ) -> Future[None]:
        changes = tuple(changes)
        return self._writer.submit(lambda tx: people.change_users(tx, changes, at), rows=len(changes))

    def user(self, id: str) -> UserRecord | None:
        with self._reader() as db:
            return people.user(db, id)

    def users(self, *, after: str = "", limit: int = 100) -> list[UserRecord]:
        with self._reader() as db:
            return people.users(db, after, limit)

    def export(self, user: str) -> dict[str, Any]:
        with self._reader() as db:
            return people.export(db, user, self.path)

    def profile(self, user: str) -> ProfileRecord | None:
        with self._reader() as db:
            return meanings.profile(db, user)

    def put_profile(self, user: str, record: ProfileRecord | None, *, at: float, actor: str) -> Future[bool]:
        return self._writer.submit(lambda tx: meanings.put_profile(tx, user, record, at, actor))

    def tags(self, item: str) -> TagsRecord | None:
        with self._reader() as db:
            return meanings.tags(db, item)

    def put_tags(self, item: str, record: TagsRecord, *, at: float, actor: str = "") -> Future[None]:
        return self._writer.submit(lambda tx: meanings.put_tags(tx, item, record, at, actor))

    def erase(self, user: str, *, at: float, actor: str) -> Future[Receipt]:
        asked = time.monotonic()

        def write(tx: Transaction) -> Receipt:
            until = at + time.monotonic() - asked  # what was served while it waited is of the old state too
            return people.erase(tx, user, at, actor, self._pepper, until=until)

        return self._writer.submit(write, scrub=True)

    # -- answers ---------------------------------------------------------------------------------
    def add_slate(self, slate: Slate) -> bool:
        return self._behind(("slate", slate.id), slate, lambda tx: slates.add_slate(tx, slate, self._pepper))

    def slate(self, id: str) -> Slate | None:
        with self._reader() as db:
            waiting: Slate | None = self._waiting.get(("slate", id))
            if waiting is not None and not is_erased(db, waiting, self._pepper):
                return waiting
            return slates.slate(db, id)

    def slates(self, *, user: str = "", limit: int = 20) -> list[Slate]:
        with self._reader() as db:
            return slates.slates(db, user, limit)

    def slates_with(self, item: str, *, among: int) -> tuple[int, list[tuple[int, Slate]]]:
        with self._reader() as db:
            return slates.slates_with(db, item, among)

    def forget_slates(self, *, before: float) -> Future[int]:
        forgotten: Future[int] = Future()
        self._forget_slates(before, 0, forgotten)
        return forgotten

    # -- keys, audit, settings, checkpoints --------------------------------------------------------
    def add_key(self, key: KeyRecord, *, actor: str) -> Future[None]:
        return self._writer.submit(lambda tx: ledger.add_key(tx, key, actor))

    def revoke_key(self, id: str, *, at: float, actor: str) -> Future[bool]:
        return self._writer.submit(lambda tx: ledger.revoke_key(tx, id, at, actor))

    def keys(self) -> list[KeyRecord]:
        with self._reader() as db:
            return ledger.keys(db)

    def used_keys(self, last_used_at: Mapping[str, float]) -> None:
        used = dict(last_used_at)
        self._behind(("keys", ""), used, lambda tx: ledger.use_keys(tx, used))

    def audit(self, *, at: float, actor: str, action: str, target: str, detail: str = "") -> Future[None]:
        return self._writer.submit(lambda tx: ledger.add_audit(tx, at, actor, action, target, detail))

    def audit_rows(self, *, after: int = 0, limit: int = 100) -> list[AuditRow]:
        with self._reader() as db:
            return ledger.audit_rows(db, after, limit)

    def audit_is_whole(self) -> bool:
        with self._reader() as db:
            return ledger.audit_is_whole(db)

    def setting(self, name: str) -> str:
        with self._reader() as db:
            return ledger.setting(db, name)

    def set_setting(self, name: str, value: str, *, at: float, actor: str) -> Future[None]:
        return self._writer.submit(lambda tx: ledger.set_setting(tx, name, value, at, actor))

    def checkpoint(self, name: str) -> tuple[int, bytes] | None:
        with self._reader() as db:
            return ledger.checkpoint(db, name)

    def save_checkpoint(self, name: str, seq: int, state: bytes) -> Future[None]:
        return self._writer.submit(lambda tx: ledger.save_checkpoint(tx, name, seq, state))

    def remembered(self, key: str) -> bytes | None:
        with self._reader() as db:
            return ledger.remembered(db, key)

    def remember(self, key: str, answer: bytes, *, at: float) -> Future[None]:
        return self._writer.submit(lambda tx: ledger.remember(tx, key, answer, at))

    # -- all of it ---------------------------------------------------------------------------------
    def snapshot(self) -> Dataset:
        with self._reader() as db:
            return snapshot(db, self.path)

    def load(self, data: Dataset, *, at: float) -> None:
        self._writer.submit(lambda tx: load(tx, data, at)).result()

    def counts(self) -> dict[str, int]:
        with self._reader() as db:
            found = dict(rows(db, "SELECT name, n FROM counters"))
        return {name: found.get(name, 0) for name in ("events", "items", "users", "slates")}

    def writable(self) -> str:
        return self._writer.failure

    def close(self) -> None:
        if self._closed:
            return
        self._writer.close()
        self._closed = True
        with self._lock:
            for db in self._readers:
                with suppress(apsw.Error):  # in use by another thread: it ends with it
                    db.close(True)
            self._readers.clear()

    # -- inside --------------------------------------------------------------------------------
    def _counter(self, name: str) -> int:
        with self._reader() as db:
            return int(value(db, "SELECT n FROM counters WHERE name = ?", (name,)) or 0)

    def _forget_slates(self, before: float, n: int, forgotten: Future[int]) -> None:
        """Piece by piece: the writes of others come between."""

        def then(piece: Future[int]) -> None:
            try:
                if piece.result() < slates.PIECE:
                    forgotten.set_result(n + piece.result())
                else:
                    self._forget_slates(before, n + piece.result(), forgotten)
            except StoreError as error:
                forgotten.set_exception(error)

        self._writer.submit(lambda tx: slates.forget_slates(tx, before)).add_done_callback(then)

    def _behind(self, name: tuple[str, str], said: Any, apply: Any) -> bool:
        self._waiting[name] = said
        taken = self._writer.submit_lazily(apply, after=lambda: self._waiting.pop(name, None))
        if not taken:
            self._waiting.pop(name, None)
        return taken

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        """This thread's connection, and failures as errors of the store."""
        with reading(self.path):
            db = getattr(self._local, "db", None)
            if db is None or self._closed:
                if self._closed:
                    raise StoreError(f"{self.path} has been closed: open it again")
                db = self._local.db = connect_reader(self.path, busy_ms=self._busy_ms, vfs=self._vfs)
                with self._lock:
                    self._readers.append(db)
            yield db
