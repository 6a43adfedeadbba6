"""Connections: endless heads, dribblers and the many are refused; what is late in a stop is served."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from zhiyin.serve.connection import Connection, WorkerState
from zhiyin.serve.settings import ServeSettings
from zhiyin.serve.worker import wired


class Place:
    """A listening worker without its process."""

    def __init__(self, port: int, state: WorkerState, gone: list[bool]) -> None:
        self.port, self.state, self.gone = port, state, gone

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """All that comes back until the server closes."""
        reader, writer = await self.open()
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause)
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()


@asynccontextmanager
async def listening(**given: Any) -> AsyncIterator[Place]:
    settings = ServeSettings.read(given)
    gone: list[bool] = []

    async def answer(request: Request) -> PlainTextResponse:
        if request.method == "POST":
            return PlainTextResponse("too much", 413, {"connection": "close"})
        await asyncio.sleep(float(request.query_params.get("s", "0")))
        gone.append(request.scope["zhiyin.gone"]())
        return PlainTextResponse("hello")

    state, config = (
        WorkerState(),
        wired(Starlette(routes=[Route("/", answer, methods=["GET", "POST"])]), settings),
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(settings=settings, config=config, server_state=state, app_state={}),
        sock=socket.create_server(("127.0.0.1", 0)),
    )
    try:
        yield Place(server.sockets[0].getsockname()[1], state, gone)
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await asyncio.sleep(0)


GET = b"GET / HTTP/1.1\r\nhost: t\r\n"


def test_an_endless_head_is_refused() -> None:
    async def scenario() -> None:
        async with listening(max_header_bytes=2048) as place:
            endless = await place.ask(GET, *[b"x-%d: y\r\n" % n for n in range(1000)])
            assert endless.startswith(b"HTTP/1.1 431") and b"max_header_bytes" in endless
            one_long = await place.ask(GET + b"x: " + b"y" * 5000, b"z" * 100)
            assert one_long.startswith(b"HTTP/1.1 431")
            assert (await place.ask(GET + b"connection: close\r\n\r\n")).endswith(b"hello")

    asyncio.run(scenario())


def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    async def scenario() -> None:
        async with listening() as place:
            for _ in range(20):
                head = b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1000000\r\n\r\n"
                assert (await place.ask(head, *[b"x" * 1000] * 900)).endswith(b"too much")

    asyncio.run(scenario())


def test_a_dribbler_and_a_silent_client_are_left() -> None:
    async def scenario() -> None:
        async with listening(header_timeout_s=0.2) as place:
            assert (await place.ask(GET, b"x: ", b"y")).startswith(b"HTTP/1.1 408")
            assert await place.ask() == b""
            drops = [bytes([byte]) for byte in b"GET / HTTP/1.1\r\nhost: " + b"t" * 40]
            assert (await place.ask(*drops, pause=0.01)).startswith(b"HTTP/1.1 408")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"SSH-2.0-x\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_noise_is_answered_with_a_problem(noise: bytes) -> None:
    async def scenario() -> bytes:
        async with listening() as place:
            return await place.ask(noise)

    answer = asyncio.run(scenario())
    assert answer.startswith(b"HTTP/1.1 400") and b"invalid_request" in answer


def test_connections_are_bounded() -> None:
    async def scenario() -> None:
        async with listening(max_connections=8) as place:
            held = [await place.open() for _ in range(8)]
            refused = await place.ask(GET + b"\r\n")
            assert refused.startswith(b"HTTP/1.1 503") and b"retry-after" in refused
            for _, writer in held:
                writer.close()
            await asyncio.sleep(0.05)
            assert (await place.ask(GET + b"connection: close\r\n\r\n")).endswith(b"hello")

    asyncio.run(scenario())


def test_the_app_can_see_that_the_client_went_away() -> None:
    async def scenario() -> list[bool]:
        async with listening() as place:
            _, writer = await place.open()
            writer.write(b"GET /?s=0.2 HTTP/1.1\r\nhost: t\r\n\r\n")
            await asyncio.sleep(0.05)
            writer.close()
            await asyncio.sleep(0.3)
            await place.ask(GET + b"connection: close\r\n\r\n")
            return place.gone

    assert asyncio.run(scenario()) == [True, False]


def test_on_stopping_one_more_request_is_taken_and_what_idles_is_ended() -> None:
    async def scenario() -> None:
        async with listening() as place:
            fresh, busy = await place.open(), await place.open()
            idle = await place.open()
            for _, writer in (busy, idle):
                writer.write(GET + b"\r\n")
            for reader, _ in (busy, idle):
                await reader.readuntil(b"hello")
            await asyncio.sleep(0.01)
            for connection in place.state.connections:
                if connection.client == idle[1].get_extra_info("sockname"):
                    connection._active_at -= 10  # as if its last answer were long ago
                connection.shutdown()
            assert await asyncio.wait_for(idle[0].read(), 0.5) == b""
            for reader, writer in (fresh, busy):
                writer.write(GET + b"\r\n")
                answer = await asyncio.wait_for(reader.read(), 0.5)
                assert b"connection: close" in answer and answer.endswith(b"hello")
            for _, writer in (fresh, busy, idle):
                writer.close()

    asyncio.run(scenario())
