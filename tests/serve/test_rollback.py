"""After a rollback: it stays until something new happens, and the old artefact is as old as it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from small_project import Client, Clock, checkerboard, make_project, recommender, serving

from zhiyin.serve.app import _state
from zhiyin.serve.artefacts import Artefacts, Publication
from zhiyin.serve.ground import Places
from zhiyin.serve.refit import refit
from zhiyin.serve.schedule import due
from zhiyin.serve.settings import ServeSettings
from zhiyin.store import SqliteStore

DAY = 86_400.0
EVERY = 5


def wait(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


def version(client: Client) -> str:
    answer = client.post("/v1/recommend", json={"user": "u1"}).json()
    return str(answer["meta"]["versions"]["artefact"])


def is_due(client: Client, *, hours: float = 0.0) -> bool:
    """Whether the schedule would fit now."""
    ground = client.app.state.ground
    settings = ServeSettings(refit_every_events=0 if hours else EVERY, refit_every_hours=hours)
    return due(
        ground.artefacts.current(), seq=ground.store.last_seq(), items=1, at=ground.now(), settings=settings
    )


def happen(client: Client, n: int) -> None:
    client.post("/v1/events", json=[{"user": f"n{i}", "item": "i3"} for i in range(n)]).raise_for_status()


@pytest.fixture
def rolled_back(tmp_path: Path) -> Iterator[tuple[Client, Clock]]:
    """Ten days after the first artefact a second one was fitted on new events, and at once taken back."""
    clock = Clock()
    with serving(make_project(tmp_path), clock, refit_every_hours=0) as (client, made):
        clock.at += 10 * DAY
        happen(client, EVERY)
        assert is_due(client)
        entry = refit(Places(tmp_path), client.app.state.ground.store, now=clock)
        wait(lambda: version(client) == entry.version)
        assert not is_due(client)
        clock.at += 60
        assert client.post("/v1/artefacts/rollback", json={}).json()["version"] == made.version
        wait(lambda: version(client) == made.version)
        yield client, clock


def test_what_was_taken_back_is_not_fitted_again_from_the_same_events(
    rolled_back: tuple[Client, Clock],
) -> None:
    client, _ = rolled_back
    assert not is_due(client)
    happen(client, EVERY - 1)
    assert not is_due(client)
    happen(client, 1)
    assert is_due(client)


def test_nor_does_time_bring_it_back_where_nothing_happens(rolled_back: tuple[Client, Clock]) -> None:
    client, clock = rolled_back
    clock.at += 25 * 3600
    assert not is_due(client, hours=24)
    happen(client, 1)
    assert is_due(client, hours=24) and not is_due(client, hours=26)


def test_an_old_artefact_that_serves_again_is_old(rolled_back: tuple[Client, Clock]) -> None:
    client, clock = rolled_back
    age = 10 * DAY + 60
    _state(client.app.state.ground, 0)
    page = metrics(client)
    assert page["zhiyin_artefact_fitted_timestamp_seconds"] == clock.at - age
    assert page["zhiyin_artefact_age_seconds"] == age
    status = client.get("/v1/status").json()
    assert status["artefact_age_s"] == age
    assert "artefact_old" in {alert["code"] for alert in status["alerts"]}
    listed = client.get("/v1/artefacts").json()["artefacts"]
    assert listed[0]["state"] == "serving" and listed[0]["at"] == clock.at


def test_a_rollback_is_counted_as_one(rolled_back: tuple[Client, Clock]) -> None:
    client, clock = rolled_back
    page = metrics(client)
    assert page['zhiyin_artefact_swap_total{result="rolled_back"}'] == 1
    assert page['zhiyin_artefact_swap_total{result="ok"}'] == 1
    entry = refit(Places(client.app.state.ground.places.project), client.app.state.ground.store, now=clock)
    wait(lambda: version(client) == entry.version)
    assert metrics(client)['zhiyin_artefact_swap_total{result="ok"}'] == 2


def metrics(client: Client) -> dict[str, float]:
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with contextlib.closing(SqliteStore.open(tmp_path / "store.db")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("created", "fitted_at"),
    [
        ("1970-01-01T00:01:40+00:00", 100.0),
        ("1970-01-01T00:01:40Z", 100.0),
        ("1970-01-01T00:01:40", 100.0),
        ("2100-01-01T00:00:00Z", 1000.0),
        ("", 1000.0),
        ("yesterday", 1000.0),
    ],
)
def test_the_time_of_the_fit_is_what_the_manifest_says(
    tmp_path: Path, store: SqliteStore, created: str, fitted_at: float
) -> None:
    artefacts = Artefacts(folder=tmp_path / "artefacts", store=store)
    recommender().fit(checkerboard()).save(tmp_path / "fresh", created_at=created)
    entry = artefacts.publish(tmp_path / "fresh", seq=1, revision=1, at=1000.0, actor="test")
    assert (entry.at, entry.fitted_at) == (1000.0, fitted_at)
    again = artefacts.publish(artefacts.path(entry.version), seq=1, revision=1, at=5000.0, actor="test")
    assert (again.at, again.fitted_at) == (5000.0, fitted_at)
    assert artefacts.current() == again


def test_a_list_of_an_older_version_is_read(tmp_path: Path, store: SqliteStore) -> None:
    kept = [{"version": "a", "at": 50.0, "seq": 3, "state": "serving"}]
    store.set_setting("artefacts", msgspec.json.encode(kept).decode(), at=0.0, actor="test").result()
    current = Artefacts(folder=tmp_path / "artefacts", store=store).current()
    assert current == Publication(version="a", at=50.0, fitted_at=50.0, seq=3, state="serving")
    assert due(current, seq=4, items=1, at=60.0, settings=ServeSettings(refit_every_events=1))
