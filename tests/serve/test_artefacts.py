"""Fitting anew behind the service: checked, swapped, refused, rolled back; nothing counted twice."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import Clock, checkerboard, make_project, recommender, serving

from zhiyin.errors import ArtefactError, ConfigError, StoreError
from zhiyin.recommender import Recommender
from zhiyin.serve.artefacts import Artefacts, Publication
from zhiyin.serve.bootstrap import prepare
from zhiyin.serve.checks import Checks
from zhiyin.serve.ground import Places
from zhiyin.serve.refit import refit
from zhiyin.serve.schedule import due
from zhiyin.serve.settings import ServeSettings
from zhiyin.store import SqliteStore


def wait(condition, seconds=15.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


def version(client):
    return client.post("/v1/recommend", json={"user": "u1"}).json()["meta"]["versions"]["artefact"]


def test_an_artefact_that_serves_names_nobody(project):
    clock = Clock()
    with serving(project, clock) as (client, _):
        refit(Places(project), client.app.state.ground.store, now=clock)
    published = [file for file in (project / "artefacts").rglob("*") if file.is_file()]
    assert len([file for file in published if file.name == "manifest.json"]) == 2
    tables = [pl.read_parquet(file) for file in published if file.suffix == ".parquet"]
    named = {value for table in tables for column in table if column.dtype == pl.String for value in column}
    assert "i3" in named and not {name for name in named if name and name.startswith("u")}


def test_a_fit_behind_the_service_is_taken_and_can_be_taken_back(project):
    clock = Clock()
    with serving(project, clock) as (client, made):
        before = version(client)
        assert before == made.version
        client.post("/v1/events", json=[{"user": f"n{i}", "item": "i3"} for i in range(5)])
        store = client.app.state.ground.store
        entry = refit(Places(project), store, now=clock)
        assert entry.seq == 605 and entry.version != before
        wait(lambda: version(client) == entry.version)
        listed = client.get("/v1/artefacts").json()
        assert [(one["version"], one["state"]) for one in listed["artefacts"]] == [
            (entry.version, "serving"),
            (before, "previous"),
        ]
        assert client.post("/v1/artefacts/rollback", json={}).json()["version"] == before
        wait(lambda: version(client) == before)
        assert client.get("/v1/audit").json()["rows"][-1]["actor"].startswith("key_")


@pytest.mark.parametrize("harm", ["truncate", "alter", "remove"])
def test_a_damaged_artefact_never_serves(project, harm):
    clock = Clock()
    with serving(project, clock) as (client, made):
        ground = client.app.state.ground
        entry = refit_to(ground, project, clock, harm)
        time.sleep(0.5)
        assert version(client) == made.version
        assert f'zhiyin_artefact_info{{version="{entry}"}} 1.0' not in client.get("/metrics").text
        assert 'zhiyin_artefact_swap_total{result="refused"} 1.0' in client.get("/metrics").text


def test_an_artefact_that_could_not_be_read_is_tried_again(project, monkeypatch):
    """One worker without memory for a moment must not serve the old list for ever beside the others."""
    clock, real, tries = Clock(), Recommender.load.__func__, []

    def load(cls, path, **options):
        if threading.current_thread().name == "zhiyin-live":
            tries.append(clock())
            if len(tries) <= 2:
                raise OSError(24, "Too many open files")
        return real(cls, path, **options)

    with serving(project, clock) as (client, made):
        monkeypatch.setattr(Recommender, "load", classmethod(load))
        entry = refit(Places(project), client.app.state.ground.store, now=clock)
        start = clock.at
        wait(lambda: len(tries) == 1)
        assert version(client) == made.version
        for after, number in ((31.0, 2), (45.0, 2), (92.0, 3)):
            clock.at = start + after
            wait(lambda number=number: len(tries) >= number)
            time.sleep(0.7)
            assert len(tries) == number, "it is left alone for longer every time"
        wait(lambda: version(client) == entry.version)
        assert 'zhiyin_artefact_swap_total{result="refused"} 2.0' in client.get("/metrics").text


def refit_to(ground, project, clock, harm):
    """Publishes an artefact past all checks and harms it before a worker can look: as a bad disk would."""
    fresh = project / "artefacts" / "harmed"
    name = recommender().fit(checkerboard(seed=2)).save(fresh)
    target = ground.artefacts.path(name)
    fresh.rename(target)
    file = sorted(target.rglob("arrays.safetensors"))[0]
    content = file.read_bytes()
    if harm == "truncate":
        file.write_bytes(content[: len(content) // 2])
    elif harm == "alter":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        file.unlink()
    entry = Publication(version=name, at=clock(), state="serving")
    kept = [Publication(version=old.version, at=old.at, state="previous") for old in ground.artefacts.list()]
    ground.artefacts._write([entry, *kept], at=clock(), actor="test")
    return name


def broken(part):
    made = recommender().fit(checkerboard())
    if part == "infinite":
        kernel = made.retrievers["kernel"].neighbours_
        made.retrievers["kernel"].neighbours_ = type(kernel)(kernel.ids, np.full_like(kernel.weights, np.inf))
    return made


@pytest.mark.parametrize(("part", "said"), [("infinite", "no numbers")])
def test_checks_find_what_is_broken(part, said):
    assert any(said in fault for fault in Checks().faults(broken(part), checkerboard()))


def test_checks_let_a_good_one_pass_and_stop_a_shrunken_catalogue():
    good, data = recommender().fit(checkerboard()), checkerboard()
    assert Checks().faults(good, data) == []
    small = recommender().fit(checkerboard(n_items=16))
    assert "16 items" in Checks().faults(small, checkerboard(n_items=16), good)[0]


def test_checks_stop_lists_that_are_worse_than_popularity():
    def backwards(self, query, n, policies=(), *, depth=0):
        made = decide(self, query, len(self.items_))
        return type(made)(made.query, made.ranking.take(np.arange(len(made.ranking))[::-1][:n]))

    decide, data = Recommender.decide, checkerboard()
    turned = type("Turned", (Recommender,), {"decide": backwards})
    made = recommender().fit(data)
    made.__class__ = turned
    assert "popularity alone" in Checks(min_quality=1.0).faults(made, data)[0]


def test_one_that_fails_its_checks_is_kept_on_record_and_does_not_serve(project):
    clock = Clock()
    with serving(project, clock) as (client, made):
        store = client.app.state.ground.store
        with pytest.raises(ConfigError, match="popularity alone"):
            refit(Places(project), store, now=clock, checks=Checks(min_quality=1e9))
        rows = client.get("/v1/artefacts").json()["artefacts"]
        assert [row["state"] for row in rows] == ["refused", "serving"]
        assert "popularity" in rows[0]["detail"] and version(client) == made.version
        assert not list((project / "artefacts").glob(".fitting*"))


def test_two_fits_at_once_are_refused(project, tmp_path):
    import fcntl

    clock = Clock()
    with serving(project, clock) as (client, _), (project / "run" / "refit.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="no other fit"):
            refit(Places(project), client.app.state.ground.store, now=clock)


def test_counters_are_the_same_after_a_restart_and_a_swap(project):
    clock = Clock()
    with serving(project, clock) as (client, made):
        key = made.first_key
        slate = client.post("/v1/recommend", json={"user": "u1", "n": 3}).json()
        sent = [
            {"user": "u1", "item": line["id"], "kind": kind, "slate_id": slate["meta"]["slate_id"]}
            for line in slate["items"]
            for kind in ("impression", "click")
        ]
        client.post("/v1/events", json=sent)
        live = client.app.state.ground.live
        wait(lambda: live._counted == 606)
        counted = live.counters.state()
    with serving(project, clock) as (client, _):
        client.headers["authorization"] = f"Bearer {key}"
        live = client.app.state.ground.live
        assert same(live.counters.state(), counted)
        refit(Places(project), live.store, now=clock)
        wait(lambda: version(client) != made.version)
        assert same(live.counters.state(), counted)
        client.post("/v1/events", json={"user": "u2", "item": "i1", "kind": "impression"})
        wait(lambda: live.counters.shown_.sum() == 4)


def same(one, other):
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


def test_a_version_cannot_lead_out_of_its_folder(tmp_path):
    artefacts = Artefacts(folder=tmp_path, store=SqliteStore.open(tmp_path / "store.db"))
    for name in ("../x", "", "a/b", ".."):
        with pytest.raises(ArtefactError):
            artefacts.path(name)
    artefacts.store.close()


def test_a_damaged_artefact_does_not_come_back_and_the_way_out_is_said(project):
    clock = Clock()
    with serving(project, clock) as (client, made):
        ground = client.app.state.ground

        def another():
            client.post("/v1/events", json=[{"user": f"n{clock()}", "item": "i3"}])
            made = refit(Places(project), ground.store, now=clock).version
            wait(lambda: version(client) == made)
            return made

        def refused(damaged):
            (ground.artefacts.path(damaged) / "config.toml").write_text("")
            answer = client.post("/v1/artefacts/rollback", json={})
            assert answer.status_code == 409 and str(project) not in answer.text
            return answer.json()["detail"]

        second = another()
        said = refused(made.version)
        assert made.version in said and "fit and publish a new one" in said
        third = another()
        said = refused(second)
        assert second in said and f"name another one: {made.version}" in said
        assert ground.artefacts.current().version == third == version(client)


def test_a_folder_stays_until_the_list_without_it_is_on_disk(tmp_path, monkeypatch):
    """Else a rollback would be offered that cannot be done."""
    with contextlib.closing(SqliteStore.open(tmp_path / "store.db")) as store:
        artefacts = Artefacts(folder=tmp_path / "artefacts", store=store, keep=1)
        names = ["now", "before", "kept", "old"]
        for name in names:
            artefacts.path(name).mkdir(parents=True)
        states = zip(names, ("serving", "previous", "kept", "kept"), strict=True)
        entries = [Publication(version=name, at=0.0, state=state) for name, state in states]

        def full(*args, **options):
            raise StoreError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(store, "set_setting", full)
            with pytest.raises(StoreError):
                artefacts._write(entries, at=0.0, actor="test")
        assert artefacts.path("old").is_dir()
        artefacts._write(entries, at=0.0, actor="test")
        assert [entry.version for entry in artefacts.list()] == names[:3]
        assert not artefacts.path("old").exists() and artefacts.path("kept").is_dir()


@pytest.mark.parametrize(
    ("seq", "hours", "events", "every", "expected"),
    [
        (100, 1, 0, 24, False),
        (100, 25, 0, 24, True),
        (0, 25, 0, 24, False),
        (100, 1, 100, 24, True),
        (99, 1, 100, 24, False),
        (100, 99, 0, 0, False),
    ],
)
def test_when_a_fit_is_due(seq, hours, events, every, expected):
    current = Publication(version="a", at=0.0, seq=0)
    settings = ServeSettings(refit_every_events=events, refit_every_hours=every)
    assert due(current, seq=seq, items=5, at=hours * 3600, settings=settings) is expected


def test_the_first_fit_is_due_as_soon_as_there_is_an_item():
    settings = ServeSettings(refit_every_hours=0)
    assert due(None, seq=0, items=1, at=0, settings=settings)
    assert not due(None, seq=0, items=0, at=0, settings=settings)


@pytest.mark.parametrize("harm", ["missing", "format", "damaged"])
def test_a_start_without_a_usable_artefact_fits_anew(project, harm, tmp_path):
    clock, said = Clock(), []
    with serving(project, clock) as (_, made):
        pass
    folder = project / "artefacts" / made.version
    if harm == "missing":
        shutil.rmtree(folder)
    elif harm == "format":
        text = (folder / "manifest.json").read_text()
        (folder / "manifest.json").write_text(text.replace('"format":', '"format":9'))
    else:
        file = next(folder.rglob("arrays.safetensors"))
        file.write_bytes(file.read_bytes()[:-1])
    shutil.rmtree(project / "artefact")
    again = prepare(project, now=clock, say=said.append)
    assert again.version and (project / "artefacts" / again.version).is_dir()
    assert any("fitting" in line for line in said) and again.first_key == ""
