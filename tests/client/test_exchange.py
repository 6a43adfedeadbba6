"""What is repeated, when, and what never is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from zhiyin.client import (
    ApiError,
    asks,
)
from zhiyin.client.exchange import Ask, Attempt, Exchange, Lost, Pause, Reply
from zhiyin.serve.messages import Health


def driven(
    ask: Ask[Any], *came: Reply | Lost, retries: int = 2, total_s: float = 60.0
) -> tuple[Any, list[float], int]:
    """(answer or error, pauses, tries) when the tries end as `came` says, one after the other."""
    time = [0.0]
    exchange = Exchange(clock=lambda: time[0], timeout_s=5.0, total_s=total_s, retries=retries, seed=1)
    steps, ends, pauses = exchange.run(ask), iter(came), []
    tries, answer = 0, None
    try:
        while True:
            step = steps.send(answer)
            if isinstance(step, Attempt):
                tries, answer = tries + 1, next(ends)
            else:
                assert isinstance(step, Pause)
                time[0] += step.seconds
                pauses.append(step.seconds)
                answer = None
    except StopIteration as end:
        return end.value, pauses, tries
    except ApiError as error:
        return error, pauses, tries


def problem(status: int, code: str, **more: Any) -> Reply:
    body = msgspec.json.encode({"code": code, "status": status, "title": code, **more})
    return Reply(status, {"content-type": "application/problem+json"}, body)


GOOD = Reply(200, {}, b'{"status":"ok"}')


GET = Ask("GET", "/health/live", Health)


POST = Ask("POST", "/v1/keys", Health, repeatable=False)


AWAY = Lost("unreachable", "refused", True)


CUT = Lost("unreachable", "cut off", False)


LATE = Lost("timeout", "late", False)


@pytest.mark.parametrize(
    ("ask", "came", "tries"),
    [
        (GET, [AWAY, GOOD], 2),
        (GET, [CUT, LATE, GOOD], 3),
        (GET, [problem(429, "rate_limited", retry_after_s=2.0), GOOD], 2),
        (GET, [problem(503, "overloaded", retry_after_s=1.0), problem(503, "store_busy"), GOOD], 3),
        (POST, [AWAY, GOOD], 2),
        (POST, [problem(429, "rate_limited"), GOOD], 2),
    ],
)
def test_what_does_no_harm_is_repeated(ask: Ask[Any], came: list[Reply | Lost], tries: int) -> None:
    answer, _, made = driven(ask, *came)
    assert (answer, made) == (Health(status="ok"), tries)


@pytest.mark.parametrize(
    ("ask", "came", "code"),
    [
        (GET, problem(422, "invalid_value"), "invalid_value"),
        (GET, problem(401, "unauthenticated"), "unauthenticated"),
        (GET, problem(409, "conflict"), "conflict"),
        (GET, problem(500, "internal"), "internal"),
        (GET, problem(507, "store_unavailable"), "store_unavailable"),
        (GET, Reply(502, {"content-type": "text/html"}, b"<h1>\x1b[31mBad"), "not_understood"),
        (POST, CUT, "unreachable"),
        (POST, LATE, "timeout"),
        (POST, problem(503, "overloaded"), "overloaded"),
    ],
)
def test_what_could_do_harm_or_no_good_is_not(ask: Ask[Any], came: Reply | Lost, code: str) -> None:
    error, _, tries = driven(ask, came, GOOD)
    assert isinstance(error, ApiError) and (error.code, tries) == (code, 1)
    assert "\x1b" not in str(error)


def test_it_waits_as_long_as_it_is_told_and_a_little_by_chance() -> None:
    busy = problem(503, "overloaded", retry_after_s=3.0)
    _, pauses, _ = driven(GET, busy, busy, GOOD)
    assert 3.1 <= pauses[0] <= 3.2 and 3.2 <= pauses[1] <= 3.4
    assert driven(GET, busy, busy, GOOD)[1] == pauses, "the same seed, the same chance"


def test_it_gives_up_in_time() -> None:
    error, pauses, tries = driven(GET, problem(503, "not_ready", retry_after_s=90.0), GOOD)
    assert (error.retry_after_s, pauses, tries) == (90.0, [], 1)
    assert driven(GET, AWAY, AWAY, AWAY, GOOD)[2] == 3
    assert driven(GET, AWAY, GOOD, retries=0)[2] == 1


def test_a_repeat_that_finds_nothing_left_had_succeeded() -> None:
    ask = asks.Asks().delete_item("x")
    missing = problem(404, "not_found")
    assert driven(ask, CUT, missing)[0].missing == ["x"]
    assert driven(ask, missing)[0].code == "not_found"
    assert driven(ask, AWAY, missing)[0].code == "not_found", "the first try had not arrived"
    assert driven(asks.Asks().revoke_key("k"), CUT, missing)[0] is None
