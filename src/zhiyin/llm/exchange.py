"""One question to a model server over HTTP: bounded in time and bytes, and silent about its key."""

from __future__ import annotations

import email.utils
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from zhiyin.errors import ConfigError, LlmError, shorten

__all__ = ["RETRIED", "Exchange", "Reply"]

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may pass by themselves."""
LONGEST_LINE = 1 << 20
"""Bytes of one event of a stream."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one try."""

    status: int
    """0 = no answer."""
    body: bytes = b""
    wait_s: float = 0.0
    """Seconds that the server asks to wait."""
    fault: str = ""
    """In words, without the key."""
    late: bool = False
    """No whole answer came in time."""


class Exchange:
    """Posts bytes, gets a `Reply`. The key is read from the environment at each call, or given as `key`
    where the caller has made it itself; it stands in no message and goes to `base_url` only, for redirects
    are not followed. `what` names the service in messages.
    """

    def __init__(
        self, *, base_url: str, what: str, api_key_env: str = "", key: str = "", max_bytes: int = 64 * 2**20
    ) -> None:
        self.base_url = base_url
        self.what = what
        self.api_key_env = api_key_env
        self.max_bytes = max_bytes
        self._own_key = key
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()

    def post(self, path: str, question: bytes, *, timeout_s: float) -> Reply:
        """One try within `timeout_s`, from the look-up of the name to the last byte.

        Raises ConfigError for settings that cannot work and LlmError for an answer over `max_bytes`.
        """
        url, key = self.url(path), self._key()
        self._opened()  # reading the certificates once takes longer than many a deadline
        ends = time.monotonic() + timeout_s
        try:
            with self._stream(url, key, question, ends) as response:
                body = self._read(response, ends, timeout_s)
                wait_s = _retry_after(response.headers.get("retry-after", ""))
        except httpx.HTTPError as error:
            return _no_reply(error, key)
        said = shorten(" ".join(body[:2000].decode("utf-8", "replace").split()), 200)
        fault = (
            "" if response.status_code == 200 else _censored(f"status {response.status_code}: {said}", key)
        )
        return Reply(response.status_code, body, wait_s, fault)

    def events(self, path: str, question: bytes, *, timeout_s: float) -> Iterator[bytes]:
        """The data of each server-sent event, up to `[DONE]`; a stream without this end is an LlmError."""
        url, key = self.url(path), self._key()
        self._opened()  # reading the certificates once takes longer than many a deadline
        ends = time.monotonic() + timeout_s
        try:
            with self._stream(url, key, question, ends) as response:
                if response.status_code != 200:
                    body = self._read(response, ends, timeout_s)
                    said = shorten(" ".join(body[:2000].decode("utf-8", "replace").split()), 200)
                    wait_s = _retry_after(response.headers.get("retry-after", ""))
                    fault = _censored(f"status {response.status_code}: {said}", key)
                    raise self.refused(Reply(response.status_code, b"", wait_s, fault))
                yield from self._data(response, ends, timeout_s)
        except httpx.HTTPError as error:
            raise self.refused(_no_reply(error, key)) from error

    def refused(self, reply: Reply, advice: str = "") -> LlmError:
        """The error that a reply is, with where and what."""
        passing = not reply.status or reply.status in RETRIED
        said = f"{reply.fault}. {advice}" if advice else reply.fault
        why = "late" if reply.late else "fault"
        return self.error(said, passing=passing, wait_s=reply.wait_s, status=reply.status, why=why)

    def error(self, said: str, **facts: Any) -> LlmError:
        """With the facts that an LlmError takes."""
        return LlmError(f"{self.what} from {shown(self.base_url)}: {said}", **facts)

    def url(self, path: str) -> httpx.URL:
        """`path` below `base_url`; one that starts with a slash stands at the root, beside `/v1`."""
        base = self.base_url.rstrip("/")
        if path.startswith("/"):
            base, path = base.removesuffix("/v1"), path.lstrip("/")
        try:
            url = httpx.URL(base if base.endswith(f"/{path}") else f"{base}/{path}")
        except httpx.InvalidURL as error:
            raise ConfigError(f"base_url is not an address: {error}") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ConfigError(f"base_url {shown(self.base_url)!r} must be like http://host:8000/v1")
        return url

    def close(self) -> None:
        """Ends kept connections; the next question opens new ones."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _opened(self) -> httpx.Client:
        with self._lock:
            if self._http is None:
                self._http = httpx.Client()
            return self._http

    def _stream(self, url: httpx.URL, key: str, question: bytes, ends: float) -> Any:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return self._opened().stream(
            "POST", url, content=question, headers=headers, extensions={"timeout": _Remaining(ends)}
        )

    def _read(self, response: httpx.Response, ends: float, timeout_s: float) -> bytes:
        answer = bytearray()
        for chunk in self._chunks(response, ends, timeout_s):
            answer += chunk
            if len(answer) > self.max_bytes:
                raise self.error(
                    f"the answer is larger than max_answer_bytes = {self.max_bytes}: "
                    "send fewer texts at once, or allow more"
                )
        return bytes(answer)

    def _chunks(self, response: httpx.Response, ends: float, timeout_s: float) -> Iterator[bytes]:
        """A server that drips a byte a second must not hold the caller, though each read is in time."""
        for chunk in response.iter_bytes():
            yield chunk
            if time.monotonic() > ends:
                raise httpx.ReadTimeout(f"no whole answer within {timeout_s:g} s")

    def _data(self, response: httpx.Response, ends: float, timeout_s: float) -> Iterator[bytes]:
        waiting, total = b"", 0
        for chunk in self._chunks(response, ends, timeout_s):
            total += len(chunk)
            *lines, waiting = (waiting + chunk).split(b"\n")
            if len(waiting) > LONGEST_LINE or total > self.max_bytes:
                raise self.error(f"the stream is larger than max_answer_bytes = {self.max_bytes}")
            for line in lines:
                data = line.strip().removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
                if data == b"[DONE]":
                    return
                if data:
                    yield data
        raise self.error("the stream ended in the middle", passing=True)

    def _key(self) -> str:
        if self._own_key or not self.api_key_env:
            return self._own_key
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ConfigError(
                f"api_key_env names {self.api_key_env!r}, but that environment variable is not set or empty"
            )
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(
                f"the key in ${self.api_key_env} holds characters that no HTTP header can carry"
            )
        return key


class _Remaining(dict[str, float]):
    """Timeouts as httpcore reads them, before each step: what is left until one end, for every step."""

    def __init__(self, ends: float) -> None:
        super().__init__()
        self.ends = ends

    def get(self, _name: str, _default: Any = None) -> Any:
        return max(0.001, self.ends - time.monotonic())


def shown(base_url: str) -> str:
    """The address without a password or a query, which may hold secrets."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        return "an address that cannot be read"
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def origin(base_url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; of an address that cannot be read, the address."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        return "", base_url, None
    return url.scheme, url.host, url.port  # httpx leaves out the usual port of a scheme


def advice(status: int, *, name: str, api_key_env: str, otherwise: str) -> str:
    """What to look at after a status that will not pass by itself."""
    if status in (401, 403):
        return f"Check the key in ${api_key_env}" if api_key_env else "It wants a key: set api_key_env"
    if status == 404:
        return f"Is base_url right (it usually ends in /v1), and is {name!r} served there?"
    if 300 <= status < 400:
        return "Redirects are not followed: give the final address as base_url"
    return otherwise


def _no_reply(error: httpx.HTTPError, key: str) -> Reply:
    said = _censored(f"{type(error).__name__}: {error}", key)
    return Reply(0, fault=said, late=isinstance(error, httpx.TimeoutException))


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
