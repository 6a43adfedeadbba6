"""A question's way to the model: breaker, budget, a free place, tries, the ledger; and never too late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from zhiyin.errors import LlmError, ZhiyinError
from zhiyin.llm.breaker import Breaker
from zhiyin.llm.budget import Budget
from zhiyin.llm.llm_file import LlmFile, UsageRow
from zhiyin.llm.usage import Usage, metered, tokens_of
from zhiyin.llm.within import late, pieces_within, within

__all__ = ["Question", "Turns"]

T = TypeVar("T")
FIRST_WAIT_S = 0.1
"""Before the second try; doubles with each."""
FLUSH_S = 5.0
"""Counts of cached answers are written down after so long."""
NOT_THE_MODEL = frozenset({"busy", "open", "budget", "unable"})
"""Faults that say nothing of whether the model is well."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the ledger and the budget know of a question."""

    verb: str
    task: str
    identity: str
    tokens_in: int
    """Guessed, until the model tells."""
    tokens_out: int
    """At most."""
    timeout: float


class Turns:
    """Lets questions through in their turn. Times are of `clock`; `now` gives UTC seconds."""

    def __init__(
        self, breaker: Breaker, budget: Budget, file: LlmFile, *,
        max_at_once: int, max_waiting: int, tries: int,
        clock: Callable[[], float], now: Callable[[], float], sleep: Callable[[float], None],
    ) -> None:  # fmt: skip
        self.breaker = breaker
        self.budget = budget
        self.file = file
        self.max_waiting = max_waiting
        self.tries = tries
        self.clock = clock
        self.now = now
        self.sleep = sleep
        self._places = threading.Semaphore(max_at_once)
        self._waiting = 0
        self._lock = threading.Lock()
        self._cached: dict[tuple[str, str, str], int] = {}
        self._flushed = clock()

    def ask(self, question: Question, call: Callable[[float], T]) -> T:
        """What `call(seconds that are left)` gives, by the question's timeout, or LlmError."""
        start = self.clock()
        ends = start + question.timeout
        with _Account(self, question, start) as account:
            for attempt in range(self.tries):
                try:
                    return self._one_try(call, ends, account)
                except LlmError as error:
                    wait_s = max(error.wait_s, FIRST_WAIT_S * 2**attempt)
                    if not error.passing or error.why in ("busy", "open") or attempt + 1 == self.tries:
                        raise
                    if self.clock() + wait_s >= ends:
                        raise
                self.sleep(wait_s)
            raise late(question.timeout)

    def stream(self, question: Question, call: Callable[[float], Iterator[str]]) -> Iterator[str]:
        """The pieces of `call`, all before the timeout; tried once."""
        start = self.clock()
        ends = start + question.timeout
        with _Account(self, question, start) as account:
            self._enter(ends)

            def metered_call() -> Iterator[str]:
                with metered(account.usage):
                    yield from call(ends - self.clock())

            pieces = pieces_within(lambda: ends - self.clock(), metered_call, done=self._places.release)
            for piece in pieces:
                account.written += tokens_of(piece)
                yield piece

    def from_cache(self, question: Question, n: int) -> None:
        """Counts answers that cost nothing."""
        with self._lock:
            place = (question.task, question.verb, question.identity)
            self._cached[place] = self._cached.get(place, 0) + n
            due = self.clock() - self._flushed > FLUSH_S
        if due:
            self.flush()

    def flush(self) -> None:
        """Writes down the counts of cached answers."""
        with self._lock:
            counts, self._cached, self._flushed = self._cached, {}, self.clock()
        rows = [
            UsageRow(self.now(), task, verb, identity, 0, 0, 0.0, 0.0, True, "ok", n)
            for (task, verb, identity), n in counts.items()
        ]
        if rows:
            self.file.add(rows)

    def _one_try(self, call: Callable[[float], T], ends: float, account: _Account) -> T:
        self._enter(ends)
        left = ends - self.clock()

        def metered_call() -> T:
            with metered(account.usage):
                return call(left)

        return within(left, metered_call, done=self._places.release)

    def _enter(self, ends: float) -> None:
        """Waits for a free place, unless too many wait already."""
        if self._places.acquire(blocking=False):
            return
        with self._lock:
            if self._waiting >= self.max_waiting:
                raise LlmError(f"{self._waiting} questions wait already", passing=True, why="busy")
            self._waiting += 1
        try:
            if not self._places.acquire(timeout=max(0.0, ends - self.clock())):
                raise LlmError("no place became free in time", passing=True, why="busy")
        finally:
            with self._lock:
                self._waiting -= 1


class _Account:
    """One question's books: opened before it is asked, closed however it ends."""

    def __init__(self, turns: Turns, question: Question, start: float) -> None:
        self.turns = turns
        self.question = question
        self.start = start
        self.written = 0
        self.usage = Usage()

    def __enter__(self) -> _Account:
        turns, question = self.turns, self.question
        try:
            turns.breaker.admit()
            try:
                self._taken = turns.budget.take(question.tokens_in, question.tokens_out)
            except LlmError:
                turns.breaker.neither()
                raise
        except LlmError as error:
            self._row(0, 0, 0.0, error.why)
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        outcome = self._outcome(error)
        tokens_in, tokens_out = self._tokens(error)
        cost = self.turns.budget.settle(self._taken, tokens_in, tokens_out)
        self._row(tokens_in, tokens_out, cost, outcome)
        if isinstance(error, Exception) and not isinstance(error, LlmError):
            said = str(error) if isinstance(error, ZhiyinError) else f"{type(error).__name__}: {error}"
            raise LlmError(said, why="fault") from error

    def _outcome(self, error: BaseException | None) -> str:
        breaker = self.turns.breaker
        if error is None:
            breaker.well()
            return "ok"
        why = error.why if isinstance(error, LlmError) else "fault"
        if isinstance(error, GeneratorExit):  # the reader has gone: nobody's fault
            breaker.neither()
            return "left"
        if why in NOT_THE_MODEL:
            breaker.neither()
        else:
            breaker.ill()
        return why

    def _tokens(self, error: BaseException | None) -> tuple[int, int]:
        """As the model told; where it told nothing and may have worked, as guessed."""
        if self.usage.told:
            return self.usage.tokens_in, self.usage.tokens_out
        refused = isinstance(error, LlmError) and (error.why in NOT_THE_MODEL or error.status is not None)
        if refused:
            return 0, 0
        guessed = self.question.tokens_out if self.question.verb != "write" else self.written
        return self.question.tokens_in, min(guessed, self.question.tokens_out)

    def _row(self, tokens_in: int, tokens_out: int, cost: float, outcome: str) -> None:
        turns, question = self.turns, self.question
        ms = (turns.clock() - self.start) * 1000
        turns.file.add(
            [
                UsageRow(
                    turns.now(), question.task, question.verb, question.identity, tokens_in, tokens_out, ms,
                    cost, False, outcome,
                )
            ]
        )  # fmt: skip
