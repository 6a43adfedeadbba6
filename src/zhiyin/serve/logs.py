"""Log lines: JSON, one line each, with no secret and no person in it."""

from __future__ import annotations

import hashlib
import hmac
import io
import logging
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO, cast

import msgspec
import structlog

__all__ = ["configure_logs", "redact", "user_hash"]

SECRET = re.compile(r"zy_live_[0-9A-Za-z]*|(?i:bearer)\s+[^\s\"',;]+|(?i:basic)\s+[A-Za-z0-9+/=]{8,}")
URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
SUSPECT = re.compile(r"zy_|://|bearer|basic", re.IGNORECASE)
"""Without any of these nothing above can be found: most values need no second look."""
SECRET_NAMES = re.compile(r"authorization|secret|password|passwd|token|pepper|cookie|api_?key", re.IGNORECASE)
PERSONAL_NAMES = frozenset(
    {"user", "users", "session", "words", "history", "attributes", "address", "ip", "email", "body", "query"}
)
HIDDEN = "[hidden]"
MOST_CHARACTERS = 4000
TRACEBACK = "exception"
LEVELS = {"warn": "warning", "exception": "error"}
KEY_VALUES = structlog.processors.KeyValueRenderer(key_order=["at", "level", "event"], drop_missing=True)


def user_hash(user: str, key: bytes) -> str:
    """A short keyed hash: who holds the key, and nobody else, can put the lines of one person together."""
    return "u_" + hmac.new(key, user.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def redact(logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: hides secrets and personal fields, makes every text one safe line."""
    safe: dict[str, Any] = {}
    for name, value in fields.items():
        shown, is_hidden = field_name(name)
        safe[shown] = HIDDEN if is_hidden else cleaned(value)
    if TRACEBACK in fields:
        safe[TRACEBACK] = "\n".join(one_line(line) for line in str(fields[TRACEBACK]).split("\n"))
    return safe


def as_json(fields: Mapping[str, Any], **options: Any) -> str:
    return msgspec.json.encode(fields).decode()


def as_text(logger: Any, method: str, fields: MutableMapping[str, Any]) -> str:
    """key=value on one line; a traceback stands below, set off: it cannot pass for lines of its own."""
    traceback = fields.pop(TRACEBACK, "")
    line: str = KEY_VALUES(logger, method, fields)
    return line + "".join(f"\n    | {row}" for row in traceback.split("\n") if row)


@lru_cache(1024)
def field_name(name: str) -> tuple[str, bool]:
    """The name as it may be shown, and whether what it names may not."""
    return one_line(str(name)), name.lower() in PERSONAL_NAMES or SECRET_NAMES.search(name) is not None


def cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, (int, float, type(None))):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)
    if isinstance(value, Mapping):
        return redact(None, "", {str(name): inner for name, inner in value.items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        return [cleaned(inner) for inner in value]
    return one_line(str(value))


def one_line(text: str) -> str:
    """Without secrets; control and direction characters escaped: a value can neither begin a line of its own
    nor paint a terminal."""
    if len(text) < 100 and text.isascii() and text.isprintable() and not SUSPECT.search(text):
        return text
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS] + "…"
    text = URL_PASSWORD.sub(f"{HIDDEN}@", SECRET.sub(HIDDEN, text))
    if text.isprintable() and text.isascii():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in UNSAFE else c for c in text)


UNSAFE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode() if ord(character) != 0x0A else "\\n"


class Stamp:
    """Time, level and the fields of every line."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)

    def __call__(self, logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"at": f"{now[:-6]}Z", "level": LEVELS.get(method, method), **self.fields, **line}


class _Patient(io.TextIOBase):
    """A stream whose disk may be full: the line is lost, the request that it tells of is not."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()


def configure_logs(
    *,
    level: str = "info",
    form: str = "auto",
    stream: TextIO | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Any:
    """Sets up structlog and Python's own logging (uvicorn's too) for this process; returns the logger.

    `form`: json, text, or auto (text on a terminal). `fields` stand on every line, such as a worker's number.
    """
    stream = cast("TextIO", _Patient(stream or sys.stderr))
    text = form == "text" or (form == "auto" and stream.isatty())
    render: Any = as_text if text else structlog.processors.JSONRenderer(as_json)
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        Stamp(fields or {}),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*steps, render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _route_logging(
        level, stream, [*steps, structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
    )
    return structlog.get_logger()


def _route_logging(level: str, stream: TextIO, steps: list[Callable[..., Any]]) -> None:
    """Lines of libraries in the same form; uvicorn's access lines are off, the guard writes better ones."""
    out = logging.StreamHandler(stream)
    out.setFormatter(structlog.stdlib.ProcessorFormatter(processors=steps))
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(max(getattr(logging, level.upper()), logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.WARNING)
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    for name in ("httpx", "httpcore", "opentelemetry"):
        logging.getLogger(name).setLevel(logging.WARNING)
