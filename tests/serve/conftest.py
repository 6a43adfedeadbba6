"""The small project that the fault tests serve: made once, copied for every test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from service import copied, project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with data, artefact and store, and its admin key."""
    folder = tmp_path_factory.mktemp("template") / "shop"
    return folder, project(folder)


@pytest.fixture
def shop(template: tuple[Path, str], tmp_path: Path) -> Callable[..., tuple[Path, str]]:
    """A fresh copy of the project at each call, and the key."""

    def made(name: str = "shop") -> tuple[Path, str]:
        return copied(template[0], tmp_path / name), template[1]

    return made
