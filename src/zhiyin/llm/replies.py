"""From what a model wrote to the type that was asked for, and the JSON schema that asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from zhiyin.errors import LlmError, shorten
from zhiyin.prepared import prepared

__all__ = ["read_reply", "schema_of", "schema_words"]

T = TypeVar("T")
THOUGHT = re.compile(r"(?s)<(think|thinking|reasoning)>.*?</\1>")
MOST_STARTS = 8
"""Places in a reply where JSON may begin that are tried."""
MOST_CHARS = 200_000
WRAPPED = "value"


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of a type; always of an object, as servers want it: other types stand under `value`.

    Objects are closed, so that a model that follows the schema invents no fields, and every field has to be
    there, though the type may have a default: small models leave out what they may, and strict servers refuse
    a schema that lets them.
    """
    whole = msgspec.json.schema(kind)
    defined = whole.pop("$defs", {})
    if "$ref" in whole:
        whole = dict(defined[whole["$ref"].rsplit("/", 1)[1]])
    if whole.get("type") != "object":
        whole = {"type": "object", "properties": {WRAPPED: whole}, "required": [WRAPPED]}
    if defined:
        whole["$defs"] = defined
    closed: dict[str, Any] = _closed(whole)
    return closed


def schema_words(schema: dict[str, Any], locale: str) -> str:
    """What is added to a prompt where the server cannot hold the model to a schema."""
    text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    if locale.lower().startswith("zh"):
        return f"只输出一个符合以下 JSON Schema 的 JSON 值,不要输出任何其他文字:\n{text}"
    return f"Answer with one JSON value that fits this JSON Schema, and nothing else:\n{text}"


def read_reply(text: str, kind: type[T]) -> T:
    """The first JSON value in `text` that is a `kind`; thoughts, fences, words around it are passed over."""
    text = THOUGHT.sub("", text[:MOST_CHARS])
    fault = "there is no whole JSON in it"
    for part in _candidates(text):
        for target, unwrap in ((kind, False), (dict[str, kind], True)):  # type: ignore[valid-type]
            try:
                found: Any = msgspec.json.decode(part, type=prepared(target), strict=False)
            except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
                if isinstance(error, msgspec.ValidationError) and not unwrap:
                    fault = str(error)
                continue
            if not unwrap:
                return found  # type: ignore[no-any-return]
            if set(found) == {WRAPPED}:
                return found[WRAPPED]  # type: ignore[no-any-return]
    raise LlmError(
        f"the answer is not what was asked for ({fault}): {shorten(text.strip(), 120)!r}", why="form"
    )


def _candidates(text: str) -> Iterator[str]:
    """The whole text, then every balanced {…} or […], in order."""
    yield text.strip()
    after, tried = 0, 0
    for found in re.finditer(r"[{\[]", text):
        if found.start() < after:
            continue
        tried += 1
        if tried > MOST_STARTS:
            return
        end = _balanced(text, found.start())
        if end:
            after = end
            yield text[found.start() : end]


def _balanced(text: str, start: int) -> int:
    """The place after the bracket that closes the one at `start`; 0 where none does."""
    depth, quoted, escaped = 0, False, False
    for at in range(start, len(text)):
        letter = text[at]
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "{[":
            depth += 1
        elif letter in "}]":
            depth -= 1
            if not depth:
                return at + 1
    return 0


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(value) for key, value in schema.items()}
    if isinstance(inner.get("properties"), dict):
        inner.setdefault("additionalProperties", False)
        inner["required"] = list(inner["properties"])
    return inner
