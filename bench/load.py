"""Load on an HTTP server: a lean client with keep-alive, requests at a fixed pace or from so many callers.

At a fixed pace every request has its moment, whatever became of the ones before, and its latency counts from
that moment: a server that stalls is charged for everybody who would have come meanwhile (no coordinated
omission).
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Answer", "Client", "Load", "callers", "paced"]

Request = tuple[str, str, bytes]
"""Method, path, body."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class _Connection(asyncio.Protocol):
    """One request at a time; `done` is told its answer, None when the connection broke."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiting: asyncio.Future[Answer] | None = None
        self.closes = False
        self._head = bytearray()
        self._missing = -1
        self._status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._missing < 0:
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._head[:end]).lower()
            self._status = int(head[9:12])
            self.closes = b"connection: close" in head
            start = head.find(b"content-length: ") + 16
            self._missing = int(head[start:].split(b"\r", 1)[0]) if start > 15 else 0
            del self._head[: end + 4]
        if len(self._head) >= self._missing:
            answer = Answer(self._status, bytes(self._head[: self._missing]))
            del self._head[: self._missing]
            self._missing = -1
            self._settle(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.closes = True
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error or ConnectionResetError("the server closed the connection"))

    def _settle(self, answer: Answer) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(answer)


class Client:
    """At most `most` connections, opened when they are needed. `headers` go with every request."""

    def __init__(self, port: int, *, key: str = "", most: int = 512) -> None:
        self.port, self.most = port, most
        bearer = f"authorization: Bearer {key}\r\n" if key else ""
        self._headers = f"host: 127.0.0.1\r\n{bearer}content-type: application/json\r\n".encode()
        self._free: deque[_Connection] = deque()
        self._open = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        connection = await self._taken()
        try:
            return await self.talk(connection, method, path, body)
        finally:
            self._give_back(connection)

    async def talk(self, connection: _Connection, method: str, path: str, body: bytes = b"") -> Answer:
        """One request on a connection of the caller's choice."""
        assert connection.transport is not None
        connection.waiting = asyncio.get_running_loop().create_future()
        start = f"{method} {path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n".encode()
        connection.transport.write(start + self._headers + b"\r\n" + body)
        return await connection.waiting

    async def open(self, n: int) -> None:
        """So many connections beforehand. They are used in turn: load of many callers, not of a lucky few
        whose connections happen to be served by the same worker."""
        while self._open < n:
            self._open += 1
            self._free.append(await self.connect())

    async def connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self.port)
        return connection

    def close(self) -> None:
        for connection in self._free:
            if connection.transport is not None:
                connection.transport.close()
        self._free.clear()

    async def _taken(self) -> _Connection:
        while True:
            while self._free:
                connection = self._free.popleft()
                if not connection.closes:
                    return connection
                self._open -= 1
            if self._open < self.most:
                self._open += 1
                try:
                    return await self.connect()
                except OSError:
                    self._open -= 1
                    raise
            turn = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            await turn

    def _give_back(self, connection: _Connection) -> None:
        if connection.closes:
            self._open -= 1
            if connection.transport is not None:
                connection.transport.close()
        else:
            self._free.append(connection)
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                break


@dataclass(slots=True)
class Load:
    """What a run has measured."""

    seconds: float = 0.0
    latency_s: list[float] = field(default_factory=list)
    """Of the answers 2xx, from the moment that they were due."""
    statuses: Counter[str] = field(default_factory=Counter)
    """HTTP status or the name of an error -> how many."""
    late_s: list[float] = field(default_factory=list)
    """How long after its moment each request was sent: ours, and a queue for a free connection."""
    cpu_s: float = 0.0
    """Of the generator itself."""

    @property
    def n(self) -> int:
        return sum(self.statuses.values())

    @property
    def ok(self) -> int:
        return len(self.latency_s)

    @property
    def per_s(self) -> float:
        return self.ok / self.seconds if self.seconds else 0.0

    def ms(self, quantile: float) -> float:
        return float(np.quantile(self.latency_s, quantile)) * 1e3 if self.latency_s else float("inf")

    def holds(self, p99_ms: float) -> bool:
        """Everybody was served, and 99 of 100 in time."""
        return self.ok >= 0.999 * self.n and self.ms(0.99) <= p99_ms

    def __str__(self) -> str:
        ends = ", ".join(f"{n} x {status}" for status, n in self.statuses.most_common(4))
        return (
            f"{self.per_s:7.1f}/s  p50 {self.ms(0.5):7.2f}"
            f"  p90 {self.ms(0.9):7.2f}  p99 {self.ms(0.99):7.2f} ms"
            f"  [{ends}; load {self.cpu_s / max(self.seconds, 1e-9):.0%} of a core]"
        )


async def paced(client: Client, make: Callable[[int], Request], *, per_s: float, seconds: float) -> Load:
    """Open loop: request k is due at k / per_s. Ends when all are answered, at most 10 s after the last."""
    load, loop = Load(), asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()
    with _measured(load):
        begin = loop.time() + 0.01
        for k in range(int(per_s * seconds)):
            due = begin + k / per_s
            if (pause := due - loop.time()) > 0.0005:
                await asyncio.sleep(pause)
            task = loop.create_task(_one(client, make(k), due, load))
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            _, late = await asyncio.wait(set(running), timeout=10)
            for task in late:
                task.cancel()
                load.statuses["unanswered"] += 1
        load.seconds = seconds
    return load


async def callers(n: int, act: Callable[[int, int], Awaitable[Answer]], *, seconds: float) -> Load:
    """Closed loop: `n` callers, each with its next request, `act(caller, k)`, when the last is answered."""
    load, loop = Load(), asyncio.get_running_loop()

    async def caller(number: int) -> None:
        k = 0
        while loop.time() < end:
            start = loop.time()
            try:
                answer = await act(number, k)
            except OSError as error:
                load.statuses[type(error).__name__] += 1
                continue
            _count(load, answer, loop.time() - start)
            k += 1

    with _measured(load):
        end = loop.time() + seconds
        await asyncio.gather(*(caller(number) for number in range(n)))
    return load


async def _one(client: Client, request: Request, due: float, load: Load) -> None:
    loop = asyncio.get_running_loop()
    load.late_s.append(loop.time() - due)
    try:
        answer = await client.ask(*request)
    except OSError as error:
        load.statuses[type(error).__name__] += 1
        return
    _count(load, answer, loop.time() - due)


def _count(load: Load, answer: Answer, seconds: float) -> None:
    load.statuses[str(answer.status)] += 1
    if 200 <= answer.status < 300:
        load.latency_s.append(seconds)


@contextmanager
def _measured(load: Load) -> Iterator[None]:
    """Our own collector must not pause the pace."""
    gc.collect()
    gc.disable()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        yield
    finally:
        load.seconds, load.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        gc.enable()
