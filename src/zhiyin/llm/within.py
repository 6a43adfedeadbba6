"""Calls that end in time, whatever the model does: the caller is freed, the call is left to itself."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from zhiyin.errors import LlmError

__all__ = ["pieces_within", "within"]

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T], *, done: Callable[[], None]) -> T:
    """What `call` gives or raises, or LlmError after `seconds`; `done` runs when the call itself has ended.

    Look-ups of names and libraries in C cannot be interrupted: such a thread goes on, and keeps what it
    holds, until it ends by itself.
    """
    ended = threading.Event()
    box: list[Any] = [None, None]

    def run() -> None:
        try:
            box[0] = call()
        except BaseException as error:  # noqa: BLE001  # the caller raises it
            box[1] = error
        finally:
            done()
            ended.set()

    _start(run)
    if not ended.wait(max(0.0, seconds)):
        raise late(seconds)
    if box[1] is not None:
        raise box[1]
    found: T = box[0]
    return found


def pieces_within(
    left: Callable[[], float], call: Callable[[], Iterator[str]], *, done: Callable[[], None]
) -> Iterator[str]:
    """The pieces of `call`, each before `left()` is 0; a reader that goes away ends the call."""
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=64)
    gone = threading.Event()

    def give(kind: str, value: Any) -> bool:
        while not gone.is_set():
            try:
                waiting.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def run() -> None:
        try:
            for piece in call():
                if not give("piece", piece):
                    return
            give("end", None)
        except BaseException as error:  # noqa: BLE001  # the caller raises it
            give("error", error)
        finally:
            done()

    _start(run)
    try:
        while True:
            try:
                kind, value = waiting.get(timeout=max(0.0, left()))
            except queue.Empty:
                raise late(0.0) from None
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        gone.set()


def late(seconds: float) -> LlmError:
    said = f"no answer within {seconds:.3g} s" if seconds > 0 else "no time was left"
    return LlmError(said, passing=True, why="late")


def _start(run: Callable[[], None]) -> None:
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="zhiyin-llm", daemon=True).start()
