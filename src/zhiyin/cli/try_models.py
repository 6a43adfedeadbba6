"""The test behind `zhiyin models verify`: how fast a model is, and which way of asking suits it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from zhiyin.errors import LlmError
from zhiyin.llm.sanity_questions import QUESTIONS, SanityQuestion
from zhiyin.llm.usage import metered
from zhiyin.llm.verdict import WAYS, Verdict, Way, WayResult
from zhiyin.rank.llm_judge import judged
from zhiyin.types import Prompt

__all__ = ["tried"]

LOCALES = ("en", "zh")
N_OPTIONS = 5
SPEED_TEXT = "A long evening, a quiet street, a book that nobody had opened for years. "
Told = Callable[[str, int, int], None]


def tried(
    llm: Any,
    *,
    ways: Sequence[Way] = WAYS,
    n_each: int = 16,
    timeout_s: float = 120.0,
    told: Told | None = None,
) -> Verdict:
    """Asks up to `n_each` questions in each language in each way; a way that cannot be asked says why."""
    read, written = _speed(llm, timeout_s)
    results = []
    for way in ways:
        for locale in LOCALES:
            questions = [one for one in QUESTIONS if one.locale == locale][:n_each]
            results.append(_one_way(llm, way, locale, questions, timeout_s, told))
    return Verdict(llm.identity, tuple(results), 1 / N_OPTIONS, read, written, time.time())


def _one_way(
    llm: Any, way: Way, locale: str, questions: Sequence[SanityQuestion], timeout_s: float, told: Told | None
) -> WayResult:
    right, times, said = 0, [], ""
    for number, question in enumerate(questions):
        if told is not None:
            told(f"{way}, {locale}", number, len(questions))
        place, start = number % N_OPTIONS, time.perf_counter()
        try:
            scores = judged(
                llm, way, question.liked, question.options(place), locale=locale, rotations=N_OPTIONS,
                timeout=timeout_s,
            )  # fmt: skip
        except LlmError as error:
            said = str(error)
            if error.why == "unable" or number == 0:
                return WayResult(way, locale, 0, 0, 0.0, said[:200])
            times.append(time.perf_counter() - start)
            continue
        times.append(time.perf_counter() - start)
        right += int(scores.argmax()) == place and (scores == scores.max()).sum() == 1
    return WayResult(way, locale, int(right), len(questions), median(times) * 1000, said[:200])


def _speed(llm: Any, timeout_s: float) -> tuple[float, float]:
    """Tokens a second read and written; 0 where a model does not say or does not write."""
    try:
        llm.choose(Prompt("verify", "1", "", "hello"), ["A", "B"], timeout=timeout_s)  # loads it
        with metered() as usage:
            start = time.perf_counter()
            llm.choose(Prompt("verify", "1", "", SPEED_TEXT * 16), ["A", "B"], timeout=timeout_s)
            read = usage.tokens_in / (time.perf_counter() - start)
        ask = Prompt("verify", "1", "", "Write a story about a lighthouse.", max_tokens=48)
        stamps = [time.perf_counter() for _ in llm.write(ask, timeout=timeout_s)]
    except LlmError:
        return 0.0, 0.0
    except AttributeError:  # it does not write
        return read, 0.0
    written = (len(stamps) - 1) / (stamps[-1] - stamps[0]) if len(stamps) > 2 else 0.0
    return read, written
