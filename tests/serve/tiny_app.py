"""The smallest app that worker processes can be tested with, and the faults that tests plant in them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from functools import partialmethod
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from zhiyin.errors import ConfigError
from zhiyin.serve.connection import Connection
from zhiyin.serve.listener import Acceptor
from zhiyin.serve.settings import ServeSettings


def create_app(project: Path, settings: ServeSettings) -> Starlette:
    plant(os.environ.get("PLANTED", ""))

    async def work(request: Request) -> JSONResponse:
        await request.body()
        await asyncio.sleep(float(request.query_params.get("s", "0.002")))
        return JSONResponse({"pid": os.getpid()})

    async def ready(request: Request) -> JSONResponse:
        return JSONResponse({}, 503 if request.app.state.draining else 200)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        (project / f"flushed.{os.getpid()}").touch()

    routes = [Route("/work", work, methods=["GET", "POST"]), Route("/health/ready", ready)]
    return Starlette(routes=routes, lifespan=lifespan)


def plant(fault: str) -> None:
    """Faults that lose requests on stopping, each to be noticed; and slowness, which must lose none."""
    if fault == "fails to start":
        raise ConfigError("the artefact is of clay")
    if fault == "dies young":
        asyncio.get_running_loop().call_later(0.2, os._exit, 7)
    if fault == "closes what is idle":
        Connection.shutdown = HttpToolsProtocol.shutdown  # type: ignore[method-assign]
    if fault == "is slow to take":
        Acceptor.start = partialmethod(take_now_and_then, 0.03)  # type: ignore[assignment, method-assign]
    if fault == "leaves the backlog":  # so slow that something waits whenever it stops
        Acceptor.start = partialmethod(take_now_and_then, 0.2)  # type: ignore[assignment, method-assign]
        Acceptor.finish = close_only  # type: ignore[method-assign]
    if fault in ("lets new ones begin", "is slow to close"):
        finish = Acceptor.finish

        def linger(self: Acceptor) -> None:
            kept = socket.socket(fileno=os.dup(self.listening.fileno()))
            finish(self)
            asyncio.get_running_loop().call_later(0.05, kept.close)

        Acceptor.finish = linger  # type: ignore[method-assign]


def take_now_and_then(self: Acceptor, seconds: float) -> None:
    """Connections wait up to so many seconds before they are accepted."""
    self._open = True

    def again() -> None:
        while self._open and self._accept():
            pass
        if self._open:
            self._loop.call_later(seconds, again)

    again()


def close_only(self: Acceptor) -> None:
    self._open = False
    self.listening.close()
