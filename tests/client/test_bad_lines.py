"""Answers that are lost, late, or never begin: an event counts once all the same."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from zhiyin.client import (
    ApiError,
    AsyncClient,
    Client,
    EventIn,
    asks,
    named,
)


class Line:
    """A way to the service that loses the first `n_lost` answers, when the service has acted already."""

    def __init__(self, address: str, n_lost: int) -> None:
        target = httpx.URL(address)
        self.target, self.n_lost, self.carried = (target.host, target.port), n_lost, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def carry(self) -> None:
        while True:
            asker = self.socket.accept()[0]
            with asker:
                request = whole(asker)
                if not request:
                    return
                with socket.create_connection(self.target) as there:
                    there.sendall(request)
                    answer = whole(there)
                self.carried += 1
                if self.carried > self.n_lost:
                    asker.sendall(answer)

    def close(self) -> None:
        socket.create_connection(self.socket.getsockname()).close()
        self.thread.join()
        self.socket.close()


def whole(connection: socket.socket) -> bytes:
    """One message with its body; empty when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int((re.search(rb"(?i)content-length: (\d+)", head) or [b"", b"0"])[1])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("make_ids", "counted"), [(True, 1), (False, 3)], ids=["as it is", "planted: no ids"]
)
def test_an_event_counts_once_however_often_its_answer_is_lost(
    service: Any, client: Client, monkeypatch: pytest.MonkeyPatch, make_ids: bool, counted: int
) -> None:
    if not make_ids:
        monkeypatch.setattr(asks, "_named", lambda event: event)
    user, line = f"lost-{make_ids}", Line(service.address, n_lost=2)
    try:
        with Client(line.address, service.key, sleep=lambda seconds: None) as far:
            answer = far.send(EventIn(user=user, item="item-2"))
    finally:
        line.close()
    assert line.carried == 3
    assert answer.results[0].status == ("duplicate" if make_ids else "accepted")
    assert len(client.history(user).events) == counted


def test_a_service_that_is_killed_and_comes_back_counts_every_event_once(
    tmp_path: Path, make_shop: Callable[[Path], Path], start: Callable[..., Any]
) -> None:
    first = start(make_shop(tmp_path))
    port, key = int(first.service.address.rpartition(":")[2]), first.service.key
    killed = threading.Event()

    def events() -> Iterator[EventIn]:
        for n in range(300):
            if n == 120:
                threading.Thread(target=kill).start()
            yield EventIn(user="survivor", item=f"item-{n % 24}")

    def kill() -> None:
        first.end(signal.SIGKILL)
        start(tmp_path, port)
        killed.set()

    with Client(first.service.address, key, max_batch=3, retries=300, total_s=60.0) as client:
        outcomes = client.send(events()).results
        assert killed.wait(30)
        assert len(client.history("survivor", n=1000).events) == 300
    assert {outcome.status for outcome in outcomes} <= {"accepted", "duplicate"}
    assert len({outcome.event_id for outcome in outcomes}) == 300


def test_named_events_can_be_sent_again_after_an_error(client: Client) -> None:
    events = named([EventIn(user="again", item="item-2"), EventIn(user="again", item="item-4")])
    assert [client.send(events).accepted, client.send(events).duplicates] == [2, 2]


async def awaited(client: AsyncClient) -> None:
    async with client:
        await client.live()


@pytest.mark.parametrize("drip", [False, True], ids=["silent", "drips"])
@pytest.mark.parametrize("waiting", [True, False], ids=["waits", "awaited"])
def test_a_service_that_hangs_is_given_up(drip: bool, waiting: bool) -> None:
    waits: list[float] = []
    patience: dict[str, Any] = {"timeout_s": 0.1, "retries": 1, "total_s": 9.0}
    ended = threading.Event()

    async def slept(seconds: float) -> None:
        waits.append(seconds)

    def ask(address: str) -> None:
        if waiting:
            with Client(address, "", sleep=waits.append, **patience) as client:
                client.live()
        else:
            asyncio.run(awaited(AsyncClient(address, "", sleep=slept, **patience)))

    def serve(listener: socket.socket) -> None:
        held = []
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                held.append(listener.accept()[0])
            for connection in held if drip else ():
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")
                except OSError:
                    continue
        for connection in held:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.02)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(ApiError) as caught:
                ask(address)
        finally:
            ended.set()
            thread.join()
    assert (caught.value.status, caught.value.code, len(waits)) == (0, "timeout", 1)


def test_nobody_at_home() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}", "", retries=0) as client,
        pytest.raises(ApiError, match="Is the service up"),
    ):
        client.ready()
