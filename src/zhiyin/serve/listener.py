"""The listening socket that all workers share: bound once, taken from in turn, closed without a reset."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import mmap
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from zhiyin.errors import ConfigError
from zhiyin.serve.settings import ServeSettings

__all__ = ["Acceptor", "LoadBoard", "bound", "refuse_new"]

BACKLOG = 2048
TURN_S = 0.002
"""How long a worker with more connections than another leaves a new one to that other."""

FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
FULL_S = 0.1
"""How long nothing is accepted when no file descriptor or memory is free."""

SO_ATTACH_FILTER = 26
DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte with the flags of the TCP header
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0x40000),  # take
)
"""Classic BPF: code, jump if true, jump if false, operand."""


def bound(settings: ServeSettings) -> socket.socket:
    """The socket, listening; every worker gets it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(address)
    except OSError as error:
        way = "Another process has it: choose another port, such as --port 0 for a free one"
        if error.errno != errno.EADDRINUSE:
            way = "Give an address of this machine"
        raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {error}. {way}") from error
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


def refuse_new(listening: socket.socket) -> bool:
    """From now on no new connection begins, while those begun can be accepted; False where the system cannot.

    Closing a socket resets the connections that nobody has accepted yet, and new ones come between the last
    accept and the close. So their first packet is dropped: their clients try again and find it closed.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in DROP_SYN))
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(DROP_SYN), ctypes.addressof(program))
        )
    except OSError:
        return False
    return True


class LoadBoard:
    """How many connections each worker has, in memory that all of them see; -1 = there is no such worker."""

    def __init__(self, path: Path, workers: int) -> None:
        if not path.exists() or path.stat().st_size != 4 * workers:
            path.write_bytes(struct.pack("i", -1) * workers)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 4 * workers)
        self._counts = memoryview(self._map).cast("i")

    def set(self, worker: int, n: int) -> None:
        self._counts[worker] = n

    def least_of_others(self, worker: int) -> int:
        """Fewest connections of another worker; -1 when there is none."""
        others = [n for place, n in enumerate(self._counts) if place != worker and n >= 0]
        return min(others, default=-1)


class Acceptor:
    """Takes connections one at a time, and leaves them to a worker that has fewer.

    With keep-alive, whoever accepts serves the connection as long as it lives. Workers that grab whatever is
    there end with lopsided shares and half of the machine idle.
    """

    def __init__(
        self,
        listening: socket.socket,
        *,
        adopt: Callable[[socket.socket], None],
        count: Callable[[], int],
        board: LoadBoard,
        worker: int,
    ) -> None:
        self.listening, self.adopt, self.count = listening, adopt, count
        self.board, self.worker = board, worker
        self._loop = asyncio.get_running_loop()
        self._open = False
        self._later: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._open = True
        self.board.set(self.worker, self.count())
        self._loop.add_reader(self.listening.fileno(), self._ready)

    def stop(self) -> None:
        """Leaves what comes to the others."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self.listening.fileno())
        if self._later is not None:
            self._later.cancel()

    def finish(self) -> None:
        """Takes all that is left, then closes this worker's end of the socket."""
        self.stop()
        while self._accept():
            pass
        self.listening.close()

    def counted(self) -> None:
        if self._open:
            self.board.set(self.worker, self.count())

    def _ready(self) -> None:
        least = self.board.least_of_others(self.worker)
        if 0 <= least < self.count():
            self._pause(TURN_S)
        else:
            self._accept()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self.listening.fileno())
        self._later = self._loop.call_later(seconds, self._again)

    def _again(self) -> None:
        if self._open:
            self._loop.add_reader(self.listening.fileno(), self._ready)
            self._accept()  # the others were busy: whoever waits is served

    def _accept(self) -> bool:
        try:
            accepted, _ = self.listening.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if self._open and error.errno in FULL:  # it would be reported again at once, and again
                self._pause(FULL_S)
            return error.errno == errno.ECONNABORTED
        accepted.setblocking(False)
        self.adopt(accepted)
        self.counted()
        return True
