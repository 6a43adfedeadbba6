"""How many tokens and how much money may go: per request and per day, over all processes of one file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from zhiyin.errors import LlmError
from zhiyin.llm.llm_file import LlmFile, day_of

__all__ = ["Budget", "Limits"]

MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """None = no limit."""

    price_in: float
    """Money for a million tokens that are read."""
    price_out: float
    tokens_per_request: int | None
    money_per_request: float | None
    tokens_per_day: int | None
    money_per_day: float | None

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / MILLION


@dataclass(slots=True)
class Allowance:
    """What one request has spent so far."""

    tokens: int = 0
    money: float = 0.0
    request: Allowance | None = None
    """Of a question: the request whose share it is."""


_request: ContextVar[Allowance | None] = ContextVar("zhiyin_llm_request", default=None)


class Budget:
    """Takes what a question may cost at most before it is asked, and settles what it did cost after."""

    def __init__(self, limits: Limits, file: LlmFile, now: Callable[[], float]) -> None:
        self.limits = limits
        self.file = file
        self.now = now
        self._lock = threading.Lock()
        self._held = Allowance()
        """Taken and not yet settled."""
        self._own: dict[str, Allowance] = {}
        """Day -> what this process spent, for the case that the disk cannot say."""

    @contextmanager
    def request(self) -> Iterator[None]:
        """All questions within are one request, and share its limits."""
        token = _request.set(Allowance())
        try:
            yield
        finally:
            _request.reset(token)

    def take(self, tokens_in: int, tokens_out: int) -> Allowance:
        """Raises LlmError where a limit would be passed."""
        request, limits = _request.get() or Allowance(), self.limits
        asked = Allowance(tokens_in + tokens_out, limits.cost(tokens_in, tokens_out), request)
        with self._lock:
            self._refuse(asked, request, limits.tokens_per_request, limits.money_per_request, "request")
            if limits.tokens_per_day is not None or limits.money_per_day is not None:
                day = self._day()
                spent = Allowance(day.tokens + self._held.tokens, day.money + self._held.money)
                self._refuse(asked, spent, limits.tokens_per_day, limits.money_per_day, "day")
            for counted in (self._held, request):  # questions side by side see what each other has taken
                counted.tokens += asked.tokens
                counted.money += asked.money
        return asked

    def settle(self, taken: Allowance, tokens_in: int, tokens_out: int) -> float:
        """The money that it did cost."""
        cost = self.limits.cost(tokens_in, tokens_out)
        with self._lock:
            self._held.tokens -= taken.tokens
            self._held.money -= taken.money
            day = day_of(self.now())
            own = self._own if day in self._own else {}
            self._own = {day: own.get(day, Allowance())}
            self._own[day].tokens += tokens_in + tokens_out
            self._own[day].money += cost
            if taken.request is not None:
                taken.request.tokens += tokens_in + tokens_out - taken.tokens
                taken.request.money += cost - taken.money
        return cost

    def _day(self) -> Allowance:
        day = day_of(self.now())
        own, told = self._own.get(day, Allowance()), self.file.day(day)
        tokens, money = told if told is not None else (0, 0.0)
        return Allowance(max(tokens, own.tokens), max(money, own.money))

    def _refuse(
        self, asked: Allowance, spent: Allowance, tokens: int | None, money: float | None, per: str
    ) -> None:
        if tokens is not None and spent.tokens + asked.tokens > tokens:
            said = f"{asked.tokens} more tokens after {spent.tokens} would pass tokens_per_{per} = {tokens}"
            raise LlmError(said, why="budget")
        if money is not None and spent.money + asked.money > money:
            said = f"{asked.money:.4g} more after {spent.money:.4g} would pass money_per_{per} = {money:g}"
            raise LlmError(said, why="budget")
