"""A field that there is not: what was said of it, and which ones there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from zhiyin.errors import nearest, shorten

__all__ = ["no_field", "with_known"]

UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `(.*)`)?", re.DOTALL)
INDEX = re.compile(r"\[[^\]]*\]")
STEP = re.compile(r"\.(\w+)|\[\]")


def with_known(error: msgspec.ValidationError, kind: Any) -> msgspec.ValidationError:
    """The same error; one about a field that `kind` has not at that place also names those that it has."""
    found = UNKNOWN.fullmatch(str(error))
    if found is None:
        return error
    known = _fields(kind, INDEX.sub("[]", found[2] or "$"))
    if not known:
        return error
    said = no_field(found[1], known)
    return msgspec.ValidationError(said + (f" - at `{found[2]}`" if found[2] else ""))


def no_field(name: str, known: Sequence[str]) -> str:
    """Said of a name that is none of those that are known."""
    way_out = nearest(name, known) if known else "none is taken here"
    return f"there is no field {shorten(repr(name), 80)}; {way_out}"


@lru_cache(maxsize=256)
def _fields(kind: Any, path: str) -> tuple[str, ...]:
    """Names of the record at `path` within `kind`; none where that is no record of ours."""
    here = inspect.type_info(kind)
    for step in STEP.finditer(path):
        here = _below(here, step[1])
    here = _known(here)
    return tuple(f.encode_name for f in here.fields) if isinstance(here, inspect.StructType) else ()


def _below(here: inspect.Type, name: str | None) -> inspect.Type:
    here = _known(here)
    if name is None:
        inner = getattr(here, "item_type", None) or getattr(here, "value_type", None)
        return inner or inspect.AnyType()
    if isinstance(here, inspect.StructType):
        return next((f.type for f in here.fields if f.encode_name == name), inspect.AnyType())
    return inspect.AnyType()


def _known(here: inspect.Type) -> inspect.Type:
    """Of a choice the record or the list; without what only describes it."""
    while isinstance(here, inspect.Metadata):
        here = here.type
    if isinstance(here, inspect.UnionType):
        inner = [_known(one) for one in here.types]
        return next((one for one in inner if not isinstance(one, inspect.NoneType)), here)
    return here
