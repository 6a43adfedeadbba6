"""What a call of a client looks like from outside: the words and arguments of what it is made from."""

from __future__ import annotations

import functools
import inspect
from typing import Any

__all__ = ["signed_as"]


def signed_as(made: Any, build: Any, kind: str, answer: str) -> None:
    """Gives a method the name, docstring and signature of `build`, with its own kind of answer.

    `kind` is what `build` returns (Ask, Walk, Parts); `answer` says what becomes of it, with {} for its last
    type: the reference then shows `items(...) -> Iterator[ItemRecord]`.
    """
    functools.update_wrapper(made, build)
    shown = inspect.signature(build)
    given = str(shown.return_annotation).removeprefix(f"{kind}[").removesuffix("]")
    last = given.rpartition(", ")[2] if kind == "Walk" else given
    made.__signature__ = shown.replace(return_annotation=answer.format(last))
