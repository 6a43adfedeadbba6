"""A circuit breaker: a model that keeps failing is left alone for a while, then tried with one question."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from zhiyin.errors import LlmError

__all__ = ["Breaker"]


class Breaker:
    """Opens after `open_after` faults in a row; after `rest_s` one probe is let through.

    A probe that does well closes it; one that fails opens it again for twice as long, up to `longest_rest_s`.
    """

    def __init__(
        self, *, open_after: int, rest_s: float, longest_rest_s: float, clock: Callable[[], float]
    ) -> None:
        self.open_after = open_after
        self.rest_s = rest_s
        self.longest_rest_s = longest_rest_s
        self.clock = clock
        self.opened = 0
        """How often it opened."""
        self._lock = threading.Lock()
        self._faults = 0
        self._until = 0.0
        self._rest_s = rest_s
        self._open = False
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        with self._lock:
            if not self._open:
                return "closed"
            return "open" if self._probing or self.clock() < self._until else "half-open"

    def admit(self) -> None:
        """Raises LlmError while it is open; each admission must end in `well`, `ill` or `neither`."""
        with self._lock:
            if not self._open:
                return
            left = self._until - self.clock()
            if left > 0 or self._probing:
                raise LlmError(
                    f"the model failed {self._faults} times in a row and is left alone for now",
                    passing=True,
                    wait_s=max(left, 0.0),
                    why="open",
                )
            self._probing = True

    def well(self) -> None:
        with self._lock:
            self._faults, self._open, self._probing, self._rest_s = 0, False, False, self.rest_s

    def ill(self) -> None:
        with self._lock:
            self._faults += 1
            if self._open and self._probing:
                self._rest_s = min(self._rest_s * 2, self.longest_rest_s)
            elif self._open or self._faults < self.open_after:
                return
            self._open, self._probing = True, False
            self._until = self.clock() + self._rest_s
            self.opened += 1

    def neither(self) -> None:
        """The question ended before it said anything of the model."""
        with self._lock:
            self._probing = False
