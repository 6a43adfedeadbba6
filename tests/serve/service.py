"""A real service for fault tests: processes on loopback, a small fitted project, and clients for them."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from zhiyin import Recommender
from zhiyin.contracts import Encoder, Retriever
from zhiyin.data import Dataset
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import ContentRetriever, EaseRetriever, PopularRetriever
from zhiyin.serve.bootstrap import prepare
from zhiyin.types import Interaction, Item

HERE = Path(__file__).parent
LONG = os.environ.get("ZHIYIN_FAULTS") == "long"
PATIENCE_S = 60.0
PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
N_ITEMS, N_USERS = 120, 60


def data(n_events: int = 20) -> Dataset:
    """Even users choose even items, odd users odd ones; every item has a title with a word of its side."""
    random = np.random.default_rng(0)
    side = ("even", "odd")
    items = [
        Item(f"i{k}", f"{side[k % 2]} thing {k}", f"text of {k}", {"side": (side[k % 2],), "price": float(k)})
        for k in range(N_ITEMS)
    ]
    events = [
        Interaction(f"u{user}", f"i{user % 2 + 2 * int(place)}", at=1_700_000_000.0 + 60 * k)
        for user in range(N_USERS)
        for k, place in enumerate(random.choice(N_ITEMS // 2, n_events, replace=False))
    ]
    return Dataset.of(events, items)


def fitted(regularisation: float = 10.0, encoder: Encoder | None = None) -> Recommender:
    """Two sources, a third for texts where there is an encoder, no ranker: users stay on their side."""
    sources: dict[str, Retriever] = {"ease": EaseRetriever(regularisation=regularisation)}
    if encoder is not None:
        sources["content"] = ContentRetriever(encoder=encoder)
    sources["popular"] = PopularRetriever()
    return Recommender(retrievers=sources, encoder=encoder).fit(data())


def project(folder: Path, recommender: Recommender | None = None) -> str:
    """Imported, fitted, published; returns the secret of its admin key."""
    folder.mkdir(parents=True)
    data().save(folder / "data")
    (recommender or fitted()).save(folder / "artefact")
    return prepare(folder, now=time.time).first_key


class Service:
    """A running service and how to ask it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, key: str, port: int) -> None:
        self.process, self.folder, self.key, self.port = process, folder, key, port
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {key}"},
            timeout=PATIENCE_S,
        )

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def last_words(self, most: int = 100) -> str:
        """The end of the log but for requests that went well: what a worker that died has said."""
        telling = [line for line in self.log.splitlines() if '"status":200' not in line]
        ended = self.process.poll()
        alive = f"workers {self.workers()}" if ended is None else f"the parent ended with {ended}"
        return "\n".join([alive, *telling[-most:]])

    def workers(self) -> list[int]:
        """Process ids."""
        return children(self.process.pid)

    def rss(self) -> int:
        """Bytes of the largest worker."""
        return max(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for pid in self.workers()
        )

    def recommend(self, user: str = "", **more: Any) -> dict[str, Any]:
        answer = self.http.post("/v1/recommend", json={"user": user, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def ids(self, user: str = "", **more: Any) -> list[str]:
        return [line["id"] for line in self.recommend(user, **more)["items"]]

    def ready(self) -> dict[str, Any]:
        """What the health check says to who has a key."""
        return self.http.get("/health/ready").json()  # type: ignore[no-any-return]

    def versions(self) -> set[str]:
        """Of the artefacts that answer, over new connections to all workers."""
        found = set()
        for _ in range(8):
            with httpx.Client(base_url=self.http.base_url, headers=self.http.headers) as client:
                answer = client.post("/v1/recommend", json={"user": "u0", "dry_run": True})
                assert answer.status_code == 200, answer.text
                found.add(answer.json()["meta"]["versions"]["artefact"])
        return found

    def kill(self) -> None:
        """SIGKILL for the parent and all workers, as when the machine's memory ends."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self.http.close()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(folder: Path, key: str, *, planted: str = "", **settings: object) -> Iterator[Service]:
    """The service of a project; ended whatever happens. `planted` names a fault of `planted.py`."""
    service = start(folder, key, planted=planted, **settings)
    try:
        yield service
    except BaseException:
        print(service.last_words())  # pytest shows it where the test failed
        raise
    finally:
        service.kill()


def start(folder: Path, key: str, *, planted: str = "", **settings: object) -> Service:
    """As `zhiyin serve` does it, in a group of its own; the log goes to server.log."""
    whole = {"drain_s": 0.5, "requests_per_s": 0, "anonymous_per_s": 0, **settings}
    command = [sys.executable, *([str(HERE / "planted.py")] if planted else ["-m", "zhiyin"])]
    command += ["serve", str(folder), "--port", "0", "--workers", str(whole.pop("workers", 2))]
    command += [word for name, value in whole.items() for word in ("--set", f"{name}={value}")]
    paths = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PLANTED": planted, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    log = folder / "server.log"
    begin = log.stat().st_size if log.exists() else 0
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
        )  # fmt: skip
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(rb"serving\s+http://127.0.0.1:(\d+)", log.read_bytes()[begin:]):
            return Service(process, folder, key, int(found[1]))
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    raise AssertionError(f"the service did not start:\n{log.read_text()[-4000:]}")


def die_with_parent() -> None:
    """A test run that is killed leaves no service behind; where the system cannot, it does."""
    if PRCTL is not None:
        PRCTL(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def copied(template: Path, folder: Path) -> Path:
    """A fresh copy of a project that nobody serves."""
    shutil.copytree(template, folder)
    return folder


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def eventually(true: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


class RefusedError(Exception):
    """Nobody listens: no request was lost."""


class Answer:
    """What came back for one request."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, seconds: float) -> None:
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection with keep-alive, opened when it is needed and again when the server has ended it."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Raises RefusedError when nobody listens, ConnectionError when an answer was lost."""
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError as error:
                raise RefusedError from error
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        begin = time.monotonic()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {self.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + content)
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines if line)
            said = await reader.readexactly(int(headers.get("content-length", 0)))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.close()
            raise ConnectionError(f"{method} {path}: {type(error).__name__}") from error
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(first.split()[1]), headers, said, time.monotonic() - begin)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    """Clients that ask one thing after the other until `stop`, or until nobody listens."""

    def __init__(
        self, service: Service, n: int, ask: Callable[[Connection, int, int], Awaitable[Answer]]
    ) -> None:
        self.service, self.n, self.ask = service, n, ask
        self.ends: Counter[str] = Counter()
        self.answers: list[Answer] = []
        self.stopped = False

    async def during(self, act: Callable[[], object], *, before: float = 0.2, after: float = 0.2) -> None:
        """`act` runs in a thread while the load goes on."""
        running = [asyncio.create_task(self._client(number)) for number in range(self.n)]
        try:
            await asyncio.sleep(before)
            await asyncio.to_thread(act)
            await asyncio.sleep(after)
        finally:
            self.stopped = True
            await asyncio.wait_for(asyncio.gather(*running), PATIENCE_S)

    async def _client(self, number: int) -> None:
        connection = Connection(self.service.port, self.service.key)
        step = 0
        while not self.stopped:
            try:
                answer = await self.ask(connection, number, step)
            except RefusedError:
                self.ends["refused"] += 1
                break
            except ConnectionError as error:
                self.ends[f"failed: {error}"] += 1
                continue
            finally:
                step += 1
            self.answers.append(answer)
            self.ends["ok" if answer.status == 200 else f"failed: {answer.status} {answer.body[:200]!r}"] += 1
        connection.close()

    @property
    def failed(self) -> dict[str, int]:
        return {end: n for end, n in self.ends.items() if end.startswith("failed")}


def run(load: Load, act: Callable[[], object], **times: float) -> Load:
    asyncio.run(load.during(act, **times))
    return load


class EncoderServer:
    """An embeddings endpoint that can be made to fail: refuse, hang, or answer with errors."""

    def __init__(self) -> None:
        self.fault = ""
        encoder, outer = HashEncoder(dim=32), self

        class Respond(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                texts: Sequence[str] = json.loads(body)["input"]
                if outer.fault == "hangs":
                    outer.released.wait(120)
                if outer.fault:
                    return self.send_error(500)
                rows = [{"index": k, "embedding": v.tolist()} for k, v in enumerate(encoder.encode(texts))]
                body = json.dumps({"data": rows, "model": "hash"}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return None

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None: ...  # type: ignore[override]

        self.released = threading.Event()
        self.server = Server(("127.0.0.1", 0), Respond)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Nobody listens any more."""
        self.released.set()
        if self._thread.is_alive():
            self.server.shutdown()
            self.server.server_close()
            self._thread.join()
