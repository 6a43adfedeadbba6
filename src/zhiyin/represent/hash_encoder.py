"""An encoder without weights: hashed words and character n-grams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np

from zhiyin.errors import check_options
from zhiyin.represent.clean import clean_text
from zhiyin.represent.user import unit_rows
from zhiyin.types import FloatArray

__all__ = ["HashEncoder"]


class HashEncoder:
    """Texts that share words or runs of `n_gram` characters are alike; it knows no meaning.

    For tests, and for machines without the embedded weights. The same text has the same vector in every
    process and on every machine (signed feature hashing, Weinberger et al. 2009).
    """

    def __init__(self, *, dim: int = 256, n_gram: int = 3, max_chars: int = 1000) -> None:
        self.dim = dim
        self.n_gram = n_gram
        self.max_chars = max_chars
        check_options(self, dim=(1, 100_000), n_gram=(1, 100), max_chars=(1, 1e9))

    @property
    def identity(self) -> str:
        return f"hash/dim={self.dim}/n={self.n_gram}/chars={self.max_chars}"

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) rows of length one; zeros for a text without a letter or digit."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(vectors, texts):
            hashes = np.fromiter((crc32(g.encode()) for g in self._grams(text)), np.int64)
            np.add.at(row, hashes % self.dim, np.where(hashes >> 31, 1.0, -1.0))
        return unit_rows(vectors)

    def _grams(self, text: str) -> Iterator[str]:
        for word in clean_text(text, self.max_chars).lower().split():
            yield word
            padded = f"^{word}$"
            for start in range(len(padded) - self.n_gram + 1):
                yield padded[start : start + self.n_gram]
            # In Chinese a character is already a word.
            yield from (char for char in word if ord(char) > 0x2E7F)
