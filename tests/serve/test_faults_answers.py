"""Answers over HTTP: stopping, new artefacts, an encoder that is away and too much load lose no request.

Short by default; ZHIYIN_FAULTS=long runs the counts that are promised.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
from service import (
    LONG,
    Answer,
    Connection,
    EncoderServer,
    Load,
    Service,
    eventually,
    fitted,
    project,
    run,
    serving,
)

from zhiyin.artefact import read_artefact, write_artefact
from zhiyin.errors import ConfigError
from zhiyin.represent import EndpointEncoder
from zhiyin.serve.access import read_pepper
from zhiyin.serve.artefacts import Artefacts, Publication
from zhiyin.serve.checks import Checks
from zhiyin.serve.refit import publish
from zhiyin.store import SqliteStore

Shop = Callable[..., tuple[Path, str]]


async def mixed(connection: Connection, number: int, step: int) -> Answer:
    """Lists, events, and every client now and then over a new connection."""
    if step % 20 == 19:
        connection.close()
    user = f"u{(number * 31 + step) % 60}"
    if (number + step) % 4 == 0:
        return await connection.ask("POST", "/v1/events", {"user": user, "item": f"i{step % 120}"})
    return await connection.ask("POST", "/v1/recommend", {"user": user, "n": 5})


async def balanced(connection: Connection, number: int, step: int) -> Answer:
    """The same, behind a balancer: one client asks whether the service is ready; the others do not care."""
    if number == 0:
        answer = await connection.ask("GET", "/health/ready")
        answer.status = 200 if answer.status == 503 else answer.status
        return answer
    return await mixed(connection, number, step)


# -- stopping ------------------------------------------------------------------------------------------


def stopped(folder: Path, key: str, planted: str = "") -> Load:
    """A service that is told to end while twelve clients ask."""
    with serving(folder, key, planted=planted, events_per_s=0) as service:
        load = Load(service, 12, balanced)
        run(load, lambda: service.process.send_signal(15), before=0.5, after=1.5)
        assert load.ends["refused"] == 12, load.ends
        assert service.process.wait(60) == 0
        return load


def test_sigterm_under_load_fails_no_request(shop: Shop) -> None:
    folder, key = shop()
    for _ in range(50 if LONG else 3):
        load = stopped(folder, key)
        assert not load.failed
        assert load.ends["ok"] > 20


def test_an_end_that_drops_requests_is_noticed(shop: Shop) -> None:
    folder, key = shop()
    assert any(stopped(folder, key, "drops what is in flight").failed for _ in range(4))


# -- artefacts -----------------------------------------------------------------------------------------


class Publisher:
    """Publishes artefacts into a project that is being served, good ones and bad ones."""

    def __init__(self, service: Service, spare: Path) -> None:
        self.service, self.spare, self.n = service, spare, 0
        folder = service.folder
        self.store = SqliteStore.open(folder / "store.db", pepper=read_pepper(folder / "secret.key"))
        self.artefacts = Artefacts(folder=folder / "artefacts", store=self.store)
        self.bad: set[str] = set()

    def close(self) -> None:
        self.store.close()

    def fit(self) -> tuple[Path, str]:
        self.n += 1
        recommender = fitted(regularisation=10.0 + self.n)
        path = self.spare / str(self.n)
        return path, recommender.save(path)

    def good(self) -> None:
        """Checked and published; every worker takes it."""
        path, version = self.fit()
        publish(
            self.artefacts, path, version, self.store.snapshot(), seq=self.store.last_seq(),
            revision=self.store.last_revision(), at=time.time(), actor="test",
        )  # fmt: skip
        assert eventually(lambda: self.service.versions() == {version}), self.service.log[-3000:]

    def damaged(self, harm: Callable[[Path], None]) -> None:
        """Harmed after it was checked; the workers are told to take it, and must not."""
        path, version = self.fit()
        harm(path)
        serving = self.artefacts.current()
        assert serving is not None
        target = self.artefacts.path(version)
        path.rename(target)
        self.bad.add(version)
        entry = Publication(
            version=version, at=time.time(), seq=serving.seq, revision=serving.revision, state="serving"
        )
        others = [msgspec.structs.replace(old, state="kept") for old in self.artefacts.list()]
        self.store.set_setting(
            "artefacts", msgspec.json.encode([entry, *others]).decode(), at=time.time(), actor="test"
        ).result()
        time.sleep(0.5)
        assert version not in self.service.versions()
        shutil.rmtree(target)
        self.artefacts.rollback(to=serving.version, at=time.time(), actor="test")

    def blank(self) -> None:
        """Whole on disk, and of no use: its weights are no numbers. The checks refuse it."""
        path, _ = self.fit()
        here = read_artefact(path)
        parts = {
            name: {key: _blank(value) for key, value in state.items()} for name, state in here.parts.items()
        }
        worse = self.spare / f"{self.n}-blank"
        version = write_artefact(worse, parts=parts, config=here.config, tables=here.tables, info=here.info)
        self.bad.add(version)
        try:
            publish(
                self.artefacts, worse, version, self.store.snapshot(), seq=self.store.last_seq(),
                revision=self.store.last_revision(), at=time.time(), actor="test",
            )  # fmt: skip
        except ConfigError:
            assert self.artefacts.list()[0].state == "refused"


def _blank(value: object) -> object:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.full_like(value, np.nan)
    return value


def weights(path: Path) -> Path:
    return path / "parts" / "retriever.ease" / "arrays.safetensors"


def cut_short(path: Path) -> None:
    file = weights(path)
    file.write_bytes(file.read_bytes()[:-100])


def other_numbers(path: Path) -> None:
    """Same size, another content: only the hash knows."""
    file = weights(path)
    content = bytearray(file.read_bytes())
    content[-64:-60] = b"\x00\x00\x80\x3f"
    file.write_bytes(content)


def without_a_file(path: Path) -> None:
    weights(path).unlink()


HARMS = (cut_short, other_numbers, without_a_file)


def swaps(service: Service, spare: Path, n: int, memory: list[int] | None = None) -> tuple[Load, Publisher]:
    """`n` swaps under load, every other one bad; a good one at last, so that there is one to go back to."""
    publisher, load = Publisher(service, spare), Load(service, 6, mixed)

    def act() -> None:
        for step in range(n // 2):
            publisher.good()
            if memory is not None:
                memory.append(service.rss())
            if step % 4 == 3:
                publisher.blank()
            else:
                publisher.damaged(HARMS[step % 4])
        publisher.good()

    try:
        run(load, act)
    finally:
        publisher.close()
    return load, publisher


def served(load: Load) -> set[str]:
    """Versions of all answers with a list."""
    bodies = [answer.json() for answer in load.answers if answer.status == 200]
    return {body["meta"]["versions"]["artefact"] for body in bodies if "meta" in body}


def test_artefacts_change_under_load_and_no_bad_one_ever_serves(shop: Shop, tmp_path: Path) -> None:
    n, memory = 50 if LONG else 8, []
    with serving(*shop(), events_per_s=0) as service:
        load, publisher = swaps(service, tmp_path / "spare", n, memory)
        assert not load.failed
        assert len(served(load)) >= n // 2 and not served(load) & publisher.bad
        assert memory[-1] < 1.1 * memory[1], memory
        before = service.versions()
        back = service.http.post("/v1/artefacts/rollback", json={}).json()["version"]
        assert {back} != before
        assert eventually(lambda: service.versions() == {back})


def test_a_bad_artefact_that_is_believed_is_noticed(shop: Shop, tmp_path: Path) -> None:
    for planted in ("believes artefacts", "serves before it is loaded"):
        with (
            serving(*shop(planted), planted=planted, events_per_s=0) as service,
            pytest.raises((AssertionError, httpx.HTTPError, TimeoutError)),
        ):
            swaps(service, tmp_path / planted, 6)


def test_an_artefact_that_no_check_looks_at_is_noticed(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checks, "faults", lambda *_, **__: [])
    with serving(*shop()) as service:
        publisher = Publisher(service, tmp_path / "spare")
        publisher.blank()
        publisher.close()
        assert eventually(lambda: service.versions() <= publisher.bad, 20)


def test_memory_that_is_not_let_go_is_noticed(shop: Shop, tmp_path: Path) -> None:
    memory: list[int] = []
    with serving(*shop(), planted="keeps old artefacts", events_per_s=0) as service:
        swaps(service, tmp_path / "spare", 6, memory)
    assert memory[-1] > 1.1 * memory[1], memory


# -- an encoder that is away ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, EncoderServer]:
    """A project whose text source asks an encoder over HTTP."""
    encoder = EncoderServer()
    endpoint = EndpointEncoder(base_url=encoder.url, name="hash", dimensions=32, timeout_s=3.0, retries=1)
    folder = tmp_path_factory.mktemp("worded") / "shop"
    key = project(folder, fitted(encoder=endpoint))
    return folder, key, encoder


async def asked(words: str, connection: Connection, number: int, step: int) -> Answer:
    body = {"user": f"u{(number + step) % 60}", "words": f"{words} {step}" if words and number % 2 else ""}
    if step % 10 == 9:
        item = {"title": f"new thing {number} {step}", "attributes": {"batch": f"new-{number}-{step}"}}
        return await connection.ask("PUT", f"/v1/items/new-{number}-{step}", item)
    return await connection.ask("POST", "/v1/recommend", body)


def away(worded: tuple[Path, str, EncoderServer], fault: str, planted: str = "") -> tuple[Load, bool]:
    """Load while the encoder has a fault, and whether a new item was recommended meanwhile."""
    folder, key, encoder = worded
    with serving(folder, key, planted=planted) as service:
        assert not service.recommend("u0", words="even thing")["meta"]["degraded"]
        encoder.fault = fault
        load = Load(service, 4, partial(asked, "odd things"))
        try:
            run(load, lambda: time.sleep(10 if LONG else 3))
            new = eventually(lambda: service.ids("u0", filter='batch = "new-0-9"') == ["new-0-9"], 20)
        finally:
            encoder.fault = ""
            encoder.released.set()
            encoder.released.clear()
        return load, new


@pytest.mark.parametrize("fault", ["answers with errors", "hangs"])
def test_an_encoder_that_is_away_fails_no_request(
    worded: tuple[Path, str, EncoderServer], fault: str
) -> None:
    load, new = away(worded, fault)
    assert not load.failed
    assert new
    lists = [answer.json() for answer in load.answers if b'"degraded"' in answer.body]
    assert all(len(body["items"]) == 10 for body in lists)
    assert any("content" in body["meta"]["degraded"] for body in lists)


def test_an_encoder_error_that_comes_through_is_noticed(worded: tuple[Path, str, EncoderServer]) -> None:
    load, _ = away(worded, "answers with errors", planted="lets encoder errors out")
    assert load.failed


def test_patience_with_an_encoder_that_hangs_is_noticed(worded: tuple[Path, str, EncoderServer]) -> None:
    load, _ = away(worded, "hangs", planted="waits for encoders")
    assert load.failed


# -- too much ------------------------------------------------------------------------------------------


async def flooded(service: Service, per_s: float, seconds: float, deadline_ms: float) -> list[Answer]:
    """Open loop: a request whenever its moment has come, each on a connection of its own."""
    connections = [Connection(service.port, service.key) for _ in range(400)]
    answers: list[Answer] = []

    async def one() -> None:
        connection = connections.pop() if connections else Connection(service.port, service.key)
        body = {"user": "u1", "n": 5, "reasons": False, "deadline_ms": deadline_ms, "dry_run": True}
        answers.append(await connection.ask("POST", "/v1/recommend", body))
        connections.append(connection)

    tasks = []
    for _ in range(int(per_s * seconds)):
        tasks.append(asyncio.create_task(one()))
        await asyncio.sleep(1 / per_s)
    await asyncio.gather(*tasks)
    for connection in connections:
        connection.close()
    return answers


def overload(folder: Path, key: str, planted: str) -> tuple[list[Answer], list[Answer]]:
    """Answers at ten times of what one worker can do, and of the ten seconds after."""
    with serving(folder, key, planted=planted, workers=1) as service:
        asyncio.run(flooded(service, 20, 1.0, 1000))
        during = asyncio.run(flooded(service, 400, 20 if LONG else 3, 500))
        time.sleep(1)
        return during, asyncio.run(flooded(service, 10, 10 if LONG else 3, 1000))


def test_ten_times_too_much_is_refused_at_once_and_forgotten_at_once(shop: Shop) -> None:
    during, after = overload(*shop(), "is slow")
    refused = [answer for answer in during if answer.status in (429, 503)]
    taken = [answer for answer in during if answer.status == 200]
    assert len(refused) + len(taken) == len(during) and len(refused) > len(taken) > 20
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    codes = {answer.json()["code"] for answer in refused}
    assert codes <= {"overloaded", "deadline_exceeded"}
    late = [answer for answer in refused if answer.json()["code"] == "deadline_exceeded"]
    assert len(late) < 0.2 * len(refused)
    assert np.quantile([answer.seconds for answer in taken], 0.9) < 1.0
    assert all(answer.status == 200 for answer in after)


def test_a_door_without_a_keeper_is_noticed(shop: Shop) -> None:
    during, _ = overload(*shop(), "is slow and takes everything")
    refused = [answer for answer in during if answer.status in (429, 503)]
    late = [answer for answer in refused if answer.json()["code"] == "deadline_exceeded"]
    assert len(late) > 0.2 * len(refused)
