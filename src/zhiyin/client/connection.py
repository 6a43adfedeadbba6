"""Where a client sends to, with which key: checked once, before anything is sent."""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from urllib.parse import urlsplit

import httpx

from zhiyin.client.exchange import Ask, Lost, Reply
from zhiyin.errors import ApiError, ConfigError, shorten

__all__ = ["KEY_NAME", "MOST_ANSWER_BYTES", "Connection"]

KEY_NAME = "ZHIYIN_KEY"
MOST_ANSWER_BYTES = 256 << 20
"""An answer beyond this is given up: no list and no page is as large."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An address and a key. The key is in no representation and in no message."""

    base_url: str
    key: str = field(default="", repr=False)

    @classmethod
    def to(
        cls, base_url: str, key: str | None, *, allow_insecure: bool, env: Mapping[str, str] = os.environ
    ) -> Connection:
        """Refuses what would send a key in the clear over a network, or to a place that was not meant."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"base_url: expected such as http://127.0.0.1:8765, got {shorten(repr(_shown(base_url)))}"
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise ConfigError(
                "base_url: expected no user, password, query or fragment in it; the key has its own place"
            )
        found = env.get(KEY_NAME, "") if key is None else key
        if key is None and not found:
            raise ConfigError(f'no key was given: pass `key` or set {KEY_NAME}; key="" asks without one')
        if not re.fullmatch(r"[!-~]*", found):
            raise ConfigError(
                "key: expected letters and digits, such as zy_live_…; got spaces or line ends in it"
            )
        if found and parts.scheme == "http" and not _loopback(parts.hostname) and not allow_insecure:
            raise ConfigError(
                f"base_url: over http:// to {shorten(parts.hostname)} the key would cross the network in the"
                " clear. Use https://, or say allow_insecure=True if this network is your own"
            )
        return cls(base_url.rstrip("/"), found)

    def request(self, ask: Ask[object]) -> tuple[str, str, dict[str, str]]:
        """Method, address and headers."""
        headers = {"accept": "application/json", "user-agent": agent()}
        if ask.body is not None:
            headers["content-type"] = "application/json"
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        return ask.method, self.base_url + ask.path, headers


@functools.cache
def agent() -> str:
    """What this client calls itself."""
    return f"zhiyin/{version('zhiyin')}"


def settings_of(verify: ssl.SSLContext | None) -> dict[str, object]:
    """What both httpx clients are made with. The environment names no proxy, which could read keys."""
    return {"verify": verify if verify is not None else True, "trust_env": False, "follow_redirects": False}


def lost(error: httpx.HTTPError) -> Lost:
    """What an exception of httpx means for repeating."""
    late = isinstance(error, httpx.TimeoutException)
    before = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    said = "no answer in time" if late else f"the connection failed: {type(error).__name__}"
    return Lost("timeout" if late else "unreachable", said, before)


def reply(response: httpx.Response, body: bytes) -> Reply:
    return Reply(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, body
    )


def too_large() -> ApiError:
    return ApiError(0, "not_understood", f"an answer of more than {MOST_ANSWER_BYTES >> 20} MiB was given up")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(base_url: str) -> str:
    """Without what stands before an @: somebody may have put a password there."""
    return base_url.rpartition("@")[2]
