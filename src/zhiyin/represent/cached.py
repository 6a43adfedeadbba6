"""Vectors by content: a text is encoded once, and again only when it changes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from zhiyin.contracts import Encoder
from zhiyin.errors import check_options
from zhiyin.represent.vector_file import VectorFile
from zhiyin.represent.words import words_vectors
from zhiyin.types import FloatArray

__all__ = ["CachedEncoder", "cache_directory"]


def cache_directory() -> Path:
    """$ZHIYIN_CACHE, else ~/.cache/zhiyin. Everything in it can be deleted at any time."""
    return Path(os.environ.get("ZHIYIN_CACHE") or "~/.cache/zhiyin").expanduser()


class CachedEncoder:
    """The vectors of `encoder`, kept in memory and on disk under a hash of its identity and the text.

    Cold and warm answers are bitwise the same. Several processes may share one file; a fault of the
    disk costs time and never an answer. Users' words (`encode_words`) stay in memory: what people
    search for is not written down.

    `path` is the file (default: `vectors.sqlite` in the cache directory), `max_items` the most vectors
    on disk, `max_in_memory` those in memory (2 kB each at 512 dimensions). `progress(done, total)` is called
    after each batch of a call that encodes.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        path: Path | str | None = None,
        max_items: int = 1_000_000,
        max_in_memory: int = 20_000,
        batch: int = 256,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.encoder = encoder
        self.path = path
        self.max_items = max_items
        self.max_in_memory = max_in_memory
        self.batch = batch
        self.progress = progress
        self._memory: OrderedDict[bytes, FloatArray] = OrderedDict()
        self._lock = threading.Lock()
        self._file: VectorFile | None = None
        check_options(self, max_items=(0, 1e12), max_in_memory=(0, 1e12), batch=(1, 1e6))

    @property
    def dim(self) -> int:
        return self.encoder.dim

    @property
    def identity(self) -> str:
        return self.encoder.identity

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) as `encoder` gives them; only texts never seen are encoded, each once."""
        keys = self._keys("", texts)
        found = self._recall(keys)
        missing = {key: text for key, text in zip(keys, texts) if key not in found}
        if missing:
            kept = self._opened().read(list(missing), self.dim)
            found.update(kept)
            missing = {key: text for key, text in missing.items() if key not in kept}
            found.update(self._encode_missing(missing))
            self._remember(found)
        return self._rows(keys, found)

    def encode_words(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) for what users wrote; nothing of it reaches the disk."""
        keys = self._keys("words", texts)
        found = self._recall(keys)
        missing = {key: text for key, text in zip(keys, texts) if key not in found}
        if missing:
            found.update(zip(missing, words_vectors(self.encoder, list(missing.values()))))
            self._remember(found)
        return self._rows(keys, found)

    def close(self) -> None:
        """Lets go of the file; a later `encode` opens it again."""
        if self._file is not None:
            self._file.close()

    def _encode_missing(self, missing: dict[bytes, str]) -> dict[bytes, FloatArray]:
        keys, texts = list(missing), list(missing.values())
        fresh: dict[bytes, FloatArray] = {}
        for start in range(0, len(keys), self.batch):
            vectors = self.encoder.encode(texts[start : start + self.batch])
            part = dict(zip(keys[start : start + self.batch], np.asarray(vectors, np.float32)))
            # Each batch is kept at once: a process that dies half-way has lost one batch.
            self._opened().write(part)
            fresh.update(part)
            if self.progress is not None:
                self.progress(len(fresh), len(keys))
        return fresh

    def _rows(self, keys: list[bytes], found: dict[bytes, FloatArray]) -> FloatArray:
        out = np.empty((len(keys), self.dim), np.float32)
        for place, key in enumerate(keys):
            out[place] = found[key]
        return out

    def _keys(self, role: str, texts: Sequence[str]) -> list[bytes]:
        head = hashlib.blake2b(f"{self.identity}\0{role}\0".encode(), digest_size=16)
        keys = []
        for text in texts:
            whole = head.copy()
            whole.update(text.encode("utf-8", "surrogatepass"))
            keys.append(whole.digest())
        return keys

    def _recall(self, keys: list[bytes]) -> dict[bytes, FloatArray]:
        found: dict[bytes, FloatArray] = {}
        with self._lock:
            for key in keys:
                vector = self._memory.get(key)
                if vector is not None:
                    self._memory.move_to_end(key)
                    found[key] = vector
        return found

    def _remember(self, vectors: dict[bytes, FloatArray]) -> None:
        with self._lock:
            self._memory.update(vectors)
            while len(self._memory) > self.max_in_memory:
                self._memory.popitem(last=False)

    def _opened(self) -> VectorFile:
        with self._lock:
            if self._file is None:
                path = Path(self.path) if self.path is not None else cache_directory() / "vectors.sqlite"
                self._file = VectorFile(path, max_items=self.max_items)
            return self._file
