"""Sessions of browsers: made of a key or a one-time link, kept like keys, proved by a cookie.

A page of another site can make a browser send the cookie, never read it nor what it answers with: so whatever
changes something also needs a token in a header, which only our own page has been told.
"""

from __future__ import annotations

import hmac

import msgspec
from starlette.requests import Request

from zhiyin.serve.access import Grant, make_key
from zhiyin.serve.problems import Problem
from zhiyin.store.contract import Store
from zhiyin.store.records import KeyRecord

__all__ = [
    "check_meant", "cookie_name", "csrf_of", "link_fragment", "make_link", "open_session", "session_secret",
]  # fmt: skip

LINK_S = 900.0
"""Seconds that a one-time link waits for its use."""
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def cookie_name(request: Request) -> str:
    """With the port: browsers do not tell two services of one host apart by it."""
    port = request.url.port
    return f"zhiyin_session_{port}" if port else "zhiyin_session"


def session_secret(request: Request) -> str:
    """What the cookie holds; empty without one."""
    return request.cookies.get(cookie_name(request), "")


def csrf_of(secret: str, pepper: bytes) -> str:
    """The token that proves to come from a page which was told it."""
    return hmac.digest(pepper, b"csrf " + secret.encode("utf-8", "surrogatepass"), "sha256").hex()


def check_meant(request: Request, secret: str, pepper: bytes) -> None:
    """A problem 403 when a request that changes something carries the cookie but not the token."""
    if request.method in SAFE_METHODS:
        return
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_of(secret, pepper).encode()):
        raise Problem("forbidden", "a session needs the header X-CSRF-Token with what GET /v1/session says")


def make_link(store: Store, pepper: bytes, *, at: float) -> str:
    """The secret of a link that signs in once, as who runs the service."""
    scopes = ("admin", "erase")
    secret, record = make_key(
        name="sign-in link", scopes=scopes, pepper=pepper, at=at, expires_at=at + LINK_S
    )
    store.add_key(msgspec.structs.replace(record, kind="link"), actor="server").result()
    return secret


def link_fragment(secret: str) -> str:
    """Behind the address: a browser never sends a fragment, so no log of anybody holds it."""
    return f"/console/#link={secret}"


def open_session(
    store: Store, pepper: bytes, opened_with: KeyRecord, grant: Grant, *, at: float, hours: float
) -> tuple[str, KeyRecord]:
    """A session with the scopes of the key or the link."""
    secret, record = make_key(
        name=grant.name, scopes=sorted(grant.scopes), pepper=pepper, at=at, expires_at=at + hours * 3600
    )
    parent = opened_with.id if opened_with.kind == "key" else ""
    record = msgspec.structs.replace(record, kind="session", parent=parent, name=f"console: {grant.name}")
    store.add_key(record, actor=opened_with.id).result()
    return secret, record
