"""Embeddings over HTTP: a client of any OpenAI-compatible `/embeddings` endpoint."""

from __future__ import annotations

import base64
import email.utils
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import msgspec
import numpy as np

from zhiyin.errors import ConfigError, LlmError, shorten
from zhiyin.types import FloatArray

__all__ = ["EmbeddingsClient"]

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
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
        self._http: httpx.Client | None = None

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) float32 in the order of `texts`, as the server gave them; every number is finite."""
        if not texts:
            return np.zeros((0, self.dimensions or 0), np.float32)
        return self._vectors(self._answered(self._question(texts)), len(texts))

    def close(self) -> None:
        """Ends kept connections; the next `embed` opens new ones."""
        if self._http is not None:
            self._http.close()
            self._http = None

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
        url, key = _checked_url(self.base_url), _key(self.api_key_env)
        for attempt in range(self.retries + 1):
            status, asked_wait_s, answer, fault = self._attempt(url, key, question)
            if status == 200:
                return answer
            if status and status not in RETRIED:
                raise self._error(f"{fault}. {_advice(status, self)}")
            wait_s = max(min(FIRST_WAIT_S * 2**attempt, self.longest_wait_s), asked_wait_s)
            if wait_s > self.longest_wait_s:
                raise self._error(
                    f"{fault}; it asks to wait {wait_s:.0f} s, longest_wait_s is {self.longest_wait_s:g}"
                )
            if attempt < self.retries:
                time.sleep(wait_s)
        raise self._error(f"{fault}; given up after {self.retries + 1} tries")

    def _attempt(self, url: httpx.URL, key: str, question: bytes) -> tuple[int, float, bytes, str]:
        """Status (0 = no answer), seconds that the server asks to wait, body, and the fault in words."""
        try:
            status, asked_wait_s, answer = self._exchange(url, key, question)
        except httpx.HTTPError as error:
            return 0, 0.0, b"", _censored(f"{type(error).__name__}: {error}", key)
        said = shorten(" ".join(answer[:2000].decode("utf-8", "replace").split()), 200)
        return status, asked_wait_s, answer, _censored(f"status {status}: {said}", key)

    def _exchange(self, url: httpx.URL, key: str, question: bytes) -> tuple[int, float, bytes]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if self._http is None:
            self._http = httpx.Client(timeout=self.timeout_s)
        ends = time.monotonic() + self.timeout_s
        answer = bytearray()
        with self._http.stream("POST", url, content=question, headers=headers) as response:
            for chunk in response.iter_bytes():
                answer += chunk
                if len(answer) > self.max_answer_bytes:
                    raise self._error(
                        f"the answer is larger than max_answer_bytes = {self.max_answer_bytes}: "
                        "send fewer texts at once, or allow more"
                    )
                # httpx times each read; a server that drips a byte a second must not hold the caller.
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout(f"no whole answer within {self.timeout_s:g} s")
            return response.status_code, _retry_after(response.headers.get("retry-after", "")), bytes(answer)

    def _vectors(self, answer: bytes, n: int) -> FloatArray:
        try:
            rows = msgspec.json.decode(answer, type=_Answer).data
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
        return LlmError(f"embeddings of {self.name!r} from {_shown(self.base_url)}: {what}")


def _numbers(embedding: list[float] | str) -> FloatArray:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(embedding, np.float32)


def _checked_url(base_url: str) -> httpx.URL:
    base = base_url.rstrip("/")
    try:
        url = httpx.URL(base if base.endswith("/embeddings") else f"{base}/embeddings")
    except httpx.InvalidURL as error:
        raise ConfigError(f"base_url is not an address: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"base_url {_shown(base_url)!r} must be like http://host:8000/v1")
    return url


def _shown(base_url: str) -> str:
    """The address without a password or a query, which may hold secrets."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        return "an address that cannot be read"
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(
            f"api_key_env names {variable!r}, but that environment variable is not set or empty"
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"the key in ${variable} holds characters that no HTTP header can carry")
    return key


def _censored(text: str, key: str) -> str:
    """Servers like to quote the key that they refuse."""
    return text.replace(key, "***") if key else text


def _retry_after(value: str) -> float:
    """Seconds, from seconds or from a date; 0 when there is none or it cannot be read."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _advice(status: int, client: EmbeddingsClient) -> str:
    if status in (401, 403):
        return (
            f"Check the key in ${client.api_key_env}"
            if client.api_key_env
            else "It wants a key: set api_key_env"
        )
    if status == 404:
        return f"Is base_url right (it usually ends in /v1), and is {client.name!r} served there?"
    if 300 <= status < 400:
        return "Redirects are not followed: give the final address as base_url"
    return "Check the name, dimensions and length of texts that this server takes"
