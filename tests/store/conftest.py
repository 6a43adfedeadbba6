"""Lets the tests of this folder share files, and says how long the fault tests run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhiyin.store import SqliteStore

sys.path.insert(0, str(Path(__file__).parent))

LONG = os.environ.get("ZHIYIN_FAULTS") == "long"


@pytest.fixture
def many() -> bool:
    """Whether the long form is asked for: ZHIYIN_FAULTS=long."""
    return LONG


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "store.db", commit_ms=0)
    yield opened
    opened.close()
