"""Embeddings over HTTP: a client of any OpenAI-compatible `/embeddings` endpoint."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from zhiyin.errors import LlmError, shorten
from zhiyin.llm.exchange import RETRIED, Exchange, advice
from zhiyin.prepared import prepared
from zhiyin.types import FloatArray

__all__ = ["EmbeddingsClient"]

FIRST_WAIT_S = 0.25
"""Before the second try; doubles with each."""


class _Row(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Row]


class EmbeddingsClient:
    """Posts texts, gets vectors; every fault is an LlmError that names the address and the status.

    `base_url` is what OpenAI-compatible servers call so, usually ending in `/v1`; `name` is the served
    model. The key is never given, only the name of the environment variable that holds it, and it stands
    in no message. `timeout_s` bounds one try. A wait that the server asks for (`Retry-After`) is honoured up
    to `longest_wait_s`. An answer over `max_answer_bytes` is refused while it is read. Redirects are not
    followed: the key goes to the configured address only.
    """

    def __init__(
        self,
        *,
        base_url: str,
        name: str,
        api_key_env: str = "",
        dimensions: int | None = None,
        encoding: Literal["float", "base64"] = "float",
        timeout_s: float = 30.0,
        retries: int = 3,
        longest_wait_s: float = 20.0,
        max_answer_bytes: int = 64 * 2**20,
    ) -> None:
        self.base_url = base_url
        self.name = name
        self.api_key_env = api_key_env
        self.dimensions = dimensions
        self.encoding = encoding
        self.timeout_s = timeout_s
        self.retries = retries
        self.longest_wait_s = longest_wait_s
        self.max_answer_bytes = max_answer_bytes
        self._exchange: Exchange | None = None

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) float32 in the order of `texts`, as the server gave them; every number is finite."""
        if not texts:
            return np.zeros((0, self.dimensions or 0), np.float32)
        return self._vectors(self._answered(self._question(texts)), len(texts))

    def close(self) -> None:
        """Ends kept connections; the next `embed` opens new ones."""
        if self._exchange is not None:
            self._exchange.close()

    def _question(self, texts: Sequence[str]) -> bytes:
        question: dict[str, Any] = {
            "model": self.name,
            "input": list(texts),
            "encoding_format": self.encoding,
        }
        if self.dimensions is not None:
            question["dimensions"] = self.dimensions
        return msgspec.json.encode(question)

    def _answered(self, question: bytes) -> bytes:
        """The answer's bytes, after at most `retries` further tries."""
        exchange = self._opened()
        for attempt in range(self.retries + 1):
            reply = exchange.post("embeddings", question, timeout_s=self.timeout_s)
            if reply.status == 200:
                return reply.body
            if reply.status and reply.status not in RETRIED:
                raise exchange.refused(reply, _advice(reply.status, self))
            wait_s = max(min(FIRST_WAIT_S * 2**attempt, self.longest_wait_s), reply.wait_s)
            if wait_s > self.longest_wait_s:
                raise self._error(
                    f"{reply.fault}; it asks to wait {wait_s:.0f} s, "
                    f"longest_wait_s is {self.longest_wait_s:g}"
                )
            if attempt < self.retries:
                time.sleep(wait_s)
        raise self._error(f"{reply.fault}; given up after {self.retries + 1} tries")

    def _opened(self) -> Exchange:
        if self._exchange is None:
            self._exchange = Exchange(
                base_url=self.base_url,
                what=f"embeddings of {self.name!r}",
                api_key_env=self.api_key_env,
                max_bytes=self.max_answer_bytes,
            )
        return self._exchange

    def _vectors(self, answer: bytes, n: int) -> FloatArray:
        try:
            rows = msgspec.json.decode(answer, type=prepared(_Answer)).data
            parts = [_numbers(row.embedding) for row in rows]
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._error(f"the answer is not a list of embeddings: {error}") from error
        if len(rows) != n:
            raise self._error(f"{n} texts were sent and {len(rows)} vectors came back")
        places = [place if row.index is None else row.index for place, row in enumerate(rows)]
        if sorted(places) != list(range(n)):
            raise self._error(f"expected every index from 0 to {n - 1} once, got {shorten(str(places))}")
        dims = {len(part) for part in parts}
        if len(dims) != 1 or 0 in dims or (self.dimensions is not None and dims != {self.dimensions}):
            wanted = "one length" if self.dimensions is None else f"{self.dimensions} numbers each"
            raise self._error(f"expected vectors of {wanted}, got lengths {shorten(str(sorted(dims)))}")
        vectors = np.empty((n, dims.pop()), np.float32)
        vectors[places] = parts
        if not np.isfinite(vectors).all():
            raise self._error("a vector holds a number that is not finite")
        return vectors

    def _error(self, what: str) -> LlmError:
        return self._opened().error(what)


def _numbers(embedding: list[float] | str) -> FloatArray:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(embedding, np.float32)


def _advice(status: int, client: EmbeddingsClient) -> str:
    return advice(
        status,
        name=client.name,
        api_key_env=client.api_key_env,
        otherwise="Check the name, dimensions and length of texts that this server takes",
    )
