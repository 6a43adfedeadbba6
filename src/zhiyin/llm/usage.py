"""What an answer cost in tokens: models say it to whoever listens, wherever they are called from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Usage", "metered", "said_usage", "said_usage_of", "tokens_of"]

TEMPLATE = 2_000
"""Tokens that a server may put around a question."""
THOUGHTS = 65_536
"""Tokens of thoughts, which some servers do not hold to the limit."""

CHINESE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")


@dataclass(slots=True)
class Usage:
    """Tokens of some calls. Added up as they are told; `told` is False where a model said nothing."""

    tokens_in: int = 0
    tokens_out: int = 0
    told: bool = False


_listening: ContextVar[Usage | None] = ContextVar("zhiyin_llm_usage", default=None)


@contextmanager
def metered(usage: Usage | None = None) -> Iterator[Usage]:
    """The usage of every call within is added to this; threads that copy the context add to the same."""
    usage = usage if usage is not None else Usage()
    token = _listening.set(usage)
    try:
        yield usage
    finally:
        _listening.reset(token)


def said_usage(tokens_in: int, tokens_out: int) -> None:
    """A model tells what one exchange took."""
    usage = _listening.get()
    if usage is not None:
        usage.tokens_in += max(0, tokens_in)
        usage.tokens_out += max(0, tokens_out)
        usage.told = True


def said_usage_of(
    tokens_in: int | None, tokens_out: int | None, *, sent: bytes, most_out: int, n: int = 1
) -> None:
    """As `said_usage`, of one exchange over a wire, where the counts are not far from what it can have taken.

    A token is a byte or more, so `sent` bounds what was read, `n` times where each of `n` texts is read with
    the question. Counts beyond that are a fault of the server: they are not told, and the guard guesses.
    """
    read, written = tokens_in or 0, tokens_out or 0
    if 0 <= read <= len(sent) * n + TEMPLATE and 0 <= written <= most_out * n + THOUGHTS:
        said_usage(read, written)


def tokens_of(text: str) -> int:
    """About how many tokens a text has: a Chinese character is one, of other letters four are.

    >>> tokens_of("star wars"), tokens_of("流浪地球"), tokens_of("")
    (3, 4, 0)
    """
    chinese = len(CHINESE.findall(text))
    return chinese + -(-(len(text) - chinese) // 4)
