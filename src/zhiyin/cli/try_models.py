"""The test behind `zhiyin models verify`: how fast a model is, and which way of asking suits it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from zhiyin.errors import LlmError
from zhiyin.llm.sanity_questions import QUESTIONS, SanityQuestion
from zhiyin.llm.usage import metered
from zhiyin.llm.verdict import WAYS, Verdict, Way, WayResult, clear
from zhiyin.rank.llm_judge import judged
from zhiyin.types import Prompt

__all__ = ["tried"]

LOCALES = ("en", "zh")
N_OPTIONS = 5
CHANCE = 1 / N_OPTIONS
ENOUGH = 5
"""Questions after which a way that does no better than guessing is given up."""
SPEED_TEXT = "A long evening, a quiet street, a book that nobody had opened for years. "
Told = Callable[[str, int, int], None]


def tried(
    llm: Any,
    *,
    ways: Sequence[Way] = WAYS,
    n_each: int = 10,
    timeout_s: float = 120.0,
    within_s: float = float("inf"),
    told: Told | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Verdict:
    """Asks up to `n_each` questions in each language in each way; a way that cannot be asked says why.

    All ways get a question before any gets the next, so that what `within_s` cuts off is missing of all
    alike, and the ways share what stands first in their prompts. A way that can no longer become clearly
    better than guessing is not asked further: that takes questions away, never adds a lucky one.
    """
    ends = clock() + within_s
    read, written = _speed(llm, timeout_s)
    trials = [_Trial(llm, way, locale, n_each) for locale in LOCALES for way in ways]
    done = 0
    for _ in range(n_each):
        for trial in trials:
            left = ends - clock()
            if not trial.open or not trial.fits(left):
                continue
            trial.ask(min(timeout_s, left), clock)
            done += 1
            if told is not None:
                to_come = sum(len(one.questions) - one.asked for one in trials if one.open)
                told(
                    f"{trial.way}, {trial.locale}: {trial.right} of {trial.asked} right", done, done + to_come
                )
    results = [trial.result() for trial in sorted(trials, key=lambda one: ways.index(one.way))]
    return Verdict(llm.identity, tuple(results), CHANCE, read, written, time.time())


class _Trial:
    """One way in one language."""

    def __init__(self, llm: Any, way: Way, locale: str, n: int) -> None:
        self.llm = llm
        self.way = way
        self.locale = locale
        self.questions: list[SanityQuestion] = [one for one in QUESTIONS if one.locale == locale][:n]
        self.asked = 0
        self.right = 0
        self.times: list[float] = []
        self.said = ""
        self.open = bool(self.questions)

    def fits(self, left: float) -> bool:
        """Whether one more question is likely to end in the time that is left; else it is the last word."""
        if left > (median(self.times) if self.times else 0.0):
            return True
        self.open = False
        self.said = f"time is up after {self.asked} of {len(self.questions)}"
        return False

    def ask(self, timeout: float, clock: Callable[[], float]) -> None:
        question, place, start = self.questions[self.asked], self.asked % N_OPTIONS, clock()
        try:
            scores = judged(
                self.llm, self.way, question.liked, question.options(place), locale=self.locale,
                rotations=N_OPTIONS, timeout=timeout,
            )  # fmt: skip
        except LlmError as error:
            self.said = str(error)[:200]
            if error.why == "unable" or self.asked == 0:
                self.asked, self.right, self.open = 0, 0, False
                return
        else:
            self.right += int(scores.argmax()) == place and int((scores == scores.max()).sum()) == 1
        self.asked += 1
        self.times.append(clock() - start)
        self._look()

    def _look(self) -> None:
        """Ends where all is asked, or where more questions cannot help."""
        n = len(self.questions)
        lost = self.right + n - self.asked < clear(n, CHANCE)
        luck = self.asked >= ENOUGH and self.right <= CHANCE * self.asked
        self.open = self.asked < n and not lost and not luck
        if (lost or luck) and self.asked < n:
            self.said = f"like guessing after {self.asked} of {n}"

    def result(self) -> WayResult:
        ms = median(self.times) * 1000 if self.times else 0.0
        return WayResult(self.way, self.locale, self.right, self.asked, ms, self.said)


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
