"""One thread that writes: what many callers want goes to disk in one commit, and only then are they told."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import apsw

from zhiyin.errors import StoreBusyError, StoreError
from zhiyin.store.connections import FATAL, refusal, rows
from zhiyin.store.turns import Turns

__all__ = ["GroupCommit", "Transaction"]

T = TypeVar("T")
MOST_ROWS = 4_000
"""Rows of one commit: bounds how long the first of them waits for the last."""
WAL_PAGES = 4_000
"""Pages in the write-ahead log (16 MB) from which on it is copied into the database."""
LAZY_S = 0.1
"""What nobody waits for is written with the next commit, at the latest after this."""
SCRUB_S = 0.05


@dataclass(slots=True)
class Transaction:
    """An open transaction, with the counters of the store: numbers given out, and sizes."""

    db: apsw.Connection
    counters: dict[str, int] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, db: apsw.Connection) -> Transaction:
        db.execute("BEGIN IMMEDIATE")
        counters = dict(rows(db, "SELECT name, n FROM counters"))
        return cls(db, counters, dict(counters))

    def add(self, name: str, n: int = 1) -> int:
        """Add to a counter; its new value."""
        self.counters[name] = value = self.counters.get(name, 0) + n
        return value

    def commit(self) -> None:
        changed = [(name, n) for name, n in self.counters.items() if self._before.get(name) != n]
        if changed:
            self.db.executemany("INSERT OR REPLACE INTO counters VALUES(?, ?)", changed)
        self.db.execute("COMMIT")


@dataclass(slots=True)
class Write:
    """Something to be done in a transaction, and who waits for it."""

    apply: Callable[[Transaction], Any]
    rows: int
    future: Future[Any] | None
    scrub: bool = False
    """Done only when the write-ahead log holds no copy of what was deleted."""
    after: Callable[[], None] | None = None
    result: Any = None
    error: BaseException | None = None

    def settle(self, error: BaseException | None = None) -> None:
        if self.after is not None:
            self.after()
        if self.future is None:
            return
        if error is not None or self.error is not None:
            self.future.set_exception(error or self.error)
        else:
            self.future.set_result(self.result)


class GroupCommit:
    """Takes writes, commits them together, resolves their futures. Bounded: a full queue refuses at once.

    Writers of several processes take turns by a lock on a file beside the database. After a failed commit
    nothing of it is kept, every future of it fails, and the next one starts on a fresh connection.
    """

    def __init__(
        self,
        *,
        path: Path,
        connect: Callable[[], apsw.Connection],
        connect_checkpoint: Callable[[], apsw.Connection] | None = None,
        commit_ms: float = 2.0,
        max_queue: int = 20_000,
    ) -> None:
        self.path = path
        self.connect = connect
        self.connect_checkpoint = connect_checkpoint or connect
        self.commit_ms = commit_ms
        self.max_queue = max_queue
        self.failure = ""
        self._queue: deque[Write] = deque()
        self._rows = 0
        self._eager = 0
        self._wake = threading.Condition()
        self._closing = False
        self._db: apsw.Connection | None = None
        self._checkpointer: apsw.Connection | None = None
        self._wal_pages = 0
        self._checkpoint_at = WAL_PAGES
        self._scrub_at = 0.0
        self._to_scrub: list[Write] = []
        self._thread = threading.Thread(target=self._run, name="zhiyin-store", daemon=True)

    def start(self) -> Self:
        """Opens the files and begins to write."""
        self._turns = Turns(self.path)
        # As long as it is open, a fresh writer goes on from the last good commit. Without it the writer would
        # read the log anew, find the frames of a commit whose sync failed, and build on what the disk never
        # got.
        self._anchor = connect_anchor(self.connect)
        self._thread.start()
        return self

    # -- callers ---------------------------------------------------------------------------------
    def submit(self, apply: Callable[[Transaction], T], *, rows: int = 1, scrub: bool = False) -> Future[T]:
        """A future that is done when the write is on disk."""
        future: Future[T] = Future()
        if not self._put(Write(apply, rows, future, scrub)):
            raise StoreBusyError(
                f"{self._rows:,} rows wait to be written, at most {self.max_queue:,} may: try again later"
            )
        return future

    def submit_lazily(self, apply: Callable[[Transaction], Any], *, after: Callable[[], None]) -> bool:
        """Written with the next commit; `after` is called when it was, or when it failed. False: refused."""
        return self._put(Write(apply, 1, None, after=after))

    def _put(self, write: Write) -> bool:
        with self._wake:
            if self._closing:
                raise StoreError(f"{self.path} has been closed: open it again")
            # A write that is larger than the whole queue may go in when it is empty.
            if self._rows and self._rows + write.rows > self.max_queue:
                return False
            self._queue.append(write)
            self._rows += write.rows
            if write.future is not None:
                self._eager += 1
            if self._eager == 1 and write.future is not None:
                self._wake.notify()  # what is written behind is found by itself
        return True

    def close(self) -> None:
        """Returns when everything taken is written, or has failed."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        self._anchor.close()
        self._turns.close()

    # -- the thread --------------------------------------------------------------------------------
    def _run(self) -> None:
        last = 0.0
        while True:
            batch = self._take(last)
            if batch:
                self._commit(batch)
                last = time.monotonic()
            elif self._closing and not self._queue:  # a batch is empty too where all of it was cancelled
                break
            if self._to_scrub and time.monotonic() >= self._scrub_at:
                self._scrub()
                self._scrub_at = time.monotonic() + SCRUB_S
            elif self._wal_pages >= self._checkpoint_at:
                pages = self._wal_pages
                self._checkpoint_at = WAL_PAGES + (0 if self._checkpoint() else pages)
        self._end()

    def _take(self, last: float) -> list[Write]:
        """What is to be committed next; [] when something else is due.

        Commits are at least `commit_ms` apart, so that under load more callers share one sync; the first
        after a pause does not wait.
        """
        with self._wake:
            while not self._eager and not self._closing:
                if not self._wake.wait(LAZY_S):
                    break
        pause = last + self.commit_ms / 1e3 - time.monotonic()
        if pause > 0 and not self._closing:
            time.sleep(pause)
        batch: list[Write] = []
        rows = 0
        with self._wake:
            while self._queue and (not batch or rows + self._queue[0].rows <= MOST_ROWS):
                write = self._queue.popleft()
                rows += write.rows
                self._eager -= write.future is not None
                batch.append(write)
            self._rows -= rows
        return [
            write for write in batch if write.future is None or write.future.set_running_or_notify_cancel()
        ]

    def _commit(self, batch: list[Write]) -> None:
        try:
            db = self._connection()
            with self._turns.mine():
                transaction = Transaction.begin(db)
                for write in batch:
                    apply(write, transaction)
                transaction.commit()
        except FATAL as error:
            self._fail(batch, error)
            return
        self.failure = ""
        for write in batch:
            if write.scrub and write.error is None:
                self._to_scrub.append(write)
            else:
                write.settle()

    def _fail(self, batch: list[Write], error: BaseException) -> None:
        """Nothing of the batch counts. The connection goes too: what it cached may not be what is on disk."""
        said = refusal(error, self.path)
        said.__cause__ = error
        self.failure = str(said)
        self._turns.note(unsure=True)
        self._close_connections()
        for write in batch:
            write.settle(said)

    def _connection(self) -> apsw.Connection:
        if self._db is None:
            self._db = self.connect()
            self._db.set_wal_hook(self._count_pages)
        return self._db

    def _count_pages(self, _: apsw.Connection, __: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    # -- the write-ahead log -------------------------------------------------------------------------
    def _checkpoint(self, mode: int = apsw.SQLITE_CHECKPOINT_PASSIVE, *, wait_ms: int = 0) -> bool:
        """Copy the log into the database, after the callers were told; whether all of it is there.

        A failure loses nothing, the log stays: it is tried again after the next commit.
        """
        try:
            if self._checkpointer is None:
                self._checkpointer = self.connect_checkpoint()
            self._checkpointer.set_busy_timeout(wait_ms)
            with self._turns.mine():
                pages, copied = self._checkpointer.wal_checkpoint(mode=mode)
        except (apsw.BusyError, apsw.LockedError):
            return False
        except (apsw.Error, OSError) as error:
            self.failure = str(refusal(error, self.path))
            self._close_connections()
            return False
        if pages == copied:
            self._wal_pages = 0
        return pages == copied

    def _scrub(self, wait_ms: int = 20) -> None:
        """Empty the log, then tell who asked for an erasure. Readers of an old state hold it up: later."""
        if not self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE, wait_ms=wait_ms):
            return
        self._turns.note(unsure=False)
        # Its cache may hold copies of what was deleted, and would write them into the log again.
        self._close_connections()
        waiting, self._to_scrub = self._to_scrub, []
        for write in waiting:
            write.settle()

    def _end(self) -> None:
        if self._to_scrub:
            self._scrub(wait_ms=5_000)
        said = StoreError(f"{self.path} was closed while others read: erase again, copies may be in its log")
        for write in self._to_scrub:
            write.settle(said)
        if not self.failure:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE, wait_ms=200)
        self._close_connections()

    def _close_connections(self) -> None:
        for db in (self._db, self._checkpointer):
            if db is not None:
                try:
                    db.close(True)
                except apsw.Error:  # what it could not undo, the next open will
                    continue
        self._db = self._checkpointer = None


def connect_anchor(connect: Callable[[], apsw.Connection]) -> apsw.Connection:
    """A connection that only holds on to the index of the write-ahead log."""
    db = connect()
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return db


def apply(write: Write, transaction: Transaction) -> None:
    """One write under a savepoint: if it fails by its own fault, the others do not notice."""
    db, counters = transaction.db, dict(transaction.counters)
    db.execute("SAVEPOINT one")
    try:
        write.result = write.apply(transaction)
    except FATAL:
        raise
    except Exception as error:
        if not db.in_transaction:
            raise StoreError(
                f"the store could not write: the database gave up the transaction ({error})"
            ) from error
        db.execute("ROLLBACK TO one")
        write.error = error
        transaction.counters = counters
    db.execute("RELEASE one")
