"""A real service on a small project, and clients of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from zhiyin.client import Client
from zhiyin.data.dataset import Dataset
from zhiyin.recommender import Recommender
from zhiyin.retrieve.kernel import KernelRetriever
from zhiyin.retrieve.popular import PopularRetriever
from zhiyin.types import Interaction, Item


@dataclass
class Service:
    """A real server process on a project where even users like even items."""

    project: Path
    address: str
    key: str


def make_project(folder: Path) -> Path:
    films = [
        Item(f"item-{n}", f"Film {n}", attributes={"genre": "even" if n % 2 == 0 else "odd"})
        for n in range(24)
    ]
    events = [
        Interaction(f"u{user}", f"item-{(user + 2 * step) % 24}", "click", at=1e9 + 100 * user + step)
        for user in range(24)
        for step in range(4)
    ]
    data = Dataset.of(events, films)
    shop = Recommender(
        retrievers={"kernel": KernelRetriever(), "popular": PopularRetriever()}, fallback="popular"
    ).fit(data)
    data.save(folder / "data")
    shop.save(folder / "artefact")
    return folder


@pytest.fixture(scope="session")
def make_shop() -> Callable[[Path], Path]:
    """Makes a project in a folder: even users like even items."""
    return make_project


class Running:
    """A server process and its workers, which can be killed together."""

    def __init__(self, project: Path, port: int = 0) -> None:
        command = [sys.executable, "-m", "zhiyin", "serve", str(project)]
        self.process = subprocess.Popen(
            [*command, "--port", str(port), "--set", "drain_s=0"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        said, found = "", None
        assert self.process.stdout is not None
        while not found and (line := self.process.stdout.readline()):
            said += line
            found = re.search(r"serving\s+(http://\S+)", said)
        assert found, said
        key = re.search(r"zy_live_\w+", said)
        self.service = Service(project, found[1], key[0] if key else "")
        self.reader = threading.Thread(target=self.process.stdout.read)  # so that the pipe never fills
        self.reader.start()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code. SIGKILL takes the workers too, at once."""
        if how == signal.SIGKILL:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        code = self.process.wait(30)
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts servers of a test's own, and ends those that are left."""
    started: list[Running] = []

    def begin(project: Path, port: int = 0) -> Running:
        started.append(Running(project, port))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Running(make_project(tmp_path_factory.mktemp("shop")))
    yield running.service
    assert running.end() == 0


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.address, service.key, seed=0) as made:
        yield made


@pytest.fixture(scope="session")
def local(service: Service) -> Iterator[Client]:
    with Client.local(service.project) as made:
        yield made
