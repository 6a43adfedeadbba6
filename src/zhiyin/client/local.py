"""The service of a project inside of this process: the whole application, driven without a socket."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from zhiyin.serve.access import IN_PROCESS, SCOPES, issue_key
from zhiyin.serve.settings import ServeSettings

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["ADDRESS", "LocalService"]

T = TypeVar("T")
ADDRESS = "http://localhost"
"""Only a name: nothing listens."""
KEY_S = 3600.0
"""A key of this process is valid for so long, and followed by the next one after half of it."""


class LocalService(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport of httpx behind which a project is served by a thread with an event loop of its own.

    Requests pass the same gate as over HTTP, with a key that this object makes, sends along and in the end
    revokes. `started` is done when requests may come, or has the error that prevented it.
    """

    def __init__(
        self, *, project: Path, settings: ServeSettings | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.project, self.settings, self.now = project, settings or ServeSettings(), now
        self.started: Future[None] = Future()
        self._loop = asyncio.new_event_loop()
        self._key = self._key_id = ""
        self._renew_at = 0.0
        self._name = f"{IN_PROCESS} {secrets.token_hex(4)}"
        self._stop = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._thread = threading.Thread(target=self._run, name="zhiyin-local", daemon=True)
        self._thread.start()

    # -- requests ----------------------------------------------------------------------------------

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Waits for the answer, as long as the request may take."""
        request.read()
        waiting = self._submit(self._answered(request))
        try:
            return waiting.result(_seconds(request))
        except TimeoutError:
            waiting.cancel()
            raise httpx.ReadTimeout("no answer in time", request=request) from None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The same for a caller with an event loop."""
        await request.aread()
        return await asyncio.wrap_future(self._submit(self._answered(request)))

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._stop.is_set():
            work.close()
            raise httpx.ConnectError("this local service has been closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _answered(self, request: httpx.Request) -> httpx.Response:
        await asyncio.wrap_future(self.started)
        if self.now() >= self._renew_at:
            await self._renew()
        request.headers["authorization"] = f"Bearer {self._key}"
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        answer = await self._asgi.handle_async_request(asked)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._served())
        except BaseException as error:
            if not self.started.done():
                self.started.set_exception(error)
            else:
                raise
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _served(self) -> None:
        from zhiyin.serve.app import create_app
        from zhiyin.serve.bootstrap import prepare

        _quiet()
        await asyncio.to_thread(prepare, self.project, now=self.now, with_key=False)
        self.app: Starlette = create_app(self.project, self.settings, now=self.now)
        async with self.app.router.lifespan_context(self.app):
            self._asgi = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            await self._renew()
            self.started.set_result(None)
            await self._stop.wait()
            await asyncio.to_thread(self._revoke, self._key_id)

    async def _renew(self) -> None:
        async with self._renewing:
            if self.now() >= self._renew_at:
                await asyncio.to_thread(self._make_key)

    def _make_key(self) -> None:
        ground, old, at = self.app.state.ground, self._key_id, self.now()
        self._key, record = issue_key(
            ground.store, ground.pepper, name=self._name, scopes=SCOPES, at=at, actor=IN_PROCESS,
            expires_at=at + KEY_S,
        )  # fmt: skip
        ground.access.forget()
        self._key_id, self._renew_at = record.id, at + KEY_S / 2
        if old:
            self._revoke(old)

    def _revoke(self, key_id: str) -> None:
        self.app.state.ground.store.revoke_key(key_id, at=self.now(), actor=IN_PROCESS).result()

    def close(self) -> None:
        """Stops the service and waits for its end; a second time nothing happens."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    async def aclose(self) -> None:
        """The same, without holding up the caller's event loop."""
        await asyncio.to_thread(self.close)


def _seconds(request: httpx.Request) -> float | None:
    found: float | None = request.extensions.get("timeout", {}).get("read")
    return found


def _quiet() -> None:
    """Only errors are logged, and not on stdout, unless this process has said how it logs."""
    import structlog

    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
