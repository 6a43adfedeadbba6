"""Without torch (extra `train`) the files that cannot be without it are not looked through for examples."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

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
