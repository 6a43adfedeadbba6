"""An unfitted copy of a recommender or part: evaluation must not make its caller's object forget."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["clone"]

T = TypeVar("T")


def clone(part: T, **changes: Any) -> T:
    """A new object of the same class with the same keyword arguments, without what was learnt.

    Works on everything whose constructor only stores its arguments. Trainable parts inside are cloned
    too; the others (encoders, language models) are shared: they are large and do not learn. Objects of
    another make are copied deeply. `changes` replace arguments.
    """
    names = [name for name in inspect.signature(type(part)).parameters if name not in ("args", "kwargs")]
    if not all(hasattr(part, name) for name in names):
        twin = copy.deepcopy(part)
        for name, value in changes.items():
            setattr(twin, name, value)
        return twin
    settings = {name: _clone(getattr(part, name)) for name in names if name not in changes}
    return type(part)(**settings, **changes)


def _clone(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _clone(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_clone(entry) for entry in value)
    return clone(value) if _learns(value) else value


def _learns(value: Any) -> bool:
    return not inspect.isclass(value) and any(name.startswith("fit") for name in dir(type(value)))
