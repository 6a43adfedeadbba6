"""Every error that zhiyin raises on purpose, in one tree.

* ZhiyinError
  x DataError            a file, a row or a value that cannot be used
  x ConfigError          a setting that does not exist or cannot hold
  x NotFittedError       a part was asked before it was fitted
  x ArtefactError        a saved recommender that is damaged, altered or from another version
  x MissingExtraError    an optional package is not installed
  x MissingLibraryError  a library of the system is not installed
  x FilterError          a filter expression that cannot be read, or that names no attribute
  x FetchError           something that had to be downloaded could not be
  x LlmError             a model server refused, failed, or was too slow
  x StoreError           the store could not read or write: disk full, damaged, too new
    x StoreBusyError     more writes wait than the store takes; try again later
  x ApiError             the service refused a call of the client, or could not be reached

A message names the value, what was expected and the way out.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real

__all__ = [
    "ApiError",
    "ArtefactError",
    "ConfigError",
    "DataError",
    "FetchError",
    "FilterError",
    "LlmError",
    "MissingExtraError",
    "MissingLibraryError",
    "NotFittedError",
    "StoreBusyError",
    "StoreError",
    "ZhiyinError",
    "check_count",
    "check_options",
    "nearest",
    "needs_openmp",
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


class MissingLibraryError(ZhiyinError):
    """A library that belongs to the system, not to Python, is not installed; the message is how to get it."""


@contextmanager
def needs_openmp(what: str) -> Iterator[None]:
    """Around an import of what is linked with the system's OpenMP runtime, which slim systems lack."""
    try:
        yield
    except (OSError, ImportError) as error:
        if "libgomp" not in str(error) and "libomp" not in str(error):
            raise
        raise MissingLibraryError(
            f"{what} needs the OpenMP runtime, which this system lacks: apt-get install libgomp1 "
            f"(Debian, Ubuntu), dnf install libgomp (Fedora), brew install libomp (macOS): {error}"
        ) from error


class FetchError(ZhiyinError):
    """Something that had to be downloaded could not be, or is not what was expected."""

    exit_code = 6


class FilterError(ZhiyinError):
    """A filter expression that cannot be used; the message has the text and a caret under the fault.

    >>> print(FilterError("a number or a word", text="price < and", at=8))
    expected a number or a word
      price < and
              ^
    """

    exit_code = 3

    def __init__(self, expected: str, *, text: str, at: int, hint: str = "") -> None:
        self.expected, self.text, self.at, self.hint = expected, text, at, hint
        shown, caret = pointed(text, at)
        message = f"expected {expected}" + (f"; {hint}" if hint else "")
        super().__init__(f"{message}\n  {shown}\n  {caret}")


class LlmError(ZhiyinError):
    """A model server refused, failed, or was too slow.

    `passing` says that the same question may do better later, `wait_s` for how many seconds the server asks;
    `status` is its HTTP status where there is one, 0 where no answer came. `why` is one word for the ledger:
    fault, late, busy, open (the circuit breaker), budget, unable, or form (an answer that cannot be read).
    """

    def __init__(
        self,
        message: str,
        *,
        passing: bool = False,
        wait_s: float = 0.0,
        status: int | None = None,
        why: str = "fault",
    ) -> None:
        super().__init__(message)
        self.passing, self.wait_s, self.status, self.why = passing, wait_s, status, why

    @property
    def bare(self) -> str:
        """What may stand in a log: the message can quote what a server has answered to somebody's words."""
        return self.why if self.status is None else f"{self.why}, status {self.status}"


class StoreError(ZhiyinError):
    """The store could not read or write; nothing of a write that raises it is kept as acknowledged."""

    exit_code = 7


class StoreBusyError(StoreError):
    """More writes wait than the store takes; nothing was done, the same call may be repeated later."""


class ApiError(ZhiyinError):
    """What the service said no to, or that it could not be reached: `status` is 0 then.

    `code` is stable: one of the service's table, or `unreachable`, `timeout`, `not_understood` where no
    answer of the service came back.

    >>> print(ApiError(422, "invalid_value", "expected a number", path="$.n", request_id="req_1"))
    422 invalid_value at $.n: expected a number (req_1)
    """

    exit_code = 8

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        path: str = "",
        hint: str = "",
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        self.status, self.code, self.detail, self.path, self.hint = status, code, detail, path, hint
        self.request_id, self.retry_after_s = request_id, retry_after_s
        head = " ".join(filter(None, (str(status or ""), code, path and f"at {path}")))
        said = ("\n" if "\n" in detail else ". ").join(filter(None, (detail.rstrip("."), hint)))
        super().__init__(f"{head}: {said}" + (f" ({request_id})" if request_id else ""))


def pointed(text: str, at: int, around: int = 60) -> tuple[str, str]:
    """The part of a text around a place, and a caret that stands under that place in a fixed-width font.

    Characters that could steer a terminal become spaces; Chinese characters are two columns wide.

    >>> pointed("类型 = 喜剧 oder", 8)
    ('类型 = 喜剧 oder', '            ^')
    """
    start = max(0, at - around)
    clean = "".join(letter if letter.isprintable() else " " for letter in text[start : at + around])
    before = clean[: at - start]
    columns = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in before)
    left, right = "…" if start else "", "…" if at + around < len(text) else ""
    return f"{left}{clean}{right}", " " * (columns + len(left)) + "^"


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


def check_count(name: str, n: object) -> None:
    """Raises a ConfigError unless `n` is a whole number of items, at least 1.

    >>> check_count("n", 2.5)
    Traceback (most recent call last):
    zhiyin.errors.ConfigError: n: expected a whole number, at least 1 item, got 2.5
    """
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ConfigError(f"{name}: expected a whole number, at least 1 item, got {shorten(repr(n))}")


def check_options(part: object, **ranges: tuple[float, float]) -> None:
    """Raises a ConfigError that names every option of `part` outside of its range, ends included.

    None passes: where an option may be that, the part chooses.

    >>> from types import SimpleNamespace
    >>> check_options(SimpleNamespace(dropout=0.1, epochs=None), dropout=(0, 0.9), epochs=(1, 1000))
    >>> check_options(SimpleNamespace(dropout=1.5), dropout=(0, 0.9))
    Traceback (most recent call last):
    zhiyin.errors.ConfigError: dropout = 1.5: expected a number from 0 to 0.9
    """
    said = [
        f"{name} = {value!r}: expected a number from {low:g} to {high:g}"
        for name, (low, high) in ranges.items()
        if (value := getattr(part, name)) is not None
        and not (isinstance(value, Real) and low <= float(value) <= high)
    ]
    if said:
        raise ConfigError("; ".join(said))
