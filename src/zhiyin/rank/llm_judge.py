"""What a language model thinks of a few candidates: four ways to ask, one kind of answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zhiyin.errors import LlmError
from zhiyin.llm.verdict import Way
from zhiyin.rank.llm_prompts import (
    LETTERS,
    YES_NO,
    letters_prompt,
    likelihood_text,
    listwise_prompt,
    order_of,
    past_prefix,
    yes_no_prompt,
)
from zhiyin.types import FloatArray

__all__ = ["MOST", "judged"]

MOST = len(LETTERS)
"""Candidates that can be judged at once."""


def judged(
    llm: Any,
    way: Way,
    history: Sequence[str],
    titles: Sequence[str],
    *,
    locale: str = "en",
    timeout: float = 30.0,
    rotations: int = 4,
    clock: Callable[[], float] = time.monotonic,
) -> FloatArray:
    """(c,) how well each of the titles (at most `MOST`) follows the history, larger is better; or LlmError.

    All numbers are finite and only their differences mean something. `timeout` seconds are for everything
    together. `llm` must have the verb of the way: `log_likelihood`, `choose` or `complete`.
    """
    if not 0 < len(titles) <= MOST:
        raise LlmError(f"1 to {MOST} titles can be judged at once, got {len(titles)}")
    until = clock() + timeout

    def left() -> float:
        seconds = until - clock()
        if seconds <= 0:
            raise LlmError(f"the model did not judge {len(titles)} titles within {timeout:g} s")
        return seconds

    return _WAYS[way](llm, list(history), list(titles), "zh" if locale == "zh" else "en", rotations, left)


def _likelihood(
    llm: Any, history: list[str], titles: list[str], locale: str, _: int, left: Callable[[], float]
) -> FloatArray:
    """How much likelier the title is behind the history than behind none: its fame is taken off."""
    texts = [likelihood_text(title) for title in titles]
    after = llm.log_likelihood(past_prefix(history, locale), texts, timeout=left())
    before = llm.log_likelihood(past_prefix((), locale), texts, timeout=left())
    return _checked(after, titles) - _checked(before, titles)


def _yes_no(
    llm: Any, history: list[str], titles: list[str], locale: str, _: int, left: Callable[[], float]
) -> FloatArray:
    odds = []
    for title in titles:
        chances = llm.choose(yes_no_prompt(history, title, locale), YES_NO[locale], timeout=left())
        odds.append(_checked(chances, YES_NO[locale]))
    return np.array([yes - no for yes, no in odds], np.float32)


def _letters(
    llm: Any, history: list[str], titles: list[str], locale: str, rotations: int, left: Callable[[], float]
) -> FloatArray:
    """Averaged over rotations of the options: a model likes some letters for their own sake."""
    n = len(titles)
    total = np.zeros(n, np.float32)
    turns = sorted({turn * n // max(1, rotations) for turn in range(min(n, max(1, rotations)))})
    for turn in turns:
        order = np.roll(np.arange(n), -turn)
        prompt = letters_prompt(history, [titles[place] for place in order], locale)
        total[order] += _checked(llm.choose(prompt, list(LETTERS[:n]), timeout=left()), titles)
    return total / np.float32(len(turns))


def _listwise(
    llm: Any, history: list[str], titles: list[str], locale: str, _: int, left: Callable[[], float]
) -> FloatArray:
    """Forwards and backwards; what the model leaves out comes last, what it makes up counts nowhere."""
    n = len(titles)
    places = np.zeros(n, np.float32)
    for order in (np.arange(n), np.arange(n)[::-1]):
        prompt = listwise_prompt(history, [titles[place] for place in order], locale)
        answer = llm.complete(prompt, schema=order_of(n), timeout=left())
        best = getattr(answer, "best", None)
        if not isinstance(best, list):
            raise LlmError("the model's order is no list of numbers")
        known = [number - 1 for number in best if isinstance(number, int) and 1 <= number <= n]
        ranked = list(dict.fromkeys(known))
        last = (len(ranked) + n - 1) / 2
        mine = np.full(n, last, np.float32)
        mine[ranked] = np.arange(len(ranked))
        places[order] += mine
    return -places


def _checked(numbers: Any, asked: Sequence[str]) -> FloatArray:
    found = np.asarray(numbers, np.float32)
    if found.shape != (len(asked),) or not np.isfinite(found).all():
        raise LlmError(f"expected {len(asked)} finite numbers from the model, got shape {found.shape}")
    return found


_WAYS: dict[Way, Callable[..., FloatArray]] = {
    "likelihood": _likelihood,
    "yes_no": _yes_no,
    "letters": _letters,
    "listwise": _listwise,
}
