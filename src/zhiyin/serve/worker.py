"""One worker process: an app, an event loop, a share of the connections; led by its parent over a socket."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import importlib
import os
import signal
import socket
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec

from zhiyin.errors import ConfigError, ZhiyinError
from zhiyin.serve.settings import ServeSettings

__all__ = ["Order", "main"]

SWITCH_S = 0.0005
"""How long the compute thread keeps the interpreter while the event loop waits; Python's own 5 ms would be
added to every answer that has to wait for it."""

HANDSHAKE_S = 5.0
"""For a TLS handshake."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent asks for, as one line of JSON."""

    app: str
    """`module:function`, called with the project and the settings, that gives a Starlette app."""
    project: str
    run: str
    settings: ServeSettings
    listening: int
    """File descriptor."""
    worker: int
    """From 0. Worker 0 does what only one may do; a restarted worker keeps its number."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker tells its parent."""

    word: str
    """ready | failed"""
    detail: str = ""
    exit_code: int = 1


class Worker:
    """Serves until told to stop.

    drain: `/health/ready` answers 503, every answer is the last of its connection. stop: takes the
    connections that wait, finishes what is in flight, ends. retire: takes nothing new, for others go on;
    then the same. now: ends at once. When the parent dies, the worker stops.
    """

    def __init__(self, order: Order, control: socket.socket) -> None:
        self.order, self.settings, self.control = order, order.settings, control
        self.app: Any = None
        self._ending = asyncio.Event()
        self._at_once = asyncio.Event()
        self._retiring = False

    async def serve(self) -> None:
        from zhiyin.serve.connection import WorkerState

        self.app = application(self.order)
        self._tell_app(draining=False, closing=False)
        self.state = WorkerState()
        async with self.app.router.lifespan_context(self.app) as lasting:
            await self._serve(dict(lasting or {}))

    async def _serve(self, lasting: dict[str, Any]) -> None:
        """Between the app's start and its end."""
        from zhiyin.serve.connection import Connection
        from zhiyin.serve.listener import Acceptor, LoadBoard

        loop = asyncio.get_running_loop()
        config = wired(self.app, self.settings)
        tls = self.settings.tls()
        adopting: set[asyncio.Task[Any]] = set()

        def protocol() -> Connection:
            return Connection(
                settings=self.settings, config=config, server_state=self.state, app_state=lasting, _loop=loop
            )

        def adopt(accepted: socket.socket) -> None:
            task = loop.create_task(adopted(loop, protocol, accepted, tls))
            adopting.add(task)
            task.add_done_callback(adopting.discard)

        listening = socket.socket(fileno=self.order.listening)
        self.acceptor = Acceptor(
            listening, adopt=adopt, count=lambda: len(self.state.connections) + len(adopting),
            board=LoadBoard(Path(self.order.run) / "connections", self.settings.workers),
            worker=self.order.worker,
        )  # fmt: skip
        ticking = loop.create_task(self._tick())
        listening_to_parent = loop.create_task(self._listen())
        gc.collect()
        gc.freeze()  # what stands now stands for ever: the collector need not walk it again
        self.acceptor.start()
        await self._say(Said(word="ready"))
        await self._ending.wait()
        await self._end(adopting)
        ticking.cancel()
        listening_to_parent.cancel()

    async def _end(self, adopting: set[asyncio.Task[Any]]) -> None:
        """Nothing accepted goes without an answer, unless it takes longer than the grace."""
        if self._retiring:
            self.acceptor.stop()
            self.state.closing = True
            await self._unless_at_once(self.settings.drain_s)
            self.acceptor.listening.close()
        else:
            self.acceptor.finish()
        if adopting:  # handshakes of TLS
            await asyncio.wait(adopting, timeout=HANDSHAKE_S)
        for connection in list(self.state.connections):
            connection.shutdown()
        until = time.monotonic() + self.settings.grace_s
        while (self.state.connections or self.state.tasks) and time.monotonic() < until:
            if self._at_once.is_set():
                break
            await asyncio.sleep(0.01)
        for task in list(self.state.tasks):
            task.cancel()
        for connection in list(self.state.connections):
            connection.transport.abort()

    async def _unless_at_once(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._at_once.wait()
        except TimeoutError:
            return

    async def _listen(self) -> None:
        """The parent's words; its silence for ever is one too."""
        loop = asyncio.get_running_loop()
        rest = b""
        while data := await loop.sock_recv(self.control, 4096):
            *words, rest = (rest + data).split(b"\n")
            for word in words:
                self._obey(word.decode())
        self._obey("stop")

    def _obey(self, word: str) -> None:
        self.state.closing = True
        self._tell_app(draining=word in ("drain", "stop", "now"), closing=True)
        if word == "drain":
            return
        self._retiring = word == "retire"
        if word == "now":
            self._at_once.set()
        self._ending.set()

    def _tell_app(self, *, draining: bool, closing: bool) -> None:
        state = getattr(self.app, "state", None)
        if state is not None:
            state.draining, state.closing, state.worker = draining, closing, self.order.worker

    async def _say(self, said: Said) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self.control, msgspec.json.encode(said) + b"\n")
        except OSError:  # the parent is gone: _listen ends this worker
            return

    async def _tick(self) -> None:
        """The date of the answers, and the number of connections for the other workers."""
        while True:
            self.state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
            for _ in range(10):
                self.acceptor.counted()
                await asyncio.sleep(0.1)


async def adopted(loop: asyncio.AbstractEventLoop, protocol: Any, accepted: socket.socket, tls: Any) -> None:
    """Makes a connection of an accepted socket; a failed handshake is the client's affair."""
    try:
        await loop.connect_accepted_socket(
            protocol, accepted, ssl=tls, ssl_handshake_timeout=None if tls is None else HANDSHAKE_S
        )
    except OSError:
        accepted.close()


def wired(app: Any, settings: ServeSettings) -> Any:
    """uvicorn's configuration for our connections. Addresses of clients and logs are the guard's affair."""
    from uvicorn.config import Config

    config = Config(
        app, interface="asgi3", lifespan="off", ws="none", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, http="httptools",
        timeout_keep_alive=max(1, round(settings.keep_alive_s)),
    )  # fmt: skip
    config.load()
    return config


def application(order: Order) -> Any:
    """The app that the order names."""
    module, _, name = order.app.partition(":")
    factory = getattr(importlib.import_module(module), name, None)
    if factory is None:
        raise ConfigError(f"{order.app!r}: expected module:function, there is no such function")
    return factory(Path(order.project), order.settings)


def received(control: socket.socket) -> Order:
    """The parent's first line."""
    line = b""
    while not line.endswith(b"\n"):
        data = control.recv(1)
        if not data:
            raise ConfigError("a worker is started by `zhiyin serve`, which tells it what to do")
        line += data
    return msgspec.json.decode(line, type=Order)


def main() -> int:
    """Signals are the parent's: a terminal or a service manager may send them to every process of a group."""
    faulthandler.enable()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which processes started from here would inherit
    control = socket.socket(fileno=os.dup(0))
    quiet = os.open(os.devnull, os.O_RDONLY)
    os.dup2(quiet, 0)
    os.close(quiet)
    order = received(control)
    control.setblocking(False)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(Path(order.run) / "metrics")
    from zhiyin.serve.logs import configure_logs

    settings = order.settings
    log = configure_logs(level=settings.log_level, form=settings.log_format, fields={"worker": order.worker})
    sys.setswitchinterval(SWITCH_S)
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(order, control))
    except ZhiyinError as error:
        _fail(control, str(error), error.exit_code)
        return error.exit_code
    except Exception as error:
        log.error("worker_failed", exc_info=error)
        _fail(control, f"{type(error).__name__}; the log says more", 1)
        return 1
    return 0


async def _serve(order: Order, control: socket.socket) -> None:
    await Worker(order, control).serve()


def _fail(control: socket.socket, detail: str, exit_code: int) -> None:
    control.setblocking(True)
    try:
        control.sendall(msgspec.json.encode(Said(word="failed", detail=detail, exit_code=exit_code)) + b"\n")
    except OSError:
        return


if __name__ == "__main__":
    raise SystemExit(main())
