"""Who may do what: keys that are random, shown once and stored only as a keyed hash."""

from __future__ import annotations

import hmac
import os
import secrets
import string
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from zhiyin.errors import ConfigError, nearest
from zhiyin.serve.problems import Problem
from zhiyin.serve.rates import TokenBuckets
from zhiyin.store.contract import Store
from zhiyin.store.records import KeyRecord

__all__ = ["IN_PROCESS", "SCOPES", "Access", "Grant", "first_key", "issue_key", "make_key", "read_pepper"]

SCOPES = ("read", "ingest", "admin", "erase", "widget")
"""read: ask. ingest: write events, items, users. admin: both, and run the service. erase: remove a person; no
other scope implies it, because it cannot be undone. widget: what the script on a user's own site may ask."""

IN_PROCESS = "in process"
"""How the names of keys begin that a client without a server makes for itself, and nobody else holds."""
PREFIX = "zy_live_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM, CHECK = 32, 6
"""Characters: 32 of base 62 are 190 bits; 6 hold a CRC-32, so that a scanner tells a key from a lookalike."""

MOST_ADDRESSES = 10_000
ANEW_S = 0.05
"""For a key that is not known the keys are read again if they are older than that, whoever asks."""
ANEW_PER_S, ANEW_BURST = 50.0, 10.0
"""Sooner they are read so often in all, for addresses that have not tried too many wrong keys."""


def read_pepper(path: Path) -> bytes:
    """The server's secret of 32 bytes that keys are hashed under; made on first use, one for all."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # fails where another process was faster: its pepper holds
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        _sync_folder(path.parent)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others can read this secret (expected mode 0600). Run: chmod 600 {path}")
    pepper = path.read_bytes()
    if len(pepper) < 32:
        raise ConfigError(f"{path}: expected 32 secret bytes, got {len(pepper)}. Restore it from a backup")
    return pepper


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_key(
    *, name: str, scopes: Sequence[str], pepper: bytes, at: float, expires_at: float | None = None
) -> tuple[str, KeyRecord]:
    """A new secret and what is kept of it."""
    for scope in scopes:
        if scope not in SCOPES:
            raise ConfigError(f"there is no scope {scope!r}. {nearest(scope, SCOPES)}")
    if not scopes:
        raise ConfigError(f"a key needs a scope. There are: {', '.join(SCOPES)}")
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    secret = f"{PREFIX}{random}{_check(random)}"
    record = KeyRecord(
        id=f"key_{secrets.token_hex(6)}", name=name, digest=_digest(secret, pepper), scopes=list(scopes),
        created_at=at, expires_at=expires_at,
    )  # fmt: skip
    return secret, record


def issue_key(
    store: Store,
    pepper: bytes,
    *,
    name: str,
    scopes: Sequence[str],
    at: float,
    actor: str,
    expires_at: float | None = None,
) -> tuple[str, KeyRecord]:
    """Makes a key and keeps it. At most two of one name are valid at a time: an old one and its successor."""
    kept = store.keys()
    same = [key for key in kept if key.name == name and _valid(key, at)]
    if len(same) >= 2:
        raise ConfigError(
            f"the name {name!r} has two valid keys already:"
            f" revoke one of {', '.join(key.id for key in same)} first"
        )
    secret, record = make_key(name=name, scopes=scopes, pepper=pepper, at=at, expires_at=expires_at)
    store.add_key(record, actor=actor).result()
    return secret, record


def first_key(store: Store, pepper: bytes, *, at: float) -> str:
    """The secret of an admin key if nobody has ever been given a key, else empty. For one process only."""
    kept = store.keys()
    if any(not key.name.startswith(IN_PROCESS) for key in kept):
        return ""
    return issue_key(store, pepper, name="first", scopes=("admin", "erase"), at=at, actor="server")[0]


class Grant(NamedTuple):
    """Whose request this is and what it may do."""

    key_id: str
    """Of the key; of a session that a link has opened its own."""
    name: str
    scopes: frozenset[str]
    session: str = ""
    """Id of the session, empty where the key itself was sent."""
    expires_at: float | None = None

    def may(self, scope: str) -> bool:
        return scope in self.scopes or ("admin" in self.scopes and scope != "erase")

    def require(self, scope: str) -> None:
        if not self.may(scope):
            raise Problem("forbidden", f"this needs a key with the scope {scope!r}")


class Count(Protocol):
    """Where refused keys are counted."""

    def auth_failed(self, reason: str) -> None: ...


class Access:
    """Keys of the store behind a cache of a second: after that every worker refuses a revoked key."""

    def __init__(
        self,
        *,
        store: Store,
        pepper: bytes,
        now: Callable[[], float],
        fresh_s: float = 1.0,
        tries_per_minute: int = 10,
        counts: Count | None = None,
    ) -> None:
        self.store, self.pepper, self.now = store, pepper, now
        self.fresh_s, self.tries_per_minute, self.counts = fresh_s, tries_per_minute, counts
        self._records: dict[bytes, tuple[KeyRecord, Grant]] = {}
        self._read_at = float("-inf")
        self._anew = TokenBuckets(per_s=ANEW_PER_S, burst=ANEW_BURST, now=now)
        self._used: dict[str, float] = {}
        self._flushed_at = now()
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def enter(self, authorization: str | None, *, address: str = "") -> Grant:
        """Who this is, by the header `Authorization`; else a problem 401, or 429 after too many wrong keys.

        A valid key passes even from an address that has tried too often: with 190 random bits there is
        nothing to guess, and a stranger behind the same gateway must not be able to lock a shop out.
        """
        if not authorization:
            raise self._refused("missing", "", "no key was sent")
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer":
            raise self._refused("malformed", address, "expected `Authorization: Bearer zy_live_…`")
        return self.known(secret, "key", address=address)[1]

    def known(self, secret: str, kind: str, *, address: str = "") -> tuple[KeyRecord, Grant]:
        """The valid key, link or session of this secret; else a problem, as `enter` says."""
        at = self.now()
        digest, known = _digest(secret, self.pepper), well_formed(secret)
        record, grant = self._records_now(at).get(digest, (None, None))
        if record is None and known and self._may_read_anew(address, at):
            self.forget()  # another worker may have made it a moment ago
            record, grant = self._records_now(at).get(digest, (None, None))
        if (
            record is None
            or grant is None
            or record.kind != kind
            or not hmac.compare_digest(record.digest, digest)
        ):
            detail = f"this {kind} is not known" if known else f"this is not a {kind} of the form zy_live_…"
            raise self._refused("unknown" if known else "malformed", address, detail)
        if not _valid(record, at) or not self._parent_valid(record, at):
            reason = "revoked" if record.revoked_at is not None else "expired"
            raise self._refused(reason, address, f"this {kind} is {reason}")
        self._used[record.id] = at
        if at - self._flushed_at >= 60:
            self.flush()
        return record, grant

    def _parent_valid(self, record: KeyRecord, at: float) -> bool:
        if not record.parent:
            return True
        return any(key.id == record.parent and _valid(key, at) for key, _ in self._records.values())

    def flush(self) -> None:
        """Tells the store when keys were last used; also to be called on stopping."""
        used, self._used, self._flushed_at = self._used, {}, self.now()
        if used:
            self.store.used_keys(used)

    def forget(self) -> None:
        """Reads the keys anew on the next request: after a change in this very process."""
        self._read_at = float("-inf")

    def _records_now(self, at: float) -> dict[bytes, tuple[KeyRecord, Grant]]:
        if not 0 <= at - self._read_at < self.fresh_s:
            kept = self.store.keys()
            self._records = {key.digest: (key, _grant(key)) for key in kept}
            self._read_at = at
        return self._records

    def _may_read_anew(self, address: str, at: float) -> bool:
        """Whether a look into the store is worth it and within the bounds."""
        if at == self._read_at:
            return False
        if at - self._read_at >= ANEW_S:
            return True
        if len(self._tries_of(address, at)) >= self.tries_per_minute:
            return False
        rate = self._anew.ask("")
        return rate is not None and rate.wait_s == 0

    def _refused(self, reason: str, address: str, detail: str) -> Problem:
        if self.counts is not None:
            self.counts.auth_failed(reason)
        wait = self._tried(address, self.now()) if address else 0.0
        if wait > 0:
            return Problem("too_many_tries", retry_after_s=wait)
        return Problem("unauthenticated", detail)

    def _tried(self, address: str, at: float) -> float:
        """Seconds to wait when this try is over the limit, else 0. Tries that are refused do not count on."""
        tries = self._tries[address] = self._tries_of(address, at)
        self._tries.move_to_end(address)
        while len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        if len(tries) >= self.tries_per_minute:
            return 60 - (at - tries[0])
        tries.append(at)
        return 0.0

    def _tries_of(self, address: str, at: float) -> deque[float]:
        """When wrong keys came from there, of the last minute."""
        tries = self._tries.get(address) or deque()
        while tries and at - tries[0] >= 60:
            tries.popleft()
        return tries


def well_formed(secret: str) -> bool:
    """Whether prefix, length, alphabet and check digits fit: most typing errors end here."""
    random = secret[len(PREFIX) : -CHECK]
    return (
        secret.startswith(PREFIX)
        and len(secret) == len(PREFIX) + RANDOM + CHECK
        and set(random) <= set(ALPHABET)
        and secret[-CHECK:] == _check(random)
    )


def _check(random: str) -> str:
    number, digits = zlib.crc32(random.encode()), ""
    for _ in range(CHECK):
        number, digit = divmod(number, 62)
        digits += ALPHABET[digit]
    return digits


def _digest(secret: str, pepper: bytes) -> bytes:
    return hmac.digest(pepper, secret.encode("utf-8", "surrogatepass"), "sha256")


def _grant(key: KeyRecord) -> Grant:
    session = key.id if key.kind == "session" else ""
    return Grant(key.parent or key.id, key.name, frozenset(key.scopes), session, key.expires_at)


def _valid(key: KeyRecord, at: float) -> bool:
    return key.revoked_at is None and (key.expires_at is None or at < key.expires_at)
