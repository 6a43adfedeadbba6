"""What a store must be able to do: durable state behind one set of verbs, whatever the database.

Every write returns a future that is done when the change is on disk (fsynced); before that it may be
lost, after that it may not. Writes of many callers share one commit. A failed commit fails every future
in it, and nothing of it is kept. Reads see every change whose future was done before they began, in
every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from zhiyin.data.dataset import Dataset
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

__all__ = ["Store"]


class Store(Protocol):
    """Thread-safe. Times are UTC seconds and passed in."""

    # -- events --------------------------------------------------------------------------------
    def append(self, events: Sequence[Event], *, at: float) -> Future[list[Outcome]]:
        """One outcome per event, in order. Events of erased or unknown users and items are taken all the
        same: an unknown item gets a key and counts once it is described."""
        ...

    def history(self, user: str, n: int, *, context: Sequence[str] = ()) -> PastRows:
        """The last `n` events by time that are a preference (no impressions); empty for a stranger, and for
        who opted out. With the words that the events have under the names in `context`, which costs more.
        `profile` of what it gives is what the user has said of own interests."""
        ...

    def session_history(self, session: str, n: int, *, context: Sequence[str] = ()) -> PastRows:
        """The same for a session of a visitor without a name."""
        ...

    def events_after(self, seq: int, limit: int, *, context: Sequence[str] = ()) -> EventRows:
        """Events in the order of `seq`, with the words of the named contexts.

        Those of users who have opted out by now are marked.
        """
        ...

    def recent(self, *, after: int, limit: int) -> list[RecentEvent]:
        """Events of the log with their names, in the order of `seq`, beginning behind `after`."""
        ...

    def last_seq(self) -> int: ...
    def last_revision(self) -> int:
        """Of the newest change of the catalogue; 0 = it is empty."""
        ...

    # -- catalogue and users ---------------------------------------------------------------------
    def put_items(self, items: Sequence[ItemRecord], *, at: float) -> Future[list[int]]:
        """Inserts or replaces; the new revisions, in order."""
        ...

    def change_item(
        self, id: str, change: Callable[[ItemRecord | None], ItemRecord], *, at: float
    ) -> Future[int]:
        """Puts what `change` makes of the record that stands then, so that no write between is lost; the new
        revision. What `change` raises, the future raises, and nothing is written."""
        ...

    def delete_items(self, ids: Sequence[str], *, at: float) -> Future[list[bool]]:
        """Which of them were there."""
        ...

    def item(self, id: str) -> ItemRecord | None: ...
    def items(self, *, after: str = "", limit: int = 100) -> list[ItemRecord]:
        """In the order of ids, beginning behind `after`."""
        ...

    def item_names(self, keys: Sequence[int]) -> dict[int, str]:
        """Key -> id, also of items that are deleted or that only events have named; at most 10,000 keys."""
        ...

    def changes(self, revision: int, limit: int) -> list[ItemChange]:
        """Steps of the catalogue with a higher revision, lowest first; only the last of each item.

        An item that events have named and nobody described is a change too (record None): its key must
        be known.
        """
        ...

    def kinds(self, names: Sequence[str]) -> dict[str, str]:
        """Attribute of items -> its kind, for those of these that are settled."""
        ...

    def settle_kinds(self, kinds: Mapping[str, str]) -> Future[dict[str, str]]:
        """For all processes and for ever; what was settled before stands. The kinds that hold now."""
        ...

    def put_users(self, users: Sequence[UserRecord], *, at: float) -> Future[None]: ...
    def change_user(self, id: str, change: Callable[[UserRecord], UserRecord], *, at: float) -> Future[None]:
        """As `change_item`; of an unknown user from a bare record."""
        ...

    def change_users(
        self, changes: Sequence[tuple[str, Callable[[UserRecord], UserRecord]]], *, at: float
    ) -> Future[None]:
        """All or none, in this order: of an id that is there twice the second change sees the first."""
        ...

    def user(self, id: str) -> UserRecord | None: ...
    def users(self, *, after: str = "", limit: int = 100) -> list[UserRecord]: ...
    def export(self, user: str) -> dict[str, Any]:
        """Everything held on a user: record, events, slates. A slate is missing until it is written, a tenth
        of a second after it was served."""
        ...

    def profile(self, user: str) -> ProfileRecord | None:
        """What was said of the user's interests; None where nothing was."""
        ...

    def put_profile(self, user: str, record: ProfileRecord | None, *, at: float, actor: str) -> Future[bool]:
        """None deletes it; whether anything changed."""
        ...

    def tags(self, item: str) -> TagsRecord | None: ...
    def put_tags(self, item: str, record: TagsRecord, *, at: float, actor: str = "") -> Future[None]:
        """With an audit row where an actor is named: nearline work has none."""
        ...

    def erase(self, user: str, *, at: float, actor: str) -> Future[Receipt]:
        """Record, events, slates and every trace of the id are gone from the file when the future is done
        (secure delete, no copy left in the write-ahead log); the audit row holds the receipt. Slates that
        were served before, in whatever process, and are still to be written are dropped."""
        ...

    # -- answers ---------------------------------------------------------------------------------
    def add_slate(self, slate: Slate) -> bool:
        """Written behind, with the next commit; False: the queue was full and it was dropped."""
        ...

    def slate(self, id: str) -> Slate | None: ...
    def slates(self, *, user: str = "", limit: int = 20) -> list[Slate]:
        """Newest first."""
        ...

    def slates_with(self, item: str, *, among: int) -> tuple[int, list[tuple[int, Slate]]]:
        """Of the `among` newest: how many there are, and (rank, slate) of those with the item on their first
        page, newest first."""
        ...

    def forget_slates(self, *, before: float) -> Future[int]: ...

    # -- keys, audit, settings, checkpoints --------------------------------------------------------
    def add_key(self, key: KeyRecord, *, actor: str) -> Future[None]: ...
    def revoke_key(self, id: str, *, at: float, actor: str) -> Future[bool]: ...
    def keys(self) -> list[KeyRecord]: ...
    def used_keys(self, last_used_at: Mapping[str, float]) -> None:
        """Written behind."""
        ...

    def audit(self, *, at: float, actor: str, action: str, target: str, detail: str = "") -> Future[None]: ...
    def audit_rows(self, *, after: int = 0, limit: int = 100) -> list[AuditRow]: ...
    def audit_is_whole(self) -> bool:
        """Whether every row's hash follows from the one before."""
        ...

    def setting(self, name: str) -> str: ...
    def set_setting(self, name: str, value: str, *, at: float, actor: str) -> Future[None]:
        """Small named values that all processes share, such as which artefact serves; audited."""
        ...

    def checkpoint(self, name: str) -> tuple[int, bytes] | None: ...
    def save_checkpoint(self, name: str, seq: int, state: bytes) -> Future[None]: ...
    def remembered(self, key: str) -> bytes | None:
        """The answer that was given under an idempotency key."""
        ...

    def remember(self, key: str, answer: bytes, *, at: float) -> Future[None]:
        """Forgotten after a day."""
        ...

    # -- all of it ---------------------------------------------------------------------------------
    def snapshot(self) -> Dataset:
        """The log and the catalogue as a data set for fitting, without users who opted out."""
        ...

    def load(self, data: Dataset, *, at: float) -> None:
        """Fills an empty store with a data set, fast; all or nothing."""
        ...

    def counts(self) -> dict[str, int]:
        """Sizes for pages and metrics: events, items, users, slates."""
        ...

    def writable(self) -> str:
        """Empty while writes succeed; else why the last one failed (disk full, I/O error)."""
        ...

    def close(self) -> None:
        """Waits until everything taken is written."""
        ...
