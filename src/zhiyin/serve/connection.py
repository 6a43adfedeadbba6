"""One connection: uvicorn's, with limits on the head of a request and an end that loses nothing."""

from __future__ import annotations

import asyncio
import select
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from zhiyin.serve.settings import ServeSettings

__all__ = ["Connection", "WorkerState"]

FRESH_S = 1.0
"""A connection that is younger, or had an answer less than this ago, may ask once more in a stop."""


LINGER_S = 1.0
"""How long bytes of a refused request are still read and thrown away, so that the client can read why."""


class WorkerState(ServerState):
    """What all connections of a worker share."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False
        """Every answer is the last of its connection."""


class Connection(HttpToolsProtocol):
    """Leaves two cheap questions in the scope: `zhiyin.gone`, whether the client went away, and
    `zhiyin.body_here`, whether the whole body has come."""

    server_state: WorkerState

    def __init__(self, *, settings: ServeSettings, **wiring: Any) -> None:
        super().__init__(**wiring)
        self.settings = settings
        self._in_head = False
        self._head_bytes = 0
        self._active_at = 0.0
        self._lingering = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._active_at = self.loop.time()
        if len(self.connections) > self.settings.max_connections:
            return self._refuse(503, "overloaded", "serve.max_connections is reached")
        self._watch(self.settings.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.settings.max_header_bytes:
                self._refuse(431, "headers_too_large", "serve.max_header_bytes is reached")
            elif self._timer is None:
                self._watch(self.settings.header_timeout_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self.scope["zhiyin.gone"] = self.transport.is_closing  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unwatch()
        super().on_headers_complete()
        cycle = self.cycle
        self.scope["zhiyin.body_here"] = lambda: not cycle.more_body  # type: ignore[typeddict-unknown-key]
        self.cycle.transport = _Lingering(self, self.cycle)  # type: ignore[assignment]
        if self.server_state.closing:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        self._active_at = self.loop.time()
        super().on_response_complete()

    def shutdown(self) -> None:
        """Ends the connection as soon as nothing is lost by it.

        An answer on its way is the last. Where the next request may be on its way, or has come and was not
        read yet, one more is taken: closing would answer it with a reset. Only what has been idle ends now.
        """
        self.server_state.closing = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        elif self._in_head or _readable(self.transport) or self.loop.time() - self._active_at < FRESH_S:
            self._watch(FRESH_S)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "invalid_request", "this is not HTTP/1.1")

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self._timer = self.loop.call_later(seconds, self._late)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """No whole head in time: a client that dribbles is told so, one that said nothing is left."""
        self._timer = None
        if self._in_head:
            self._refuse(408, "request_timeout", "serve.header_timeout_s is over")
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """An answer without any app, for what is not even a request."""
        if self._lingering or self.transport.is_closing():
            return
        problem = {"type": f"urn:zhiyin:problem:{code}", "status": status, "code": code, "detail": detail}
        body = msgspec.json.encode(problem)
        retry = "retry-after: 1\r\n" if status == 503 else ""
        head = (
            f"HTTP/1.1 {status} \r\ncontent-type: application/problem+json\r\n{retry}"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.linger()

    def linger(self) -> None:
        """Ends our side, and reads on for a while: closing on unread bytes would reset the answer away."""
        self._lingering = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._unwatch()
        self._timer = self.loop.call_later(LINGER_S, self.transport.close)


class _Lingering:
    """The transport as an answer sees it: `close` waits for a body that is still on its way."""

    def __init__(self, connection: Connection, cycle: Any) -> None:
        self.connection, self.cycle = connection, cycle
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        if self.cycle.more_body and self.cycle.response_complete:
            self.connection.linger()
        else:
            self.connection.transport.close()


def _readable(transport: asyncio.Transport) -> bool:
    """Whether bytes wait in the socket: closing it now would answer them with a reset."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
