"""The shared socket: taken from in turn, no busy loop when files run out, no new connections once refused."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from zhiyin.serve.listener import Acceptor, LoadBoard, bound, refuse_new
from zhiyin.serve.settings import ServeSettings


class Short:
    """A listening socket of a process without free file descriptors."""

    def __init__(self, real: socket.socket) -> None:
        self.real, self.tries, self.short = real, 0, True

    def fileno(self) -> int:
        return self.real.fileno()

    def accept(self) -> Any:
        self.tries += 1
        if self.short:
            raise OSError(errno.EMFILE, "too many open files")
        return self.real.accept()

    def close(self) -> None:
        self.real.close()


def test_nothing_spins_while_no_file_is_free_and_all_are_served_afterwards(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, int]:
        listening = Short(bound(ServeSettings(port=0)))
        taken: list[socket.socket] = []
        acceptor = Acceptor(
            listening,  # type: ignore[arg-type]
            adopt=taken.append, count=lambda: 0, board=LoadBoard(tmp_path / "board", 1), worker=0,
        )  # fmt: skip
        acceptor.start()
        clients = [socket.create_connection(listening.real.getsockname()) for _ in range(3)]
        await asyncio.sleep(0.35)
        tries, listening.short = listening.tries, False
        await asyncio.sleep(0.3)
        acceptor.finish()
        for one in (*clients, *taken):
            one.close()
        return tries, len(taken)

    tries, taken = asyncio.run(scenario())
    assert 1 <= tries <= 6 and taken == 3


@pytest.mark.parametrize(("others", "waits"), [(-1, False), (0, True), (5, False), (9, False)])
def test_a_connection_is_left_to_a_worker_with_fewer_but_not_for_ever(
    tmp_path: Path, others: int, waits: bool
) -> None:
    async def scenario() -> tuple[int, int]:
        listening, board = bound(ServeSettings(port=0)), LoadBoard(tmp_path / "board", 2)
        board.set(1, others)
        taken: list[socket.socket] = []
        acceptor = Acceptor(listening, adopt=taken.append, count=lambda: 5, board=board, worker=0)
        acceptor.start()
        client = socket.create_connection(listening.getsockname())
        acceptor._ready()
        at_once = len(taken)
        await asyncio.sleep(0.1)
        acceptor.finish()
        for one in (client, *taken):
            one.close()
        return at_once, len(taken)

    assert asyncio.run(scenario()) == (0 if waits else 1, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can drop the first packet of a connection")
def test_once_refused_no_connection_begins_and_those_begun_can_be_taken() -> None:
    listening = bound(ServeSettings(port=0))
    address = listening.getsockname()
    with socket.create_connection(address) as before:
        assert refuse_new(listening)
        with pytest.raises(OSError):  # noqa: PT011 - a time-out: the packet is not answered
            socket.create_connection(address, timeout=0.2)
        accepted, _ = listening.accept()
        before.sendall(b"x")
        accepted.settimeout(1)
        assert accepted.recv(1) == b"x"
        accepted.sendall(b"y")
        before.settimeout(1)
        assert before.recv(1) == b"y"
        with pytest.raises(BlockingIOError):
            listening.accept()
        accepted.close()
    listening.close()


def test_the_board_is_shared_by_who_opens_it(tmp_path: Path) -> None:
    one, other = LoadBoard(tmp_path / "board", 3), LoadBoard(tmp_path / "board", 3)
    assert one.least_of_others(0) == -1
    other.set(1, 7)
    other.set(2, 4)
    assert (one.least_of_others(0), one.least_of_others(2)) == (4, 7)
