"""Overload: refused at once, what is taken is in time, and all is normal soon after."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from zhiyin.serve.admission import Admission
from zhiyin.serve.problems import Problem

JOB_S = 0.005
DEADLINE_S = 0.15


class Rejections:
    def __init__(self) -> None:
        self.kinds: list[str] = []

    def admission_rejected(self, kind: str) -> None:
        self.kinds.append(kind)


class Unbounded(Admission):
    """The planted fault: takes everything."""

    def _admit(self, kind: str, deadline: float) -> None:
        return None


class Stubborn(Admission):
    """The planted fault: an idle thread is judged by the estimate too."""

    def _admit(self, kind: str, deadline: float) -> None:
        if self.now() + self._mean_s.get(kind, 0.0) > deadline:
            raise Problem("overloaded")


@pytest.fixture
def admission() -> Iterator[Admission]:
    made = Admission(counts=Rejections())
    yield made
    made.close()


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


class Flood:
    """Open-loop: requests come at their times, whether earlier ones have been answered or not."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.done_s: list[float] = []
        self.refused_s: list[float] = []
        self.told_when = 0

    async def one(self) -> None:
        came = time.monotonic()
        try:
            await self.admission.run(lambda: time.sleep(JOB_S), deadline=came + DEADLINE_S)
        except Problem as problem:
            self.refused_s.append(time.monotonic() - came)
            self.told_when += problem.retry_after_s is not None
        else:
            self.done_s.append(time.monotonic() - came)

    async def at(self, per_s: float, seconds: float) -> None:
        tasks, began, n = [], time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            while n < passed * per_s:
                tasks.append(asyncio.create_task(self.one()))
                n += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)


async def ten_times(admission: Admission) -> tuple[Flood, Flood]:
    """Ten times what the thread can do, then half of it."""
    flood, after = Flood(admission), Flood(admission)
    await flood.at(10 / JOB_S, 1.0)
    await after.at(0.5 / JOB_S, 0.5)
    return flood, after


def judged(flood: Flood, after: Flood) -> list[str]:
    """What is wrong; half of the answers' time is left to a busy machine."""
    said = []
    late = [seconds for seconds in flood.done_s if seconds > 1.5 * DEADLINE_S]
    if len(late) > 0.1 * len(flood.done_s):
        said.append(f"{len(late)} of {len(flood.done_s)} answers were late")
    if len(flood.done_s) < 0.3 / JOB_S:
        said.append(f"only {len(flood.done_s)} answers: the thread was idle under load")
    if not flood.refused_s or sorted(flood.refused_s)[len(flood.refused_s) // 2] > 0.05:
        said.append("refusals were none or slow")
    if len(after.refused_s) > 0.2 * (len(after.done_s) + len(after.refused_s)):
        said.append("it did not come back to normal")
    return said


def test_ten_times_the_load_is_refused_fast_and_what_is_taken_is_in_time(admission: Admission) -> None:
    flood, after = asyncio.run(ten_times(admission))
    assert judged(flood, after) == []
    assert flood.told_when == len(flood.refused_s)
    assert len(admission.counts.kinds) > 0  # type: ignore[union-attr]
    assert admission.queued == 0


def test_a_queue_without_bounds_is_noticed() -> None:
    planted = Unbounded()
    assert judged(*asyncio.run(ten_times(planted))) != []
    planted.close()


@pytest.mark.parametrize(("kind", "recovers"), [(Admission, True), (Stubborn, False)])
def test_one_very_slow_job_does_not_shut_the_door(kind: type[Admission], recovers: bool) -> None:
    async def scenario(admission: Admission) -> bool:
        await admission.run(lambda: time.sleep(0.3), deadline=soon())
        try:
            await admission.run(lambda: None, deadline=soon(0.2))
        except Problem:
            return False
        return True

    made = kind()
    assert asyncio.run(scenario(made)) is recovers
    made.close()


def test_a_full_queue_refuses_at_once() -> None:
    async def scenario() -> None:
        admission, go = Admission(max_queue=3), threading.Event()
        waiting = [asyncio.create_task(admission.run(go.wait, deadline=soon())) for _ in range(3)]
        await asyncio.sleep(0.01)
        with pytest.raises(Problem, match="overloaded"):
            await admission.run(lambda: None, deadline=soon())
        go.set()
        assert all(await asyncio.gather(*waiting))
        assert await admission.run(lambda: 7, deadline=soon()) == 7
        admission.close()

    asyncio.run(scenario())


def test_what_nobody_waits_for_any_more_is_not_begun(admission: Admission) -> None:
    async def scenario() -> list[str]:
        go, begun = threading.Event(), list[str]()
        first = asyncio.create_task(admission.run(go.wait, deadline=soon()))
        await asyncio.sleep(0.01)
        late = asyncio.create_task(admission.run(lambda: begun.append("late"), deadline=soon(0.02)))
        gone = asyncio.create_task(
            admission.run(lambda: begun.append("gone"), deadline=soon(), gone=lambda: True)
        )
        cancelled = asyncio.create_task(admission.run(lambda: begun.append("cancelled"), deadline=soon()))
        kept = asyncio.create_task(admission.run(lambda: begun.append("kept"), deadline=soon()))
        await asyncio.sleep(0.05)
        cancelled.cancel()
        await asyncio.sleep(0)
        go.set()
        ends = await asyncio.gather(first, late, gone, cancelled, kept, return_exceptions=True)
        assert [type(end).__name__ for end in ends] == [
            "bool",
            "Problem",
            "Problem",
            "CancelledError",
            "NoneType",
        ]
        return begun

    assert asyncio.run(scenario()) == ["kept"]


def test_errors_reach_the_caller_and_the_thread_lives_on(admission: Admission) -> None:
    async def scenario() -> None:
        with pytest.raises(ZeroDivisionError):
            await admission.run(lambda: 1 // 0, deadline=soon())
        assert await admission.run(threading.get_ident, deadline=soon()) == await admission.run(
            threading.get_ident, deadline=soon()
        )

    asyncio.run(scenario())
    assert admission.queued == 0 and admission.wait_s() == 0.0


def test_ingestion_has_a_bound_of_its_own_and_goes_on_while_answers_are_refused() -> None:
    async def scenario() -> None:
        rejections = Rejections()
        admission, go = Admission(max_queue=1, max_ingest=2, counts=rejections), threading.Event()
        running = asyncio.create_task(admission.run(go.wait, deadline=soon()))
        await asyncio.sleep(0.01)
        with pytest.raises(Problem):
            await admission.run(lambda: None, deadline=soon())
        with admission.ingest(), admission.ingest():
            with pytest.raises(Problem, match="overloaded"), admission.ingest():
                pass
            assert admission.ingesting == 2
        assert admission.ingesting == 0
        assert rejections.kinds == ["recommend", "ingest"]
        go.set()
        await running
        admission.close()

    asyncio.run(scenario())


def test_it_can_share_a_thread(admission: Admission) -> None:
    with ThreadPoolExecutor(1) as thread:
        shared = Admission(thread=thread)
        ident = asyncio.run(shared.run(threading.get_ident, deadline=soon()))
        assert ident == shared.between(threading.get_ident).result()
