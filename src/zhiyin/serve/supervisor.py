"""The parent: binds the socket, starts the workers, keeps them alive, ends them without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from zhiyin.errors import ConfigError, ZhiyinError
from zhiyin.serve.listener import LoadBoard, bound, refuse_new
from zhiyin.serve.metrics import forget_process, prepare_folder
from zhiyin.serve.settings import ENV_PREFIX, ServeSettings
from zhiyin.serve.worker import Order, Said

__all__ = ["APP", "Supervisor"]

APP = "zhiyin.serve.app:create_app"
START_S = 600.0
"""A worker that is not ready after this is ended: loading a large artefact takes time, but not for ever."""
MOST_DEATHS = 5
LIVED_S = 30.0
"""So many workers of one number in a row that lived less than this: the service gives up and says so."""
SPARE_FILES = 512
"""Open files of a worker besides its connections."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Products are small: threads of one worker would wait for each other, and for the other workers, longer than
they work (on two cores twice the time of an answer). The environment may say otherwise."""
KILL_S = 5.0
"""Beyond the grace, until a worker that does not end is killed."""


class Child:
    """One worker process, seen from the parent."""

    def __init__(self, process: asyncio.subprocess.Process, stream: Any, number: int) -> None:
        self.process, self.number = process, number
        self._reader, self._writer = stream
        self.began = time.monotonic()
        self.failure: Said | None = None

    async def ready(self) -> bool:
        """True when it serves; False when it failed or ended (`failure` may hold its words)."""
        try:
            async with asyncio.timeout(START_S):
                line = await self._reader.readline()
        except (TimeoutError, OSError):
            self.process.kill()
            return False
        said = msgspec.json.decode(line, type=Said) if line.endswith(b"\n") else None
        self.failure = said if said is not None and said.word == "failed" else None
        return said is not None and said.word == "ready"

    def tell(self, word: str) -> None:
        with contextlib.suppress(OSError):
            self._writer.write(word.encode() + b"\n")

    async def end(self, within_s: float) -> int:
        """Its exit code; killed when it takes longer."""
        try:
            async with asyncio.timeout(within_s):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()


class Supervisor:
    """`announce` is told the address once every worker is ready.

    SIGTERM and SIGINT stop the service, a second one at once; SIGHUP replaces the workers one by one without
    losing a request.
    """

    def __init__(
        self,
        *,
        project: Path,
        run: Path,
        settings: ServeSettings,
        announce: Callable[[str], None],
        log: Any,
        app: str = APP,
    ) -> None:
        self.project, self.run_folder, self.settings = project, run, settings
        self.announce, self.log, self.app = announce, log, app
        self.children: dict[int, Child] = {}
        self._deaths: dict[int, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._signals = 0
        self._failed: str = ""

    def serve(self) -> int:
        """Blocks until the service has ended; 0 when it was asked to. What fails a first start is raised."""
        self.settings.check()
        self.run_folder.mkdir(parents=True, exist_ok=True)
        with locked(self.run_folder / "serve.pid"):
            allow_files(self.settings.max_connections + SPARE_FILES)
            self.listening = bound(self.settings)
            prepare_folder(self.run_folder / "metrics")
            (self.run_folder / "connections").unlink(missing_ok=True)
            self.board = LoadBoard(self.run_folder / "connections", self.settings.workers)
            try:
                return asyncio.run(self._serve())
            finally:
                self.listening.close()

    @property
    def address(self) -> str:
        host, port = self.listening.getsockname()[:2]
        return f"{self.settings.scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def _serve(self) -> int:
        loop = asyncio.get_running_loop()
        self._stop, self._now = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._replace_all()))
        first = [await self._start(number) for number in range(self.settings.workers)]
        stopped = loop.create_task(self._stop.wait())
        if not await self._all_ready(first, stopped):
            return await self._not_started(first)
        for child in first:
            self._take(child)
        notify("READY=1")
        self.announce(self.address)
        await stopped
        notify("STOPPING=1")
        await self._end_all()
        return 1 if self._failed or self._now.is_set() else 0

    async def _all_ready(self, children: list[Child], stopped: asyncio.Task[Any]) -> bool:
        """False as soon as one failed or a stop was asked for."""
        waiting: set[asyncio.Task[Any]] = {asyncio.ensure_future(child.ready()) for child in children}
        while waiting:
            done, _ = await asyncio.wait({*waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            waiting -= done
            if stopped in done or not all(task.result() for task in done):
                for task in waiting:
                    task.cancel()
                return False
        return True

    def _asked_to_stop(self) -> None:
        self._signals += 1
        self._stop.set()
        if self._signals > 1:
            self._now.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- starting ------------------------------------------------------------------------------------
    async def _start(self, number: int) -> Child:
        ours, theirs = socket.socketpair()
        order = Order(
            app=self.app, project=str(self.project), run=str(self.run_folder), settings=self.settings,
            listening=self.listening.fileno(), worker=number,
        )  # fmt: skip
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "zhiyin.serve.worker",
                stdin=theirs.fileno(),
                pass_fds=(self.listening.fileno(),),
                env={**ONE_THREAD, **os.environ, **self._told()},
            )
        stream = await asyncio.open_connection(sock=ours)
        stream[1].write(msgspec.json.encode(order) + b"\n")
        return Child(process, stream, number)

    def _told(self) -> dict[str, str]:
        """What workers, and the fits and jobs that they start, read from the environment."""
        modules = self.settings.allow_import
        return {f"{ENV_PREFIX}ALLOW_IMPORT": ",".join(modules)} if modules else {}

    def _take(self, child: Child) -> None:
        """From now on this one is the worker of its number, and is replaced when it dies."""
        self.children[child.number] = child
        self._spawn(self._watch(child))

    async def _not_started(self, children: list[Child]) -> int:
        """Ends all; raises what the first failed worker said."""
        for child in children:
            child.tell("now")
        codes = [await child.end(KILL_S) for child in children]
        for child in children:
            if child.failure is not None:
                raise WorkerError(child.failure)
        return 0 if self._stop.is_set() else max((abs(code) for code in codes), default=1) or 1

    # -- keeping alive -------------------------------------------------------------------------------
    async def _watch(self, child: Child) -> None:
        code = await child.process.wait()
        forget_process(self.run_folder / "metrics", child.process.pid)
        if self._stopping or self.children.get(child.number) is not child:
            return
        self.board.set(child.number, -1)
        self.log.error("worker_died", number=child.number, pid=child.process.pid, exit_code=code)
        if time.monotonic() - child.began >= LIVED_S:
            self._deaths[child.number] = 0
        await self._revive(child.number)

    async def _revive(self, number: int) -> None:
        """A new worker in place of a dead one, later each time that it dies young."""
        while not self._stopping:
            deaths = self._deaths[number] = self._deaths.get(number, 0) + 1
            if deaths > MOST_DEATHS:
                self._failed = f"worker {number} died {MOST_DEATHS} times in a row"
                self.log.error("gave_up", reason=self._failed, way_out="the lines above say what ended it")
                self._stop.set()
                return
            await asyncio.sleep(min(10.0, 0.05 * 3 ** (deaths - 1)))
            try:
                child = await self._start(number)
            except OSError as error:  # no memory or no process is free just now
                self.log.error("worker_not_started", number=number, reason=str(error))
                continue
            if await child.ready() and not self._stopping:
                self.log.info("worker_started", number=number, pid=child.process.pid)
                return self._take(child)
            child.tell("now")
            await child.end(KILL_S)

    async def _replace_all(self) -> None:
        """A new worker is ready before the old one takes nothing more: at no time is nobody there."""
        for number in range(self.settings.workers):
            fresh = await self._start(number)
            if not await fresh.ready() or self._stopping:
                fresh.tell("now")
                await fresh.end(KILL_S)
                self.log.error("not_replaced", number=number)
                return
            old = self.children.get(number)
            self._take(fresh)
            if old is not None:
                old.tell("retire")
                await old.end(self.settings.drain_s + self.settings.grace_s + KILL_S)
        self.log.info("workers_replaced", n=self.settings.workers)

    # -- ending --------------------------------------------------------------------------------------
    async def _end_all(self) -> None:
        """Not ready first, so that who sends requests looks elsewhere; then no new ones; then the rest."""
        self._stopping = True
        for child in self.children.values():
            child.tell("drain")
        await self._unless_now(self.settings.drain_s)
        refuse_new(self.listening)
        for child in self.children.values():
            child.tell("now" if self._now.is_set() else "stop")
        self.listening.close()
        ending = asyncio.ensure_future(self._ended(self.settings.grace_s + KILL_S))
        hurried = asyncio.ensure_future(self._now.wait())
        await asyncio.wait({ending, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not ending.done():
            for child in self.children.values():
                child.tell("now")
            await self._ended(KILL_S)
        await ending

    async def _ended(self, within_s: float) -> None:
        await asyncio.gather(*(child.end(within_s) for child in self.children.values()))

    async def _unless_now(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._now.wait()


class WorkerError(ZhiyinError):
    """A worker could not start; the words are its own."""

    def __init__(self, said: Said) -> None:
        self.exit_code = said.exit_code
        super().__init__(said.detail)


@contextlib.contextmanager
def locked(path: Path) -> Any:
    """Holds the pid file, which names this process; a second service on the same project is refused."""
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise ConfigError(
                f"{path}: this project is being served already, by process"
                f" {file.read().strip() or 'unknown'}. Stop that one first"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def allow_files(n: int) -> None:
    """Lifts this process's own limit of open files, which workers inherit, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = n if hard == resource.RLIM_INFINITY else min(n, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def notify(state: str) -> None:
    """Tells systemd (Type=notify), where it asks to be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, contextlib.suppress(OSError):
        out.connect("\0" + address[1:] if address.startswith("@") else address)
        out.sendall(state.encode())
