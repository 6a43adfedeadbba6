"""What both directions of the image share."""

from __future__ import annotations

import functools
import operator
import re
import typing
from pathlib import Path
from typing import Any

__all__ = ["SECRET", "SHARED", "no_secrets", "shared_word", "without_paths"]

SHARED = {"Encoder": "encoder", "LanguageModel": "llm"}
"""Role -> the table of the part that all others of this role may be: `@encoder`, `@llm`."""
SECRET = re.compile(r"(?i)(^|_)(api_?key|key|secret|token|password|passwd|authorization)$")


def shared_word(role: str) -> str:
    """
    >>> shared_word("Encoder"), shared_word("Retriever")
    ('@encoder', '')
    """
    return f"@{SHARED[role]}" if role in SHARED else ""


def without_paths(annotation: Any) -> Any:
    """`Path | str | None` as `str | None`: in a file, a path is a string."""
    kinds = [str if kind is Path else kind for kind in typing.get_args(annotation) or (annotation,)]
    if Path not in (annotation, *typing.get_args(annotation)):
        return annotation
    return functools.reduce(operator.or_, dict.fromkeys(kinds))


def no_secrets(key: str) -> str:
    return (
        f'secrets do not belong in a file: put it in an environment variable and name that: {key}_env = "…"'
    )
