"""Pace: what is over it is refused with the time to wait, and waiting that long is enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.serve.problems import Problem
from zhiyin.serve.rates import TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.at = 1e9

    def __call__(self) -> float:
        return self.at


def test_a_burst_then_the_steady_pace() -> None:
    clock = Clock()
    buckets = TokenBuckets(per_s=2, burst=3, now=clock)
    for _ in range(3):
        buckets.take("a")
    with pytest.raises(Problem) as raised:
        buckets.take("a")
    assert raised.value.retry_after_s == pytest.approx(0.5)
    buckets.take("b")
    clock.at += 0.5
    headers = buckets.take("a")
    assert headers == {"ratelimit-policy": '"default";q=3;w=2', "ratelimit": '"default";r=0;t=0'}


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 9)), max_size=40))
def test_never_more_than_burst_and_pace_allow_and_the_wait_told_is_enough(
    steps: list[tuple[float, float]],
) -> None:
    clock = Clock()
    buckets = TokenBuckets(per_s=3, burst=10, now=clock)
    taken, began = 0.0, clock.at
    for pause, cost in steps:
        clock.at += pause
        rate = buckets.ask("a", cost)
        assert rate is not None
        if rate.wait_s > 0:
            clock.at += rate.wait_s + 1e-6
            rate = buckets.ask("a", cost)
            assert rate is not None and rate.wait_s == 0
        taken += cost
        assert taken <= 10 + 3 * (clock.at - began) + 1e-3


def test_more_than_the_burst_passes_from_a_full_bucket_instead_of_never() -> None:
    buckets = TokenBuckets(per_s=1, burst=10, now=Clock())
    buckets.take("a", cost=1000)
    with pytest.raises(Problem):
        buckets.take("a")


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    clock = Clock()
    buckets = TokenBuckets(per_s=1, burst=1, now=clock)
    buckets.take("a")
    clock.at -= 3600
    with pytest.raises(Problem):
        buckets.take("a")


def test_zero_means_no_limit_and_names_are_bounded() -> None:
    assert TokenBuckets(per_s=0, burst=1, now=Clock()).take("a", 1e9) == {}
    buckets = TokenBuckets(per_s=1, burst=1, now=Clock(), n_buckets=100)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100
