"""The servers that are measured, each in processes of its own: the service, and the plain stack beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import numpy as np
from synthetic import Shop, synthetic

from zhiyin.data.sets import load_bench
from zhiyin.recommender import Recommender

__all__ = ["SETS", "Target", "built", "plain_stack", "service", "slope_mib"]

SETS = {
    "small": Shop(n_items=20_000, n_users=10_000, n_events=200_000),
    "synthetic": Shop(),
    "ml-1m": None,
}
HERE = Path(__file__).parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
NO_LIMITS = ("requests_per_s=0", "events_per_s=0", "anonymous_per_s=0", "refit_every_hours=0")
"""Limits of pace belong to a key, and all the load comes with one."""
READY_S = 1800.0


@dataclass
class Target:
    """A running server and how it wants to be asked."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    key: str = ""
    start_s: float = 0.0
    """From the start of the process until it said that it is ready."""

    @property
    def ours(self) -> bool:
        return self.name == "zhiyin"

    def recommend(self, user: str, n: int = 10) -> tuple[str, str, bytes]:
        body = msgspec.json.encode({"user": user, "n": n})
        return "POST", "/v1/recommend" if self.ours else "/recommend", body

    def events(self, events: Sequence[dict[str, str]] | dict[str, str]) -> tuple[str, str, bytes]:
        return "POST", "/v1/events" if self.ours else "/events", msgspec.json.encode(events)

    def items(self, body: bytes) -> list[str]:
        """The ids of a list."""
        return [line["id" if self.ours else "item"] for line in msgspec.json.decode(body)["items"]]

    def workers(self) -> list[int]:
        """Process ids of those that answer: the children without children that have the port open."""
        found = _children(self.process.pid)
        kept = [pid for pid in found if b"resource_tracker" not in _command(pid)]
        return kept or [self.process.pid]

    def rss_mib(self) -> list[float]:
        """Resident memory of each worker."""
        return [_resident(pid) / 2**20 for pid in self.workers()]

    def cpu_s(self) -> float:
        """Seconds of processor time of all its processes so far."""
        return sum(_cpu(pid) for pid in [self.process.pid, *_children(self.process.pid)])


NEWEST = 1_000_000
"""Events that a fit sees: all of a larger log would take the better part of an hour on these machines."""


def built(work: Path, name: str) -> Path:
    """The project of a set, imported and fitted by the default recommender; made once in a folder.

    A log of more than NEWEST events is fitted on its newest ones; the store gets all of them.
    """
    project = work / name
    if (project / "artefact").is_dir():
        return project
    shop = SETS[name]
    data = load_bench(name) if shop is None else synthetic(shop)
    project.mkdir(parents=True, exist_ok=True)
    data.save(project / "data")
    start = time.perf_counter()
    newest = data
    if len(data) > NEWEST:
        newest = data.take(np.sort(np.argsort(data.at, kind="stable")[-NEWEST:]))
    fitted = Recommender.default(newest).fit(newest)
    took = time.perf_counter() - start
    fitted.save(project / "artefact")
    (project / "fit.json").write_text(json.dumps({"seconds": round(took, 1), "parts": fitted.timings_}))
    return project


@contextmanager
def service(
    project: Path, workers: int, settings: Sequence[str] = (), code: Path | None = None
) -> Iterator[Target]:
    """`zhiyin serve` as anybody would start it, without limits of pace; `code` is the `src` of another
    version."""
    command = [
        sys.executable,
        "-m",
        "zhiyin",
        "serve",
        str(project),
        "--port",
        "0",
        "--workers",
        str(workers),
    ]
    command += [word for setting in (*NO_LIMITS, *settings) for word in ("--set", setting)]
    environment = {**os.environ, "COLUMNS": "200"} | ({"PYTHONPATH": str(code)} if code else {})
    start = time.perf_counter()
    log = project / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        port = _announced(process, log)
        took = time.perf_counter() - start
        yield Target("zhiyin", port, process, _key(project), took)
    finally:
        _end(process)


@contextmanager
def plain_stack(project: Path, workers: int) -> Iterator[Target]:
    """The plain stack on the same data; fitted and filled on its first start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "plain_stack.py"), str(project / "data"), str(project)]
    command += ["--port", str(port), "--workers", str(workers)]
    start = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **ONE_THREAD})
    try:
        _answers(process, port, "/health")
        took = time.perf_counter() - start
        yield Target("plain stack", port, process, start_s=took)
    finally:
        _end(process)


# -- starting and ending -----------------------------------------------------------------------------


def _announced(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port of the line that says `serving`."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(rb"serving\s+http://[^:]+:(\d+)", log.read_bytes()):
            return int(found[1])
        time.sleep(0.01)
    raise SystemExit(f"the service did not start:\n{log.read_text()}")


def _answers(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise SystemExit(f"{process.args!r} did not start")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        for pid in [*_children(process.pid), process.pid]:
            os.kill(pid, signal.SIGKILL)
        process.wait()


def _key(project: Path) -> str:
    """A key for the load, kept beside the project."""
    kept = project / "bench.key"
    if not kept.exists():
        command = [
            sys.executable,
            "-m",
            "zhiyin",
            "keys",
            "make",
            str(project),
            "--name",
            "bench",
            "--scope",
            "admin",
        ]
        made = subprocess.run([*command, "--json"], capture_output=True, check=True)
        kept.write_text(json.loads(made.stdout)["secret"])
        kept.chmod(0o600)
    return kept.read_text()


# -- what the kernel says ------------------------------------------------------------------------------


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slope_mib(samples: Sequence[tuple[float, float]]) -> float:
    """MiB in ten minutes, by least squares over the second half of (seconds, MiB)."""
    half = np.array(samples[len(samples) // 2 :])
    if len(half) < 3:
        return float("nan")
    return float(np.polyfit(half[:, 0], half[:, 1], 1)[0] * 600)
