"""One call and its repeats, without any input or output: what to send, how long to wait, what came back.

Both clients drive the same generator; it holds every decision, so that none is made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from zhiyin.errors import ApiError, shorten
from zhiyin.prepared import prepared

__all__ = ["Ask", "Attempt", "Exchange", "Lost", "Pause", "Reply", "Step"]

T = TypeVar("T")
BACKOFF_S = 0.1
"""Before the first repeat, and twice as long before each further one."""
LATER = (429, 503)
"""Refused for now; the answer says how long."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request and what its answer is read as."""

    method: str
    path: str
    kind: Any
    """Type of the answer; None for none, `str` for text."""
    body: bytes | None = None
    query: tuple[tuple[str, str], ...] = ()
    repeatable: bool = True
    """Whether it does no harm twice, so that it may be sent again when nobody knows what became of it."""
    gone: tuple[T] | None = None
    """The answer when a repeat finds that there is nothing left: the first try had done it."""
    answered_by: tuple[int, ...] = (200, 201, 204)


class Attempt(NamedTuple):
    """Send `ask`, and give it up after `timeout_s`."""

    ask: Ask[Any]
    timeout_s: float


class Pause(NamedTuple):
    """Wait."""

    seconds: float


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    """With names in small letters."""
    body: bytes


class Lost(NamedTuple):
    """Nothing came back."""

    code: str
    """unreachable | timeout"""
    detail: str
    never_sent: bool
    """True when no byte of the request can have arrived."""


Step = Attempt | Pause


class _Told(msgspec.Struct):
    """A problem of the service, as far as it can be relied on."""

    code: str = ""
    title: str = ""
    detail: str = ""
    path: str = ""
    hint: str = ""
    request_id: str = ""
    retry_after_s: float | None = None


class Exchange:
    """`run` gives steps and takes what became of them: a Reply or Lost for an Attempt, None for a Pause.

    Repeated: what could not be delivered, what was lost if it does no harm twice, and answers 429 and 503,
    after the time that they name. Never other answers, never later than `total_s` seconds from the beginning.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        timeout_s: float,
        total_s: float,
        retries: int,
        seed: int | None = None,
    ) -> None:
        self.clock, self.timeout_s, self.total_s, self.retries = clock, timeout_s, total_s, retries
        self._rng = np.random.default_rng(seed)

    def run(self, ask: Ask[T]) -> Generator[Step, Reply | Lost | None, T]:
        """Returns the answer, or raises ApiError."""
        until = self.clock() + self.total_s
        unknown = False
        for repeat in range(self.retries + 1):
            came = yield Attempt(ask, min(self.timeout_s, max(0.001, until - self.clock())))
            assert came is not None
            if isinstance(came, Reply):
                if came.status in ask.answered_by:
                    return _read(ask, came)
                if unknown and came.status == 404 and ask.gone is not None:
                    return ask.gone[0]
            error = _problem(came)
            wait = self._wait(repeat, error.retry_after_s)
            if not _may_repeat(ask, came) or repeat == self.retries or self.clock() + wait >= until:
                raise error
            unknown = unknown or not _undone(came)
            yield Pause(wait)
        raise AssertionError("the last try answers or raises")

    def _wait(self, repeat: int, told_s: float | None) -> float:
        """Never less than the service asked for; by chance up to twice the back-off more, so that not all
        clients come back at once."""
        step = BACKOFF_S * 2.0**repeat
        return (told_s or 0.0) + step * float(self._rng.uniform(1.0, 2.0))


def _undone(came: Reply | Lost) -> bool:
    """Whether the service has certainly not acted on it."""
    return came.never_sent if isinstance(came, Lost) else came.status == 429


def _may_repeat(ask: Ask[Any], came: Reply | Lost) -> bool:
    if isinstance(came, Reply) and came.status not in LATER:
        return False
    return ask.repeatable or _undone(came)


def _read(ask: Ask[T], reply: Reply) -> T:
    try:
        if ask.kind is None:
            return None  # type: ignore[return-value]
        if ask.kind is str:
            return reply.body.decode()  # type: ignore[return-value]
        answer: T = msgspec.json.decode(reply.body, type=prepared(ask.kind))
        return answer
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(
            reply.status,
            "not_understood",
            f"the answer is not what this client knows: {shorten(str(error), 200)}",
            hint="Is this a zhiyin of the same version, and nothing else in front of it?",
            request_id=_plain(reply.headers.get("x-request-id", ""), 64),
        ) from None


def _problem(came: Reply | Lost) -> ApiError:
    if isinstance(came, Lost):
        return ApiError(0, came.code, came.detail, hint="Is the service up, and is this its address?")
    told = _Told()
    if "json" in came.headers.get("content-type", ""):
        try:
            told = msgspec.json.decode(came.body, type=prepared(_Told))
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = _Told()
    after = told.retry_after_s if told.code else _seconds(came.headers.get("retry-after", ""))
    elsewhere = "redirects are not followed: a key goes only where it was meant to go"
    detail = told.detail or told.title or (elsewhere if 300 <= came.status < 400 else "")
    return ApiError(
        came.status,
        _plain(told.code, 40) or "not_understood",
        _plain(detail, 4000) or "the answer does not come from the service",
        path=_plain(told.path, 200),
        hint=_plain(told.hint, 400),
        request_id=_plain(told.request_id or came.headers.get("x-request-id", ""), 64),
        retry_after_s=after if after is not None and after >= 0 else None,
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() and len(text) < 7 else None


def _plain(text: str, limit: int) -> str:
    """Without what could steer a terminal; lines stay lines, because a filter's caret needs them."""
    return shorten("".join(c if c.isprintable() or c == "\n" else "?" for c in text), limit)
