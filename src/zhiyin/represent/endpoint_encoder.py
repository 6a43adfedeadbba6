"""A text encoder behind an OpenAI-compatible endpoint: vLLM, TEI, llama.cpp, Ollama, a cloud."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np

from zhiyin.errors import LlmError, check_options
from zhiyin.llm.embeddings import EmbeddingsClient
from zhiyin.represent.clean import clean_text
from zhiyin.represent.user import unit_rows
from zhiyin.types import FloatArray

__all__ = ["EndpointEncoder"]


SLOW_S = 1.0


class EndpointEncoder:
    """Vectors from a server, at length one; put a `CachedEncoder` around it.

    `passage_prefix` stands before item texts and `query_prefix` before users' words, as some models want
    ("query: ", "passage: "). Without `dimensions` the server is asked once how long its vectors are.
    The address is not part of the identity, so that a server may move: two models that are served under
    one name need different `revision`s. Faults are LlmErrors.

    Words are encoded while somebody waits: one try of `words_timeout_s`. After a try that failed no words are
    sent for `rest_s`, and no item texts after tries that took longer than SLOW_S, so that a server which is
    away costs a process little of its time.
    """

    def __init__(
        self,
        *,
        base_url: str,
        name: str,
        api_key_env: str = "",
        dimensions: int | None = None,
        encoding: Literal["float", "base64"] = "float",
        passage_prefix: str = "",
        query_prefix: str = "",
        revision: str = "",
        max_chars: int = 4000,
        batch: int = 64,
        timeout_s: float = 30.0,
        retries: int = 3,
        words_timeout_s: float = 0.3,
        rest_s: float = 5.0,
    ) -> None:
        self.base_url = base_url
        self.name = name
        self.api_key_env = api_key_env
        self.dimensions = dimensions
        self.encoding = encoding
        self.passage_prefix = passage_prefix
        self.query_prefix = query_prefix
        self.revision = revision
        self.max_chars = max_chars
        self.batch = batch
        self.timeout_s = timeout_s
        self.retries = retries
        self.words_timeout_s = words_timeout_s
        self.rest_s = rest_s
        self._client: EmbeddingsClient | None = None
        self._hurried: EmbeddingsClient | None = None
        self._words_rest_until = self._items_rest_until = 0.0
        self._dim = dimensions or 0
        check_options(
            self, dimensions=(1, 100_000), max_chars=(1, 1e9), batch=(1, 1e6),
            timeout_s=(0.001, 1e5), retries=(0, 1000), words_timeout_s=(0.001, 1e5),
            rest_s=(0, 1e6),
        )  # fmt: skip

    @property
    def dim(self) -> int:
        if not self._dim:
            self._dim = self._opened().embed(["a"]).shape[1]
        return self._dim

    @property
    def identity(self) -> str:
        prefixes = (self.passage_prefix, self.query_prefix)
        return f"endpoint/{(self.name, self.revision, self.dimensions, *prefixes, self.max_chars)!r}"

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) vectors of item texts; zeros for a text without a letter or digit."""
        self._refuse_until(self._items_rest_until)
        start = time.monotonic()
        try:
            return self._encode(texts, self.passage_prefix, self._opened())
        except LlmError:
            now = time.monotonic()
            self._items_rest_until = now + self.rest_s if now - start > SLOW_S else 0.0
            raise

    def encode_words(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) vectors of users' words."""
        self._refuse_until(self._words_rest_until)
        try:
            return self._encode(texts, self.query_prefix, self._opened_for_words())
        except LlmError:
            self._words_rest_until = time.monotonic() + self.rest_s
            raise

    def close(self) -> None:
        """Ends kept connections."""
        for client in (self._client, self._hurried):
            if client is not None:
                client.close()

    def _refuse_until(self, at: float) -> None:
        if time.monotonic() < at:
            raise LlmError(f"{self.name!r} has just failed: it is asked again {self.rest_s:g} s after that")

    def _encode(self, texts: Sequence[str], prefix: str, client: EmbeddingsClient) -> FloatArray:
        cleaned = [clean_text(text, self.max_chars) for text in texts]
        filled = [place for place, text in enumerate(cleaned) if text]
        parts = []
        for start in range(0, len(filled), self.batch):
            part = client.embed([prefix + cleaned[at] for at in filled[start : start + self.batch]])
            self._dim = self._dim or part.shape[1]
            if part.shape[1] != self._dim:
                raise LlmError(f"{self.name!r} gave {part.shape[1]} numbers after vectors of {self._dim}")
            parts.append(part)
        vectors = np.zeros((len(texts), self.dim), np.float32)
        if parts:
            vectors[filled] = unit_rows(np.concatenate(parts))
        return vectors

    def _opened(self) -> EmbeddingsClient:
        if self._client is None:
            self._client = self._made(self.timeout_s, self.retries)
        return self._client

    def _opened_for_words(self) -> EmbeddingsClient:
        if self._hurried is None:
            self._hurried = self._made(self.words_timeout_s, 0)
        return self._hurried

    def _made(self, timeout_s: float, retries: int) -> EmbeddingsClient:
        return EmbeddingsClient(
            base_url=self.base_url,
            name=self.name,
            api_key_env=self.api_key_env,
            dimensions=self.dimensions,
            encoding=self.encoding,
            timeout_s=timeout_s,
            retries=retries,
        )
