"""Work behind the answers: lower in priority where that may be, and started all the same where it may not."""

from __future__ import annotations

import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from service import eventually, prepare, serving

from zhiyin.serve import behind, schedule
from zhiyin.serve.ground import Places
from zhiyin.serve.schedule import Schedule
from zhiyin.serve.settings import ServeSettings

WAITS = "import os, sys; sys.stdin.read(); print(os.environ['TOLD'], os.getsid(0) == os.getpid())"
SLEEPS = "import time; time.sleep(60)"


def test_a_child_is_below_its_parent_and_in_a_session_of_its_own(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        child = behind.start_behind([sys.executable, "-c", SLEEPS], out=out, env={})
    try:
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == os.getpriority(os.PRIO_PROCESS, 0) + behind.NICER
        assert os.getsid(child.pid) == child.pid
    finally:
        child.kill()
        child.wait()


def test_where_the_priority_may_not_be_lowered_the_work_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    with (tmp_path / "out").open("wb") as out:
        child = behind.start_behind([sys.executable, "-c", WAITS], out=out, env={"TOLD": "yes"})
    assert child.wait(30) == 0
    assert (tmp_path / "out").read_text() == "yes True\n"


def test_a_fit_that_cannot_begin_is_counted_and_waits_like_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    begun: list[float] = []

    def broken(*_: object, **__: object) -> None:
        begun.append(time.monotonic())
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(schedule, "start_behind", broken)
    watch = Schedule(
        places=Places(tmp_path),
        store=cast("Any", SimpleNamespace(counts=lambda: {"items": 1}, last_seq=lambda: 5)),
        artefacts=cast("Any", SimpleNamespace(current=lambda: None)),
        settings=ServeSettings(slate_days=0),
        now=time.monotonic,
        told=cast("Any", SimpleNamespace(refitted=told.append)),
        period_s=0.01,
        retry_s=0.5,
    )
    watch.start()
    time.sleep(1.2)
    watch.stop()
    assert told == ["failed"] * len(begun)
    assert 2 <= len(begun) <= 3
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(begun))
    assert "Cannot allocate memory" in Places(tmp_path).failed_fit.read_text()


def test_who_has_a_key_is_told_why_nothing_serves_yet(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "zhiyin.toml").write_text('[retrievers.popular]\ntype = "popular"\nhalf_life = -1\n')
    key = prepare(folder, now=time.time).first_key
    with serving(folder, key, workers=1) as service:
        service.http.put("/v1/items", json=[{"id": "a", "title": "Tea"}]).raise_for_status()
        assert eventually(lambda: any("half_life" in reason for reason in service.ready()["reasons"]))
        assert "no artefact serves yet" in service.ready()["reasons"]
        stranger = httpx.get(f"{service.http.base_url}/health/ready").json()
        assert stranger["reasons"] == ["no artefact serves yet"]
