"""Every error that zhiyin raises on purpose, in one tree.

* ZhiyinError
  x DataError            a file, a row or a value that cannot be used
  x ConfigError          a setting that does not exist or cannot hold
  x NotFittedError       a part was asked before it was fitted
  x ArtefactError        a saved recommender that is damaged, altered or from another version
  x MissingExtraError    an optional package is not installed
  x FetchError           something that had to be downloaded could not be
  x LlmError             a model server refused, failed, or was too slow

A message names the value, what was expected and the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ArtefactError",
    "ConfigError",
    "DataError",
    "FetchError",
    "LlmError",
    "MissingExtraError",
    "NotFittedError",
    "ZhiyinError",
    "nearest",
]


class ZhiyinError(Exception):
    """The root: catch it to catch everything that zhiyin raises on purpose."""

    exit_code = 1


class DataError(ZhiyinError):
    """Data that cannot be used; says where it is and what would have been right.

    >>> print(DataError("a time", value="soon", file="events.csv", row=7, column="at"))
    events.csv, row 7, column 'at': expected a time, got 'soon'
    """

    exit_code = 3

    def __init__(
        self,
        expected: str,
        *,
        value: object = None,
        file: object = None,
        row: int | None = None,
        column: str | None = None,
        hint: str = "",
    ) -> None:
        self.expected, self.value, self.hint = expected, value, hint
        self.file, self.row, self.column = file, row, column
        places = (file, None if row is None else f"row {row}", column and f"column {column!r}")
        where = ", ".join(str(place) for place in places if place is not None and place != "")
        got = "" if value is None else f", got {shorten(repr(value))}"
        message = f"{where}: " if where else ""
        super().__init__(f"{message}expected {expected}{got}" + (f". {hint}" if hint else ""))


class ConfigError(ZhiyinError):
    """A setting that does not exist or cannot hold; names its path."""

    exit_code = 4


class NotFittedError(ZhiyinError):
    """A part was asked for an answer before `fit` or `load`."""


class ArtefactError(ZhiyinError):
    """A saved recommender that is damaged, altered or from another version; names the file."""

    exit_code = 5


class MissingExtraError(ZhiyinError):
    """An optional package is not installed; the message is the pip command.

    >>> print(MissingExtraError("torch", extra="train"))
    this needs torch, which is not installed: pip install 'zhiyin[train]'
    """

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed: pip install 'zhiyin[{extra}]'")


class FetchError(ZhiyinError):
    """Something that had to be downloaded could not be, or is not what was expected."""

    exit_code = 6


class LlmError(ZhiyinError):
    """A model server refused, failed, or was too slow."""


def shorten(text: str, limit: int = 80) -> str:
    """`text`, cut to `limit` characters: a hostile value must not flood a terminal."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def nearest(name: str, choices: Iterable[str]) -> str:
    """A sentence that offers the nearest valid choice and names them all.

    >>> nearest("eaze", ["ease", "popular"])
    "did you mean 'ease'? There are: ease, popular"
    """
    known = sorted(choices)
    match = difflib.get_close_matches(name, known, n=1)
    listed = f"There are: {', '.join(known)}"
    return f"did you mean {match[0]!r}? {listed}" if match else listed
