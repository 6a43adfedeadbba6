"""Overload: what could not be done in time is refused at once, so that what is taken is done in time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from zhiyin.serve.problems import Problem

__all__ = ["Admission"]

T = TypeVar("T")

SMOOTHING = 0.1
"""Weight of the newest job in the running mean of service times: about the last twenty jobs count."""


class Count(Protocol):
    """Where refusals are counted."""

    def admission_rejected(self, kind: str) -> None: ...


class _Job:
    __slots__ = ("deadline", "fn", "future", "gone", "kind", "loop")

    def __init__(
        self,
        kind: str,
        fn: Callable[[], Any],
        deadline: float,
        gone: Callable[[], bool] | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.kind, self.fn, self.deadline, self.gone, self.loop = kind, fn, deadline, gone, loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():  # the caller was cancelled
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class Admission:
    """One thread computes (`thread`, an executor of one worker, may be given) behind a bounded queue.

    The wait of a new job is estimated as the sum of the mean service times of those before it. What would
    miss its deadline is refused with 503 and the time after which it is worth coming back. An idle thread
    takes anything, whatever the estimate says: otherwise one slow job could shut the door for ever.
    """

    def __init__(
        self,
        *,
        max_queue: int = 256,
        max_ingest: int = 4096,
        now: Callable[[], float] = time.monotonic,
        counts: Count | None = None,
        thread: ThreadPoolExecutor | None = None,
    ) -> None:
        self.max_queue, self.max_ingest, self.now, self.counts = max_queue, max_ingest, now, counts
        self.thread = thread or ThreadPoolExecutor(1, thread_name_prefix="compute")
        self._lock = threading.Lock()
        self._mean_s: dict[str, float] = {}
        self._ahead_s = 0.0
        self._queued = 0
        self._running: tuple[str, float] | None = None
        self._ingesting = 0

    @property
    def queued(self) -> int:
        """Jobs that wait or run."""
        return self._queued

    @property
    def ingesting(self) -> int:
        return self._ingesting

    def wait_s(self) -> float:
        """How long a job that came now would wait before it starts."""
        with self._lock:
            done = 0.0
            if self._running is not None:
                kind, began = self._running
                done = min(self._mean_s.get(kind, 0.0), self.now() - began)
            return max(0.0, self._ahead_s - done)

    async def run(
        self,
        fn: Callable[[], T],
        *,
        deadline: float,
        kind: str = "recommend",
        gone: Callable[[], bool] | None = None,
    ) -> T:
        """What `fn` returns, computed in the thread; `deadline` is on the clock of `now`.

        `kind` names jobs of about the same cost. `gone` says whether the client went away: then, as after the
        deadline, a job that has not begun is dropped. One that has begun is finished.
        """
        self._admit(kind, deadline)
        job = _Job(kind, fn, deadline, gone, asyncio.get_running_loop())
        with self._lock:
            expected = self._mean_s.get(kind, 0.0)
            self._queued += 1
            self._ahead_s += expected
        self.thread.submit(self._work, job, expected)
        result: T = await job.future
        return result

    def between(self, fn: Callable[[], T]) -> Future[T]:
        """Runs `fn` in the thread between two jobs, where nobody reads the recommender; never refused."""
        return self.thread.submit(fn)

    def _admit(self, kind: str, deadline: float) -> None:
        if self._queued == 0:
            return
        wait = self.wait_s()
        if self._queued >= self.max_queue:
            raise self._refused(kind, wait)
        if self.now() + wait + self._mean_s.get(kind, 0.0) > deadline:
            raise self._refused(kind, wait)

    def _refused(self, kind: str, wait: float) -> Problem:
        if self.counts is not None:
            self.counts.admission_rejected(kind)
        return Problem("overloaded", retry_after_s=max(1.0, wait))

    def _work(self, job: _Job, expected: float) -> None:
        """In the thread: one job, unless nobody waits for it any more."""
        began = self.now()
        result: Any = None
        error: BaseException | None = None
        ran = False
        if job.future.done() or (job.gone is not None and job.gone()):
            error = Problem("deadline_exceeded", "the client went away")
        elif began > job.deadline:
            error = Problem("deadline_exceeded")
        else:
            with self._lock:
                self._running, ran = (job.kind, began), True
            try:
                result = job.fn()
            except BaseException as raised:  # noqa: BLE001 - handed to the caller
                error = raised
        with self._lock:
            self._running = None
            self._queued -= 1
            self._ahead_s = max(0.0, self._ahead_s - expected) if self._queued else 0.0
            if ran:
                spent = self.now() - began
                mean = self._mean_s.get(job.kind, spent)
                self._mean_s[job.kind] = mean + SMOOTHING * (spent - mean)
        try:
            job.loop.call_soon_threadsafe(job.settle, result, error)
        except RuntimeError:  # the loop has closed: nobody waits
            return

    @contextmanager
    def ingest(self) -> Iterator[None]:
        """Around the wait for the disk. Its bound is far above that of answers: events are shed last."""
        if self._ingesting >= self.max_ingest:
            raise self._refused("ingest", 0.0)
        self._ingesting += 1
        try:
            yield
        finally:
            self._ingesting -= 1

    def close(self) -> None:
        """Waits for the job that runs; those that wait are dropped."""
        self.thread.shutdown(wait=True, cancel_futures=True)
