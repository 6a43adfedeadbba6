"""Log lines: JSON, one line each, with no secret and no person in it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

import structlog

__all__ = ["configure_logs", "redact", "user_hash"]

SECRET = re.compile(r"zy_live_[0-9A-Za-z]*|(?i:bearer)\s+[^\s\"',;]+|(?i:basic)\s+[A-Za-z0-9+/=]{8,}")
URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
SECRET_NAMES = re.compile(r"authorization|secret|password|passwd|token|pepper|cookie|api_?key", re.IGNORECASE)
PERSONAL_NAMES = frozenset(
    {"user", "users", "session", "words", "history", "attributes", "address", "ip", "email", "body", "query"}
)
HIDDEN = "[hidden]"
MOST_CHARACTERS = 4000


def user_hash(user: str, key: bytes) -> str:
    """A short keyed hash: who holds the key can put the lines of one person together, and nobody else."""
    return "u_" + hmac.new(key, user.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def redact(logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: hides secrets and personal fields, and makes every text one safe line."""
    return {
        one_line(str(name)): HIDDEN if hidden(str(name)) else cleaned(value) for name, value in fields.items()
    }


def hidden(name: str) -> bool:
    return name.lower() in PERSONAL_NAMES or SECRET_NAMES.search(name) is not None


def cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {one_line(str(k)): HIDDEN if hidden(str(k)) else cleaned(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [cleaned(inner) for inner in value]
    return value if isinstance(value, (int, float, bool, type(None))) else one_line(str(value))


def one_line(text: str) -> str:
    """Without secrets; control and direction characters escaped: a value can neither begin a line of its own
    nor paint a terminal."""
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS] + "…"
    text = URL_PASSWORD.sub(f"{HIDDEN}@", SECRET.sub(HIDDEN, text))
    if text.isprintable() and text.isascii():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in UNSAFE else c for c in text)


UNSAFE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode() if ord(character) != 0x0A else "\\n"


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
    stream = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and stream.isatty())
    render: Any = (
        structlog.processors.KeyValueRenderer(key_order=["at", "level", "event"], drop_missing=True)
        if as_text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*steps, render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _route_logging(
        level, stream, [*steps, structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
    )
    return structlog.get_logger().bind(**(fields or {}))


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
