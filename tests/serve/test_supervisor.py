"""Processes: stopping loses no request, a dead worker comes back, the parent's end is the workers' end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from zhiyin.serve.settings import ServeSettings
from zhiyin.serve.supervisor import Supervisor

HERE = Path(__file__).parent
LONG = os.environ.get("ZHIYIN_FAULTS") == "long"
PATIENCE_S = 20.0


class Server:
    """A running tiny service."""

    def __init__(self, process: subprocess.Popen[str], address: str, project: Path) -> None:
        self.process, self.address, self.project = process, address, project
        self.port = int(address.rsplit(":", 1)[1])

    def pids(self) -> set[int]:
        """Of the workers that answer."""
        found = set()
        for _ in range(16):
            with httpx.Client() as client:
                found.add(client.get(f"{self.address}/work").json()["pid"])
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(project: Path, *, planted: str = "", **settings: object) -> Iterator[Server]:
    process = start(project, planted=planted, **settings)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, process.stderr.read() if process.stderr else ""
        yield Server(process, address, project)
    finally:
        finish(process)


def start(project: Path, *, planted: str = "", **settings: object) -> subprocess.Popen[str]:
    whole = {"port": 0, "workers": 2, "drain_s": 0.3, "grace_s": 5.0, **settings}
    return subprocess.Popen(
        [sys.executable, str(HERE / "tiny_serve.py"), str(project), json.dumps(whole)],
        env={**os.environ, "PLANTED": planted, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait(PATIENCE_S)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


class Load:
    """Clients with keep-alive that go on until nobody listens any more; counts how each request ended."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ends: Counter[str] = Counter()
        self.stopped = False

    async def client(self, number: int) -> None:
        while not self.stopped:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except ConnectionError:
                self.ends["refused"] += 1
                return
            try:
                await self.talk(reader, writer, number)
            finally:
                writer.close()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Requests on one connection until the server ends it; every fifth client opens one each time."""
        while not (self.stopped or reader.at_eof()):
            try:
                writer.write(b"POST /work HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nabcd")
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                self.ends[f"failed: {type(error).__name__}"] += 1
                return
            self.ends["ok" if b" 200 " in head.split(b"\r\n")[0] else "failed: status"] += 1
            if b"connection: close" in head.lower() or number % 5 == 0:
                return

    def failed(self) -> int:
        return sum(n for end, n in self.ends.items() if end.startswith("failed"))


async def under_load(port: int, act: Callable[[], None], *, clients: int = 24, ends: bool = True) -> Load:
    load = Load(port)
    running = [asyncio.create_task(load.client(number)) for number in range(clients)]
    await asyncio.sleep(0.3)
    act()
    if not ends:
        await asyncio.sleep(2.5)
        load.stopped = True
    await asyncio.wait_for(asyncio.gather(*running), PATIENCE_S)
    return load


@pytest.mark.parametrize("planted", ["", "is slow to close", "is slow to take"])
@pytest.mark.parametrize("drain_s", [0.3, 0.0])
@pytest.mark.parametrize("_round", range(17 if LONG else 1))
def test_sigterm_under_load_loses_no_request(
    tmp_path: Path, _round: int, drain_s: float, planted: str
) -> None:
    with serving(tmp_path, drain_s=drain_s, planted=planted) as server:
        load = asyncio.run(under_load(server.port, lambda: server.process.send_signal(signal.SIGTERM)))
        assert load.failed() == 0, load.ends
        assert load.ends["ok"] > 50
        assert server.process.wait(PATIENCE_S) == 0
        assert len(list(tmp_path.glob("flushed.*"))) == 2


@pytest.mark.parametrize("planted", ["closes what is idle", "leaves the backlog", "lets new ones begin"])
def test_a_worker_that_stops_rudely_is_noticed(tmp_path: Path, planted: str) -> None:
    for number in range(8):
        project = tmp_path / str(number)
        project.mkdir()
        with serving(project, planted=planted, drain_s=0.0) as server:
            terminate = partial(server.process.send_signal, signal.SIGTERM)
            if asyncio.run(under_load(server.port, terminate)).failed():
                return
    pytest.fail("no request was lost: this test would not see a worker that loses them")


def test_not_ready_comes_before_the_end_and_what_is_in_flight_is_finished(tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        async with httpx.AsyncClient(base_url=server.address) as client:
            slow = asyncio.create_task(client.get("/work?s=1.2"))
            await asyncio.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.1)
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.headers["connection"]) == (503, "close")
            assert (await slow).status_code == 200

    with serving(tmp_path, drain_s=0.5) as server:
        asyncio.run(scenario(server))
        assert server.process.wait(PATIENCE_S) == 0


def test_a_request_beyond_the_grace_or_a_second_signal_does_not_hold_the_end(tmp_path: Path) -> None:
    async def scenario(server: Server, signals: int) -> None:
        async with httpx.AsyncClient(base_url=server.address) as client:
            slow = asyncio.create_task(client.get("/work?s=60"))
            await asyncio.sleep(0.3)
            for _ in range(signals):
                server.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.1)
            with pytest.raises(httpx.TransportError):
                await slow

    for signals, grace_s, code in ((1, 0.2, 0), (2, 60.0, 1)):
        project = tmp_path / str(signals)
        project.mkdir()
        with serving(project, grace_s=grace_s) as server:
            asyncio.run(scenario(server, signals))
            assert server.process.wait(PATIENCE_S) == code


def test_a_killed_worker_comes_back_while_the_other_answers(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        before = server.pids()
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        assert until(lambda: not Path(f"/proc/{min(before)}").exists())
        assert min(before) not in server.pids()
        assert until(lambda: len(server.pids() - before) == 1 and max(before) in server.pids())
        assert server.end() == 0


def test_sighup_replaces_every_worker_without_losing_a_request(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        before = server.pids()
        load = asyncio.run(
            under_load(server.port, lambda: server.process.send_signal(signal.SIGHUP), ends=False)
        )
        assert load.failed() == 0 and load.ends["refused"] == 0, load.ends
        assert until(lambda: not before & server.pids())
        assert server.end() == 0


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        pids = server.pids()
        server.process.kill()
        assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    process = start(tmp_path, planted="fails to start")
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out) == (4, "")
        assert "the artefact is of clay" in err
    finally:
        finish(process)


def test_workers_that_die_young_again_and_again_are_given_up(tmp_path: Path) -> None:
    process = start(tmp_path, planted="dies young", workers=1)
    try:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "gave_up" in err and "died 5 times in a row" in err
    finally:
        finish(process)


def test_a_second_service_on_the_project_and_a_taken_port_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        second = start(tmp_path)
        assert second.wait(PATIENCE_S) == 4
        assert second.stderr is not None and str(server.process.pid) in second.stderr.read()
        finish(second)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        third = start(tmp_path, port=taken.getsockname()[1])
        assert third.wait(PATIENCE_S) == 4
        assert third.stderr is not None and "--port 0" in third.stderr.read()
        finish(third)


def test_connections_are_shared_evenly(tmp_path: Path) -> None:
    """A worker that took every connection would leave the other idle for as long as they live."""
    with serving(tmp_path) as server:
        clients = [httpx.Client(base_url=server.address) for _ in range(16)]
        shares = Counter(client.get("/work").json()["pid"] for client in clients)
        for client in clients:
            client.close()
        assert sorted(shares.values())[0] >= 6, shares


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl to make a certificate")
def test_tls_is_spoken_from_the_first_byte_and_stops_as_gently(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving(tmp_path, tls_cert=str(certificate), tls_key=str(key)) as server:
        assert server.address.startswith("https://")
        trust = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(verify=trust, base_url=server.address) as client:
            assert client.get("/work").status_code == 200
            with pytest.raises(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{server.port}/work")
            server.process.send_signal(signal.SIGTERM)
            assert until(lambda: client.get("/health/ready").status_code == 503)
        assert server.process.wait(PATIENCE_S) == 0


def test_a_worker_comes_back_when_there_is_memory_for_it_again(tmp_path: Path) -> None:
    class Ready:
        process = SimpleNamespace(pid=1)

        async def ready(self) -> bool:
            return True

    lines: list[str] = []
    log = SimpleNamespace(
        error=lambda event, **fields: lines.append(event), info=lambda event, **fields: lines.append(event)
    )
    parent = Supervisor(
        project=tmp_path, run=tmp_path, settings=ServeSettings(), announce=lambda text: None, log=log
    )
    tries, taken = [OSError("cannot allocate memory"), Ready()], []

    async def start(number: int) -> Any:
        found = tries.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    parent._start, parent._take = start, taken.append  # type: ignore[method-assign,assignment]
    asyncio.run(parent._revive(0))
    assert len(taken) == 1 and lines == ["worker_not_started", "worker_started"]
