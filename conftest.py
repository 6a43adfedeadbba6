"""What a machine lacks is a reason to skip, not a failure: torch (extra `train`), the OpenMP runtime."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Generator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NEEDS_TORCH = re.compile(r"^(import|from) torch\b", re.MULTILINE)


def has_torch() -> bool:
    try:
        return find_spec("torch") is not None
    except ModuleNotFoundError:
        return False


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """True = not collected; None = as usual."""
    if collection_path.suffix != ".py" or has_torch():
        return None
    return True if NEEDS_TORCH.search(collection_path.read_text("utf-8")) else None


@cache
def has_openmp() -> bool:
    """LightGBM, implicit and xllamacpp are linked with the system's."""
    for name in ("libgomp.so.1", "libomp.dylib"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def spoke_of_openmp(error: BaseException | None) -> bool:
    while error is not None:
        if "libgomp" in str(error) or "libomp" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    return (yield from unless_openmp_is_missing())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    return (yield from unless_openmp_is_missing())


def unless_openmp_is_missing() -> Generator[None, Any, Any]:
    """A test that ended with what only the missing runtime says is skipped."""
    try:
        return (yield)
    except Exception as error:
        if has_openmp() or not spoke_of_openmp(error):
            raise
        pytest.skip("needs the system's OpenMP runtime (Debian: apt-get install libgomp1)")
