"""What is wrong with a body, more exactly than the decoder says it."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from zhiyin.errors import shorten
from zhiyin.prepared import prepared
from zhiyin.serve.known_fields import with_known

__all__ = ["told"]

TRUNCATED = "Input data was truncated"
HALF_A_PAIR = "a string ends with half of a surrogate pair, such as \\ud83d without \\ude00 behind it"
SOME_KEY = "[...]"
STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
LONGEST_SEARCHED = 20_000
"""Bytes of a body in which the key at fault is looked for: it is decoded once for each key."""
MOST_KEYS = 100


def told(error: msgspec.DecodeError, raw: bytes | msgspec.Raw, kind: Any) -> msgspec.DecodeError:
    """The same fault of `raw` as a `kind`: with the fields that there are, and with the key of a map."""
    if isinstance(error, msgspec.ValidationError):
        return _with_key(with_known(error, kind), bytes(raw), kind)
    if str(error) == TRUNCATED and _whole(bytes(raw)):
        return msgspec.DecodeError(HALF_A_PAIR)
    return error


def _whole(raw: bytes) -> bool:
    """Whether it is JSON to a decoder that lets half a pair pass."""
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _with_key(error: msgspec.ValidationError, raw: bytes, kind: Any) -> msgspec.ValidationError:
    said = str(error)
    before, found, after = said.partition(SOME_KEY)
    if not found or len(raw) > LONGEST_SEARCHED:
        return error
    name = _faulty(said, raw, kind, before.rpartition("`")[2])
    if name is None:
        return error
    return msgspec.ValidationError(f"{before}.{shorten(name, 40).replace('`', '?')}{after}")


def _faulty(said: str, raw: bytes, kind: Any, path: str) -> str | None:
    """The first key of the map at `path` with which alone the fault is the same."""
    *ways, last = [step[1] or int(step[2]) for step in STEP.finditer(path)] or [""]
    try:
        body = holder = msgspec.json.decode(raw)
        for way in ways:
            holder = holder[way]
        pairs = list(holder[last].items())
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):  # a name that is there twice
        return None
    for name, value in pairs[:MOST_KEYS]:
        holder[last] = {name: value}
        try:
            msgspec.json.decode(msgspec.json.encode(body), type=prepared(kind))
        except msgspec.ValidationError as error:
            if str(error) == said:
                return str(name)
    return None
