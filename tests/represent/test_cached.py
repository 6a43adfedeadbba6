"""The cache: encoded once, the same bits for ever, and no fault of the disk is an error."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from zhiyin.represent import CachedEncoder, HashEncoder, cache_directory
from zhiyin.types import FloatArray


class Counting:
    """Encodes, and remembers what it was asked."""

    dim = 32

    def __init__(self, identity: str = "counting") -> None:
        self.identity = identity
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> FloatArray:
        self.asked += texts
        return HashEncoder(dim=self.dim).encode(texts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "vectors.sqlite"


@pytest.fixture
def open_caches() -> Iterator[list[CachedEncoder]]:
    caches: list[CachedEncoder] = []
    yield caches
    for cache in caches:
        cache.close()


def test_only_what_is_missing_is_encoded_and_each_text_once(
    path: Path, open_caches: list[CachedEncoder]
) -> None:
    inner = Counting()
    cache = CachedEncoder(inner, path=path)
    open_caches.append(cache)
    cache.encode(["a", "b", "a"])
    assert inner.asked == ["a", "b"]
    cache.encode(["b", "c", "c", "a"])
    assert inner.asked == ["a", "b", "c"]


def test_another_process_of_the_cache_gets_the_same_bits(
    path: Path, open_caches: list[CachedEncoder]
) -> None:
    texts = [f"text {i}" for i in range(1200)]  # more than one question to the file
    cold = CachedEncoder(Counting(), path=path)
    first = cold.encode(texts)
    inner = Counting()
    warm = CachedEncoder(inner, path=path)
    open_caches += [cold, warm]
    np.testing.assert_array_equal(warm.encode(texts), first)
    assert inner.asked == []


def test_another_encoder_has_its_own_vectors(path: Path, open_caches: list[CachedEncoder]) -> None:
    one, other = Counting("one"), Counting("other")
    for inner in (one, other):
        open_caches.append(CachedEncoder(inner, path=path))
        open_caches[-1].encode(["a"])
    assert other.asked == ["a"]


@pytest.mark.parametrize("damage", ["not a database", "cut in half", "zeroed pages", "another table"])
def test_a_damaged_file_is_set_aside_and_begun_anew(
    path: Path, damage: str, open_caches: list[CachedEncoder]
) -> None:
    texts = [f"text {i}" for i in range(500)]
    cache = CachedEncoder(Counting(), path=path)
    right = cache.encode(texts)
    cache.close()
    whole = path.read_bytes()
    if damage == "not a database":
        path.write_bytes(b"not a database" * 1000)
    elif damage == "cut in half":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "zeroed pages":
        path.write_bytes(whole[:4096] + b"\0" * (len(whole) - 4096))
    else:
        path.unlink()
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE vectors (other INTEGER)")
        db.close()
    inner = Counting()
    mended = CachedEncoder(inner, path=path)
    open_caches.append(mended)
    with pytest.warns(RuntimeWarning, match="damaged"):
        np.testing.assert_array_equal(mended.encode(texts), right)
    assert len(inner.asked) == 500 and path.with_name("vectors.sqlite.damaged").exists()
    again = CachedEncoder(Counting(), path=path)
    open_caches.append(again)
    np.testing.assert_array_equal(again.encode(texts), right)
    assert again.encoder.asked == []  # type: ignore[attr-defined]


def test_a_flipped_bit_is_a_missing_row_and_not_a_wrong_vector(
    path: Path, open_caches: list[CachedEncoder]
) -> None:
    cache = CachedEncoder(Counting(), path=path)
    right = cache.encode(["a", "b"])
    cache.close()
    with sqlite3.connect(path) as db:
        ((key, blob),) = db.execute("SELECT key, vector FROM vectors LIMIT 1").fetchall()
        db.execute("UPDATE vectors SET vector = ? WHERE key = ?", (bytes([blob[0] ^ 1]) + blob[1:], key))
    db.close()
    for expected_calls in (1, 0):  # found, then mended
        inner = Counting()
        open_caches.append(CachedEncoder(inner, path=path))
        np.testing.assert_array_equal(open_caches[-1].encode(["a", "b"]), right)
        assert len(inner.asked) == expected_calls


def test_a_place_that_cannot_be_written_costs_a_warning_and_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    inner = Counting()
    cache = CachedEncoder(inner, path=tmp_path / "file" / "vectors.sqlite")
    with pytest.warns(RuntimeWarning, match="not kept on disk"):
        first = cache.encode(["a"])
    np.testing.assert_array_equal(cache.encode(["a"]), first)  # no second warning, and memory still helps
    assert inner.asked == ["a"]


def test_the_file_is_bounded(path: Path, open_caches: list[CachedEncoder]) -> None:
    cache = CachedEncoder(Counting(), path=path, max_items=100, batch=10)
    open_caches.append(cache)
    cache.encode([f"text {i}" for i in range(1000)])
    with sqlite3.connect(path) as db:
        (kept,) = db.execute("SELECT count(*) FROM vectors").fetchone()
    db.close()
    assert 80 <= kept <= 100
    inner = Counting()
    open_caches.append(CachedEncoder(inner, path=path))
    open_caches[-1].encode(["text 999"])
    assert inner.asked == []  # the newest stay


def test_memory_is_bounded(path: Path, open_caches: list[CachedEncoder]) -> None:
    cache = CachedEncoder(Counting(), path=path, max_in_memory=10)
    open_caches.append(cache)
    assert cache.encode([f"text {i}" for i in range(100)]).shape == (100, 32)
    assert len(cache._memory) == 10


def test_progress_is_told_after_each_batch(path: Path, open_caches: list[CachedEncoder]) -> None:
    told: list[tuple[int, int]] = []
    cache = CachedEncoder(Counting(), path=path, batch=2, progress=lambda done, of: told.append((done, of)))
    open_caches.append(cache)
    cache.encode(["a", "b", "c"])
    assert told == [(2, 3), (3, 3)]


def test_what_users_write_never_reaches_the_disk(path: Path, open_caches: list[CachedEncoder]) -> None:
    cache = CachedEncoder(Counting(), path=path)
    open_caches.append(cache)
    cache.encode(["an item"])
    words = cache.encode_words(["my illness"])
    np.testing.assert_array_equal(words, cache.encode_words(["my illness"]))
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM vectors").fetchone() == (1,)
    db.close()


def test_a_process_killed_in_the_middle_loses_one_batch(path: Path, open_caches: list[CachedEncoder]) -> None:
    code = (
        "import os, sys; from zhiyin.represent import CachedEncoder, HashEncoder\n"
        "die = lambda done, of: done >= 40 and os._exit(9)\n"
        "CachedEncoder(HashEncoder(dim=32), path=sys.argv[1], batch=10, progress=die)"
        ".encode(list(map(str, range(100))))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    told: list[tuple[int, int]] = []
    cache = CachedEncoder(HashEncoder(dim=32), path=path, progress=lambda done, of: told.append((done, of)))
    open_caches.append(cache)
    cache.encode([str(i) for i in range(100)])
    assert told == [(60, 60)]


def test_processes_and_threads_may_write_at_once(path: Path, open_caches: list[CachedEncoder]) -> None:
    code = (
        "import sys; from zhiyin.represent import CachedEncoder, HashEncoder\n"
        "CachedEncoder(HashEncoder(dim=32), path=sys.argv[1], batch=5).encode([str(i) for i in range(300)])"
    )
    others = [subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(path)]) for _ in range(3)]
    cache = CachedEncoder(HashEncoder(dim=32), path=path, batch=5)
    open_caches.append(cache)
    threads = [
        threading.Thread(target=lambda part=part: cache.encode([str(i) for i in range(part, 300, 2)]))
        for part in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(timeout=60) for other in others] == [0, 0, 0]
    inner = Counting(HashEncoder(dim=32).identity)
    fresh = CachedEncoder(inner, path=path)
    open_caches.append(fresh)
    texts = [str(i) for i in range(300)]
    np.testing.assert_array_equal(fresh.encode(texts), HashEncoder(dim=32).encode(texts))
    assert inner.asked == []


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path))
    cache = CachedEncoder(Counting())
    cache.encode(["a"])
    cache.close()
    assert cache_directory() == tmp_path and (tmp_path / "vectors.sqlite").exists()
    monkeypatch.delenv("ZHIYIN_CACHE")
    assert cache_directory() == Path.home() / ".cache" / "zhiyin"
