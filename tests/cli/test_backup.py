"""`zhiyin backup`: what comes back answers at once, and knows its keys."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from zhiyin.cli import app
from zhiyin.data.dataset import Dataset
from zhiyin.serve.bootstrap import prepare
from zhiyin.types import Interaction

CONFIG = '[retrievers.kernel]\ntype = "kernel"\n[retrievers.popular]\ntype = "popular"\n'


def said(*arguments: object) -> Any:
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A project that has been served, and stopped."""
    place = tmp_path / "shop"
    events = [
        Interaction(f"u{u}", f"i{(u + step) % 5}", at=1e9 + step) for u in range(9) for step in range(3)
    ]
    Dataset.of(events).save(place / "data")
    (place / "zhiyin.toml").write_text(CONFIG)
    prepare(place, now=time.time)
    return place


def test_a_question_is_answered_right_after_a_restore(served: Path, tmp_path: Path) -> None:
    before = said("recommend", served, "u1")
    said("backup", "create", served, tmp_path / "backup")
    restored = tmp_path / "shop2"
    said("backup", "restore", tmp_path / "backup", restored)
    after = said("recommend", restored, "u1")
    assert [one["item"] for one in after["recommendations"]] == [
        one["item"] for one in before["recommendations"]
    ]
    assert not (restored / "secret.key").exists(), "the next start makes it, and shows a key"
    assert prepare(restored, now=time.time).first_key


def test_a_secret_that_came_along_is_where_the_service_looks(served: Path, tmp_path: Path) -> None:
    said("backup", "create", served, tmp_path / "backup", "--with-secret")
    restored = tmp_path / "shop2"
    said("backup", "restore", tmp_path / "backup", restored)
    assert (restored / "secret.key").read_bytes() == (served / "secret.key").read_bytes()
    assert not (restored / "secrets").exists()
    assert not prepare(restored, now=time.time).first_key, "the old keys are known"


def test_a_restore_by_force_puts_the_artefact_of_the_backup_in_place(served: Path, tmp_path: Path) -> None:
    said("backup", "create", served, tmp_path / "backup")
    folder = next((served / "artefacts").iterdir())
    (folder / "manifest.json").write_text("{}")
    said("backup", "restore", tmp_path / "backup", served, "--force")
    assert said("recommend", served, "u1")["recommendations"]
