"""What every request passes: a name, limits, safe headers, one form of error, one line of log."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhiyin.serve.clients import ClientAddress
from zhiyin.serve.problems import Problem, problem_of
from zhiyin.serve.settings import ServeSettings

__all__ = ["Guard", "Watch"]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

SAFE = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
}
"""On every answer that does not say otherwise itself; a page sets its own content-security-policy."""

SAFE_PAIRS = [(name.encode(), value.encode()) for name, value in SAFE.items()]

CLIENT_GONE = 499
"""Logged and counted when the client went away before the answer; nobody receives it."""


class Watch(Protocol):
    """Who is told of every request: metrics, and the access log."""

    def request_started(self) -> None: ...
    def request_done(self, *, route: str, method: str, status: int, seconds: float) -> None: ...


class Log(Protocol):
    """Structured log lines, as structlog writes them."""

    def info(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...


class Guard:
    """ASGI middleware, outermost. `closing` says whether connections should be ended with their next answer.

    Leaves in the scope: `zhiyin.request_id`, `zhiyin.trace_id` (empty without a traceparent) and
    `zhiyin.address`; takes from it `zhiyin.headers` (added to the answer) and `zhiyin.key` (for the log).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ServeSettings,
        watch: Watch,
        log: Log,
        closing: Callable[[], bool] = lambda: False,
    ) -> None:
        self.app, self.settings, self.watch, self.closing = app, settings, watch, closing
        self.log = log.bind() if hasattr(log, "bind") else log
        self.clients = ClientAddress(settings.proxies())
        self.origins = frozenset(origin.lower() for origin in settings.cors_origins)
        self._routes: dict[tuple[Any, int], str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # no web sockets: refused before they open
            return await send({"type": "websocket.close", "code": 1008})
        passage = _Passage(self, scope, receive, send)
        began = time.perf_counter()
        self.watch.request_started()
        try:
            await passage.go()
        finally:
            self._done(scope, passage, time.perf_counter() - began)

    def _done(self, scope: Scope, passage: _Passage, seconds: float) -> None:
        route, status = self.route(scope), passage.status or CLIENT_GONE
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.watch.request_done(route=route, method=method, status=status, seconds=seconds)
        self.log.info(
            "request", request_id=passage.id, trace_id=scope["zhiyin.trace_id"], method=method, route=route,
            status=status, code=passage.code, ms=round(1000 * seconds, 2), key=scope.get("zhiyin.key", ""),
        )  # fmt: skip

    def route(self, scope: Scope) -> str:
        """The template such as /v1/items/{id}; never the path itself, which holds ids and is without end."""
        if self._routes is None:
            if "app" not in scope:
                return "unmatched"
            self._routes = dict(_templates(scope["app"].routes, ""))
        key = (scope.get("endpoint"), len(scope.get("path_params", ())))
        return self._routes.get(key, "unmatched")


class _Passage:
    """One request on its way through."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send) -> None:
        self.guard, self.scope, self._receive, self._send = guard, scope, receive, send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.status = 0
        self.code = ""
        self._read, self._body_done, self._body_until = 0, False, 0.0
        named = self.headers.get(b"x-request-id", b"").decode("latin-1")
        self.id = named if REQUEST_ID.fullmatch(named) else f"req_{secrets.token_hex(12)}"
        trace = TRACEPARENT.fullmatch(self.headers.get(b"traceparent", b"").decode("latin-1"))
        scope["zhiyin.request_id"] = self.id
        scope["zhiyin.trace_id"] = trace[1] if trace else ""
        scope["zhiyin.address"] = guard.clients.of(scope)

    async def go(self) -> None:
        try:
            self.check()
            if self.preflight():
                return await self.answer(204, {"access-control-max-age": "600"}, b"")
            self._body_until = time.monotonic() + self.guard.settings.body_timeout_s
            await self.guard.app(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            await self.failed(error)

    def check(self) -> None:
        """Limits that the head of the request is enough for: nothing of the body has been read yet."""
        settings, headers = self.guard.settings, self.headers
        pairs = self.scope["headers"]
        if len(pairs) > settings.max_headers:
            raise Problem("headers_too_large", f"at most serve.max_headers = {settings.max_headers} headers")
        if sum(len(name) + len(value) for name, value in pairs) > settings.max_header_bytes:
            raise Problem(
                "headers_too_large", f"at most serve.max_header_bytes = {settings.max_header_bytes} bytes"
            )
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Problem("unsupported_media", "the body must not be compressed")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise Problem("invalid_request", "Content-Length is no number")
        if int(length) > settings.max_body_bytes:
            raise self.too_large()

    def too_large(self) -> Problem:
        return Problem(
            "body_too_large",
            f"at most serve.max_body_bytes = {self.guard.settings.max_body_bytes} bytes",
            headers={"connection": "close"},  # the rest of the body is not worth reading
        )

    # -- pages of other origins --------------------------------------------------------------------
    def origin(self) -> str:
        """The origin of the calling page, if it may call."""
        origin = self.headers.get(b"origin", b"").decode("latin-1")
        return origin if origin.lower() in self.guard.origins else ""

    def preflight(self) -> bool:
        if self.scope["method"] != "OPTIONS" or b"access-control-request-method" not in self.headers:
            return False
        if not self.origin():
            raise Problem("origin_refused")
        return True

    # -- the body, as far as it may go ---------------------------------------------------------------
    async def receive(self) -> Message:
        if self._body_done:
            return await self._receive()
        if self.scope.get("zhiyin.body_here", bool)():
            message = await self._receive()  # nothing to wait for: most bodies are small
        else:
            message = await self.patiently()
        if message["type"] != "http.request":
            self._body_done = True
            return message
        self._read += len(message.get("body", b""))
        if self._read > self.guard.settings.max_body_bytes:
            raise self.too_large()
        self._body_done = not message.get("more_body", False)
        return message

    async def patiently(self) -> Message:
        """The next piece of the body, or a problem when the whole of it takes too long."""
        try:
            async with asyncio.timeout(max(0.0, self._body_until - time.monotonic())):
                return await self._receive()
        except TimeoutError:
            seconds = self.guard.settings.body_timeout_s
            raise Problem(
                "request_timeout",
                f"the body was not here after serve.body_timeout_s = {seconds:g} s",
                headers={"connection": "close"},
            ) from None

    # -- the answer ---------------------------------------------------------------------------------
    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self.dressed(message.get("headers", []))}
        await self._send(message)

    def dressed(self, given: Any) -> list[tuple[bytes, bytes]]:
        pairs = list(given)
        names = {name for name, _ in pairs}
        extra: dict[str, str] = {"x-request-id": self.id, **self.scope.get("zhiyin.headers", {})}
        if self.scope["zhiyin.trace_id"]:
            extra["traceparent"] = self.headers[b"traceparent"].decode("latin-1")
        if self.guard.closing():
            extra["connection"] = "close"
        if self.guard.origins:
            extra |= self.cors()
        if self.guard.settings.tls_cert:
            extra["strict-transport-security"] = "max-age=31536000"
        more = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in extra.items()]
        for pair in (*more, *SAFE_PAIRS):
            if pair[0] not in names:
                names.add(pair[0])
                pairs.append(pair)
        return pairs

    def cors(self) -> dict[str, str]:
        origin = self.origin()
        if not origin:
            return {"vary": "origin"}
        return {
            "vary": "origin",
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
            "access-control-allow-headers": "authorization, content-type, idempotency-key, x-request-id",
            "access-control-expose-headers": "x-request-id, retry-after, ratelimit, ratelimit-policy",
            "cross-origin-resource-policy": "cross-origin",
        }

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        if status != 204:
            pairs.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": body})

    async def failed(self, error: Exception) -> None:
        problem = problem_of(error)
        self.code = problem.code
        if problem.status in (500, 507):
            self.guard.log.error("failed", request_id=self.id, exc_info=error)
        if self.status:  # the answer had begun: the only way to say that it is not whole is to break it off
            raise ConnectionError("the answer was broken off") from error
        locale = self.headers.get(b"accept-language", b"en").decode("latin-1")
        body = problem.body(request_id=self.id, locale=locale)
        await self.answer(problem.status, problem.headers(), body)


def _templates(routes: Any, before: str) -> Any:
    """((endpoint, number of parameters), template) of every route, inside of mounts too."""
    for route in routes:
        path = f"{before}{getattr(route, 'path', '')}"
        if getattr(route, "routes", None):
            yield from _templates(route.routes, path)
        elif hasattr(route, "endpoint"):
            yield (route.endpoint, path.count("{")), path
        elif hasattr(route, "app"):
            yield (route.app, path.count("{")), path
