"""Keys: only a valid one enters, a revoked one is out within a second everywhere, nothing secret is kept."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zhiyin.errors import ConfigError
from zhiyin.serve.access import (
    ANEW_BURST,
    ANEW_PER_S,
    SCOPES,
    Access,
    Grant,
    first_key,
    issue_key,
    make_key,
    read_pepper,
    well_formed,
)
from zhiyin.serve.problems import Problem
from zhiyin.store.sqlite_store import SqliteStore

PEPPER = b"p" * 32


class Clock:
    def __init__(self, at: float = 1e9) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "store.db", pepper=PEPPER)
    yield opened
    opened.close()


def access_to(store: SqliteStore, clock: Clock, **options: object) -> Access:
    return Access(store=store, pepper=PEPPER, now=clock, **options)  # type: ignore[arg-type]


def code_of(access: Access, authorization: str | None, address: str = "") -> str:
    with pytest.raises(Problem) as raised:
        access.enter(authorization, address=address)
    return raised.value.code


def test_a_key_that_another_worker_has_just_made_enters(store: SqliteStore) -> None:
    clock = Clock()
    access = access_to(store, clock)
    assert code_of(access, "Bearer " + make_key(name="x", scopes=["read"], pepper=PEPPER, at=clock())[0])
    secret, _ = issue_key(store, PEPPER, name="fresh", scopes=["read"], at=clock(), actor="another worker")
    clock.at += 0.1
    assert access.enter(f"Bearer {secret}").name == "fresh"


def test_unknown_keys_do_not_read_the_store_without_end(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, reads = Clock(), []
    kept = store.keys
    monkeypatch.setattr(store, "keys", lambda: reads.append(1) or kept())
    access = access_to(store, clock, tries_per_minute=1000)
    for _ in range(100):
        code_of(access, "Bearer " + make_key(name="x", scopes=["read"], pepper=PEPPER, at=clock())[0])
        clock.at += 0.001
    assert len(reads) <= 1 + ANEW_BURST + 0.1 * ANEW_PER_S


def test_a_key_enters_with_its_scopes_and_is_kept_only_as_a_hash(store: SqliteStore, tmp_path: Path) -> None:
    clock = Clock()
    secret, record = issue_key(
        store, PEPPER, name="shop", scopes=["read", "ingest"], at=clock(), actor="test"
    )
    grant = access_to(store, clock).enter(f"Bearer {secret}")
    assert (grant.key_id, grant.scopes) == (record.id, {"read", "ingest"})
    store.close()
    body = secret.removeprefix("zy_live_")
    for file in tmp_path.iterdir():
        assert body.encode() not in file.read_bytes(), file


def test_what_is_no_valid_key_does_not_enter(store: SqliteStore) -> None:
    clock = Clock()
    secret, _ = issue_key(store, PEPPER, name="shop", scopes=["read"], at=clock(), actor="test")
    other, _ = make_key(name="shop", scopes=["read"], pepper=PEPPER, at=clock())
    access = access_to(store, clock)
    wrong = [
        None, "", "Bearer", "Bearer ", f"Basic {secret}", secret, f"Bearer {secret}x",
        f"Bearer {secret[:-1]}",
        f"Bearer {secret.swapcase()}", f"Bearer {other}", f"Bearer  {secret} x", f"Bearer {secret}\x00",
        "Bearer zy_live_é" + secret[9:],
    ]  # fmt: skip
    for authorization in wrong:
        assert code_of(access, authorization) == "unauthenticated", authorization
    assert access.enter(f"bearer  {secret} ").name == "shop"


def test_another_pepper_opens_nothing(store: SqliteStore) -> None:
    secret, _ = issue_key(store, b"q" * 32, name="shop", scopes=["read"], at=1e9, actor="test")
    assert code_of(access_to(store, Clock()), f"Bearer {secret}") == "unauthenticated"


def test_a_revoked_key_is_out_within_a_second_in_every_process(store: SqliteStore, tmp_path: Path) -> None:
    clock = Clock()
    secret, record = issue_key(store, PEPPER, name="shop", scopes=["read"], at=clock(), actor="test")
    elsewhere = SqliteStore.open(tmp_path / "store.db", pepper=PEPPER)
    here, there = access_to(store, clock), access_to(elsewhere, clock)
    for access in (here, there):
        access.enter(f"Bearer {secret}")
    store.revoke_key(record.id, at=clock(), actor="test").result()
    here.forget()
    assert code_of(here, f"Bearer {secret}") == "unauthenticated"
    clock.at += 1.0
    assert code_of(there, f"Bearer {secret}") == "unauthenticated"
    elsewhere.close()


def test_a_key_expires(store: SqliteStore) -> None:
    clock = Clock()
    secret, _ = issue_key(
        store, PEPPER, name="shop", scopes=["read"], at=clock(), actor="test", expires_at=clock() + 10
    )
    access = access_to(store, clock)
    access.enter(f"Bearer {secret}")
    clock.at += 10
    assert code_of(access, f"Bearer {secret}") == "unauthenticated"


def test_two_keys_of_a_name_for_rotation_and_no_third(store: SqliteStore) -> None:
    old, record = issue_key(store, PEPPER, name="shop", scopes=["read"], at=1e9, actor="test")
    new, _ = issue_key(store, PEPPER, name="shop", scopes=["read"], at=1e9, actor="test")
    access = access_to(store, Clock())
    assert access.enter(f"Bearer {old}").name == access.enter(f"Bearer {new}").name
    with pytest.raises(ConfigError, match="revoke one"):
        issue_key(store, PEPPER, name="shop", scopes=["read"], at=1e9, actor="test")
    store.revoke_key(record.id, at=1e9, actor="test").result()
    issue_key(store, PEPPER, name="shop", scopes=["read"], at=1e9, actor="test")


def test_the_eleventh_wrong_key_of_a_minute_is_sent_away_but_a_valid_one_enters(store: SqliteStore) -> None:
    clock = Clock()
    secret, _ = issue_key(store, PEPPER, name="shop", scopes=["read"], at=clock(), actor="test")
    wrong, _ = make_key(name="x", scopes=["read"], pepper=PEPPER, at=clock())
    access = access_to(store, clock)
    codes = [code_of(access, f"Bearer {wrong}", "192.0.2.1") for _ in range(12)]
    assert codes == ["unauthenticated"] * 10 + ["too_many_tries"] * 2
    assert code_of(access, f"Bearer {wrong}", "192.0.2.2") == "unauthenticated"
    assert access.enter(f"Bearer {secret}", address="192.0.2.1").name == "shop"
    clock.at += 60
    assert code_of(access, f"Bearer {wrong}", "192.0.2.1") == "unauthenticated"


def test_last_use_is_written_behind(store: SqliteStore) -> None:
    clock = Clock()
    secret, record = issue_key(store, PEPPER, name="shop", scopes=["read"], at=clock(), actor="test")
    access = access_to(store, clock)
    clock.at += 5
    access.enter(f"Bearer {secret}")
    access.flush()
    store.set_setting("barrier", "1", at=clock(), actor="test").result()
    (kept,) = store.keys()
    assert (kept.id, kept.last_used_at) == (record.id, clock())


def test_admin_may_everything_but_erase() -> None:
    def allowed(*scopes: str) -> set[str]:
        return {scope for scope in SCOPES if Grant("k", "n", frozenset(scopes)).may(scope)}

    assert allowed("admin") == {"read", "ingest", "admin", "widget"}
    assert allowed("widget") == {"widget"}
    assert allowed("erase") == {"erase"}
    assert allowed("read", "ingest") == {"read", "ingest"}
    with pytest.raises(Problem, match="erase"):
        Grant("k", "n", frozenset({"admin"})).require("erase")


def test_the_first_key_is_made_once(store: SqliteStore) -> None:
    secret = first_key(store, PEPPER, at=1e9)
    grant = access_to(store, Clock()).enter(f"Bearer {secret}")
    assert grant.may("admin") and grant.may("erase")
    assert first_key(store, PEPPER, at=1e9) == ""


def test_keys_are_random_and_a_slip_is_seen_without_the_store() -> None:
    secrets = {make_key(name="a", scopes=["read"], pepper=PEPPER, at=0.0)[0] for _ in range(200)}
    assert len(secrets) == 200 and all(map(well_formed, secrets))
    secret = secrets.pop()
    slips = [
        secret[:place] + ("a" if secret[place] != "a" else "b") + secret[place + 1 :]
        for place in range(len(secret))
    ]
    assert not any(map(well_formed, slips))


@pytest.mark.parametrize("scopes", [[], ["red"], ["read", "root"]])
def test_a_key_without_or_with_unknown_scopes_is_not_made(scopes: list[str]) -> None:
    with pytest.raises(ConfigError, match="There are: "):
        make_key(name="a", scopes=scopes, pepper=PEPPER, at=0.0)


def test_the_pepper_is_made_once_whoever_is_first_and_only_we_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with ThreadPoolExecutor(8) as pool:
        peppers = set(pool.map(lambda _: read_pepper(path), range(32)))
    assert len(peppers) == 1 and len(peppers.pop()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_a_pepper_that_others_can_read_or_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    read_pepper(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_pepper(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="backup"):
        read_pepper(path)
