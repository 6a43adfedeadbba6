"""What the command line says of words is what the list was made of."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "serve"))

from small_project import make_project

from zhiyin.cli import app


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("ask"))


def ran(project: Path, words: str, *more: str) -> Any:
    done = CliRunner().invoke(app, ["recommend", str(project), "--words", words, *more, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("more", [(), ("--trace",)])
def test_a_limit_that_nothing_meets_is_said_to_be_given_up(project: Path, more: tuple[str, ...]) -> None:
    told = ran(project, "blue kettle over 9000, no zebras", *more)
    assert "nothing fits “price ≥ 9000”, so it was left out" in told["understood"], told["understood"]
    assert told["understood"].count("price") == 1
    assert told["relaxed"] == ['"price" >= 9000'] and told["unmet"] == ["zebras"]
    assert told["recommendations"]
    kept = ran(project, "blue kettle under 20", *more)
    assert kept["relaxed"] == [] and "price ≤ 20" in kept["understood"]


def test_a_filter_that_another_one_leaves_empty_is_given_up_alone(project: Path) -> None:
    told = ran(project, "价格9元以下，价格20元以上", "--locale", "zh")
    assert len(told["relaxed"]) == 1 and "已放宽" in told["understood"]
