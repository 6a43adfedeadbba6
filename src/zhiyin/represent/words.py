"""The vectors of what users write.

A door of its own: some models want another prefix for it, and a cache must not write it down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from zhiyin.contracts import Encoder
from zhiyin.types import FloatArray

__all__ = ["WordsEncoder", "words_vectors"]


@runtime_checkable
class WordsEncoder(Protocol):
    """An encoder that treats users' words otherwise than item texts."""

    def encode_words(self, texts: Sequence[str]) -> FloatArray: ...


def words_vectors(encoder: Encoder, texts: Sequence[str]) -> FloatArray:
    """(n, dim) vectors of users' words, to be compared with vectors of items."""
    if isinstance(encoder, WordsEncoder):
        return encoder.encode_words(texts)
    return encoder.encode(texts)
