"""Judgements of a model that are kept, and those that are still to be made: by a thread of its own, later."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from zhiyin.errors import LlmError

__all__ = ["Judgements", "Wish", "key_of"]

V = TypeVar("V")

log = logging.getLogger(__name__)

PAUSE_S = 5.0
"""After a model that failed, before it is asked again."""


def key_of(*parts: str) -> bytes:
    """16 bytes of everything that can change a judgement; nobody reads a title or a name out of it."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\x00")
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Wish:
    """Titles that are to be judged behind a history of titles."""

    key: bytes
    history: tuple[str, ...]
    titles: tuple[str, ...]
    locale: str


class Judgements(Generic[V]):
    """`judge` makes them, at most `max_kept` are kept and `max_waiting` wait; the oldest go first.

    `of` never asks a model: it looks, and notes what is missing. A daemon thread, started by the first wish
    where `background` is set, works the newest wishes off first, as those people are still there.
    """

    def __init__(
        self,
        judge: Callable[[Wish], V],
        *,
        max_kept: int = 50_000,
        max_waiting: int = 256,
        background: bool = True,
    ) -> None:
        self.judge = judge
        self.max_kept = max_kept
        self.max_waiting = max_waiting
        self.background = background
        self.n_failed = 0
        self.failing = False
        """Whether the model gave no answer the last time; one that cannot be read is an answer."""
        self._kept: OrderedDict[bytes, V] = OrderedDict()
        self._waiting: OrderedDict[bytes, Wish] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def of(self, wish: Wish) -> V | None:
        """What is kept for exactly this wish; None: not yet, it is noted."""
        with self._changed:
            found = self._kept.get(wish.key)
            if found is not None:
                self._kept.move_to_end(wish.key)
                return found
            self._note(wish)
        return None

    def _note(self, wish: Wish) -> None:
        if self._closed:
            return
        self._waiting[wish.key] = wish
        self._waiting.move_to_end(wish.key)
        while len(self._waiting) > self.max_waiting:
            self._waiting.popitem(last=False)
        if self.background and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="zhiyin-judgements", daemon=True)
            self._thread.start()
        self._changed.notify()

    def work(self, n: int = 1) -> int:
        """Works off up to `n` wishes here and now: how many were judged. A failure costs only itself."""
        done = 0
        for _ in range(n):
            with self._changed:
                if not self._waiting:
                    break
                _, wish = self._waiting.popitem()
            done += self._judged(wish)
        return done

    def _judged(self, wish: Wish) -> bool:
        try:
            found = self.judge(wish)
        except LlmError as error:
            self.n_failed, self.failing = self.n_failed + 1, error.why != "form"
            log.info("a judgement was not made: %s", error.bare)
            return False
        except Exception:
            self.n_failed, self.failing = self.n_failed + 1, True
            log.exception("a judgement failed")
            return False
        self.failing = False
        with self._changed:
            self._kept[wish.key] = found
            while len(self._kept) > self.max_kept:
                self._kept.popitem(last=False)
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
            if not self.work():
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, PAUSE_S)

    def close(self) -> None:
        """Ends the thread after the wish that it is at; what is kept can still be asked for."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    @property
    def n_kept(self) -> int:
        return len(self._kept)


def texts_of(titles: Sequence[str], codes: Sequence[int]) -> tuple[str, ...]:
    """The titles of some codes; those that the catalogue does not know are left out."""
    return tuple(titles[code] for code in codes if 0 <= code < len(titles))
