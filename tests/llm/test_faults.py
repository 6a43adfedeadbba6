"""The faults of model servers, each against a real socket: an LlmError in time, and the breaker's way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhiyin.errors import LlmError
from zhiyin.llm import EndpointLanguageModel, GuardedLanguageModel
from zhiyin.types import Prompt

DEADLINE_S = 0.4
SLACK_S = 1.0
"""Of a busy machine; how close to the deadline it is stands in the figures."""


class Order(msgspec.Struct):
    items: list[int]


def whole(items: Any = (1, 2)) -> bytes:
    content = json.dumps({"items": items})
    return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).encode()


@pytest.fixture
def planned(model_server: Any) -> Callable[..., Any]:
    """Makes an answer of the test server's own kind."""
    kind = type(model_server.answer("", {}))
    return lambda **facts: kind(**facts)


@pytest.fixture
def guard(model_server: Any, tmp_path: Path) -> Iterator[Callable[..., GuardedLanguageModel]]:
    made: list[GuardedLanguageModel] = []

    def make(base_url: str = "", **options: Any) -> GuardedLanguageModel:
        endpoint = EndpointLanguageModel(
            base_url=base_url or model_server.url, name="m", max_answer_bytes=1_000_000
        )
        given = {"open_after": 3, "rest_s": 60.0, "tries": 2, "path": tmp_path / "llm.sqlite", **options}
        made.append(GuardedLanguageModel(language_model=endpoint, **given))
        return made[-1]

    yield make
    model_server.released.set()
    for one in made:
        one.close()


FAULTS: dict[str, dict[str, Any]] = {
    "401": {"status": 401},
    "429": {"status": 429, "headers": {"Retry-After": "60"}},
    "500": {"status": 500},
    "hang": {"hang": True},
    "drip": {"body": whole(), "drip_s": 0.05},
    "cut stream": {"body": whole(), "cut": 20},
    "truncated JSON": {"body": whole()[:-20]},
    "wrong schema": {"body": whole("none")},
    "10 MB": {"body": b" " * 10_000_000},
}
ELSEWHERE = {
    "refused": "http://127.0.0.1:9/v1",
    "DNS": "http://no-such-host.invalid/v1",
}


def question(n: int) -> Prompt:
    return Prompt("order", "1", "Order the items.", f"question {n}")


def asked_in_time(one: GuardedLanguageModel, n: int) -> LlmError:
    start = time.monotonic()
    with pytest.raises(LlmError) as caught:
        one.complete(question(n), schema=Order, timeout=DEADLINE_S)
    assert time.monotonic() - start < DEADLINE_S + SLACK_S
    return caught.value


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_error_in_time_and_opens_the_breaker_which_closes(
    model_server: Any, planned: Callable[..., Any], guard: Callable[..., GuardedLanguageModel], fault: str
) -> None:
    well = planned(body=whole())
    model_server.answer = lambda path, q: planned(**FAULTS[fault])
    one = guard(rest_s=0.0)
    for n in range(3):
        assert asked_in_time(one, n).why != "open"
    assert one.breaker.opened == 1 and one.breaker.state == "half-open"
    model_server.answer = lambda path, q: well
    assert one.complete(question(9), schema=Order, timeout=30.0) == Order([1, 2])
    assert one.breaker.state == "closed"


@pytest.mark.parametrize("fault", FAULTS)
def test_an_open_breaker_asks_nothing(
    model_server: Any, planned: Callable[..., Any], guard: Callable[..., GuardedLanguageModel], fault: str
) -> None:
    model_server.answer = lambda path, q: planned(**FAULTS[fault])
    one = guard(open_after=1)
    asked_in_time(one, 0)
    n_asked = len(model_server.asked)
    assert asked_in_time(one, 1).why == "open" and len(model_server.asked) == n_asked


@pytest.mark.parametrize("fault", [*ELSEWHERE, "TLS"])
def test_a_server_that_cannot_be_reached(
    model_server: Any, guard: Callable[..., GuardedLanguageModel], fault: str
) -> None:
    address = ELSEWHERE.get(fault) or model_server.url.replace("http:", "https:")
    one = guard(address)
    for n in range(3):
        asked_in_time(one, n)
    assert one.breaker.state == "open"


@pytest.mark.parametrize("fault", ["401", "429", "500", "hang", "drip", "cut stream", "10 MB"])
def test_streams_and_scores_fail_as_well(
    model_server: Any, planned: Callable[..., Any], guard: Callable[..., GuardedLanguageModel], fault: str
) -> None:
    model_server.answer = lambda path, q: planned(**FAULTS[fault])
    one = guard(open_after=100, tries=1)
    for ask in (
        lambda: list(one.write(question(0), timeout=DEADLINE_S)),
        lambda: one.choose(question(0), ["A", "B"], timeout=DEADLINE_S),
        lambda: one.log_likelihood("a", ["b", "c"], timeout=DEADLINE_S),
        lambda: one.relevance("a", ["b", "c"], timeout=DEADLINE_S),
    ):
        start = time.monotonic()
        with pytest.raises(LlmError):
            ask()
        assert time.monotonic() - start < DEADLINE_S + SLACK_S
