"""A real service on a small project, and clients of it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from zhiyin.client import (
    Client,
)
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


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    project = make_project(tmp_path_factory.mktemp("shop"))
    command = [sys.executable, "-m", "zhiyin", "serve", str(project), "--port", "0", "--set", "drain_s=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said, found = "", None
        assert process.stdout is not None
        while not found and (line := process.stdout.readline()):
            said += line
            found = re.search(r"serving\s+(http://\S+)", said)
        key = re.search(r"zy_live_\w+", said)
        assert found and key, said
        threading.Thread(target=process.stdout.read, daemon=True).start()  # so that the pipe never fills
        yield Service(project, found[1], key[0])
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.address, service.key, seed=0) as made:
        yield made


@pytest.fixture(scope="session")
def local(service: Service) -> Iterator[Client]:
    with Client.local(service.project) as made:
        yield made
