"""The door of every route: the key, its scope, its pace, in this order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request

from zhiyin.serve.access import Access, Grant
from zhiyin.serve.problems import Problem
from zhiyin.serve.rates import TokenBuckets
from zhiyin.serve.sessions import check_meant, session_secret
from zhiyin.serve.settings import ServeSettings

__all__ = ["Gate"]


class Count(Protocol):
    """Where refusals are counted."""

    def rate_limited(self, kind: str) -> None: ...


class Gate:
    """Routes call `enter` first. Headers for the answer are left in the scope, where the guard finds them."""

    def __init__(
        self,
        *,
        access: Access,
        settings: ServeSettings,
        now: Callable[[], float],
        counts: Count | None = None,
    ) -> None:
        self.access, self.counts = access, counts
        self.requests = TokenBuckets(per_s=settings.requests_per_s, burst=settings.requests_burst, now=now)
        self.events = TokenBuckets(per_s=settings.events_per_s, burst=settings.events_burst, now=now)
        self.strangers = TokenBuckets(per_s=settings.anonymous_per_s, burst=settings.anonymous_burst, now=now)

    def enter(self, request: Request, scope: str) -> Grant:
        """Who is asking, if the key has `scope` (empty: any valid key); else a problem 401, 403 or 429."""
        address = address_of(request)
        try:
            grant = self._known(request, address)
        except Problem:
            self._take(self.strangers, request, address, "address")
            raise
        request.scope["zhiyin.key"] = grant.key_id
        self._take(self.requests, request, grant.key_id, "key")
        if scope:
            grant.require(scope)
        return grant

    def _known(self, request: Request, address: str) -> Grant:
        """By the key that was sent, else by the cookie of a session."""
        authorization = request.headers.get("authorization")
        cookie = "" if authorization else session_secret(request)
        if not cookie:
            return self.access.enter(authorization, address=address)
        grant = self.access.known(cookie, "session", address=address)[1]
        check_meant(request, cookie, self.access.pepper)
        return grant

    def glance(self, request: Request) -> Grant | None:
        """For routes that are open to all: who is signed in, if anybody; a cookie that ended is nobody's."""
        cookie = session_secret(request)
        if not cookie:
            return None
        try:
            return self.access.known(cookie, "session")[1]
        except Problem:
            return None

    def anonymous(self, request: Request) -> None:
        """For routes without a key, such as the health checks: only the pace of the address counts."""
        self._take(self.strangers, request, address_of(request), "address")

    def count_events(self, request: Request, grant: Grant, n: int) -> None:
        """Takes `n` events from the key's allowance, or a problem 429; before anything is written."""
        self._take(self.events, request, grant.key_id, "events", n)

    def _take(self, buckets: TokenBuckets, request: Request, name: str, kind: str, cost: float = 1.0) -> None:
        try:
            request.scope["zhiyin.headers"] = buckets.take(name, cost)
        except Problem:
            if self.counts is not None:
                self.counts.rate_limited(kind)
            raise


def address_of(request: Request) -> str:
    """The client's address, as the guard found it (behind trusted proxies the one that they name)."""
    found: str = request.scope.get("zhiyin.address") or (request.client.host if request.client else "")
    return found
