"""Problems: every error of ours has a stable code; nothing of our insides reaches the client."""

from __future__ import annotations

import re
from dataclasses import Field, fields
from typing import Annotated

import msgspec
import pytest
from starlette.exceptions import HTTPException

from zhiyin.data.filters import FilterLimits, parse_filter
from zhiyin.errors import (
    ConfigError,
    DataError,
    FilterError,
    NotFittedError,
    StoreBusyError,
    StoreError,
    ZhiyinError,
)
from zhiyin.serve.ground import filter_limits
from zhiyin.serve.problems import PROBLEMS, Problem, problem_of
from zhiyin.serve.settings import ServeSettings


class Body(msgspec.Struct, forbid_unknown_fields=True):
    events: list[dict[str, Annotated[float, msgspec.Meta(ge=0)]]]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (b'{"events": [{}, {}, {}, {"at": "x"}]}', "invalid_value", "$.events[3]"),
        (b'{"events": [{"at": -1}]}', "invalid_value", "$.events[0]"),
        (b'{"events": 1}', "invalid_value", "$.events"),
        (b'{"event": 1}', "invalid_value", "$"),
        (b"{", "invalid_json", ""),
        (b"\xff\xfe", "invalid_json", ""),
        (b'{"events": ' + b"[" * 100_000, "too_deep", ""),
    ],
)
def test_a_fault_of_the_body_names_its_place(body: bytes, code: str, path: str) -> None:
    kind = Body if code != "too_deep" else object
    with pytest.raises((msgspec.DecodeError, RecursionError)) as raised:
        msgspec.json.decode(body, type=kind)
    problem = problem_of(raised.value)
    assert problem.code == code and problem.path.startswith(path) and problem.status in (400, 422)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreBusyError("x"), "store_busy"),
        (StoreError("/var/lib/shop/store.db: disk full"), "store_unavailable"),
        (NotFittedError("run zhiyin fit"), "not_ready"),
        (ConfigError("there is no kind 'x'"), "invalid_value"),
        (DataError("a time", value="soon"), "invalid_value"),
        (DataError("a time", file="/var/lib/shop/a.csv"), "internal"),
        (ZhiyinError("/var/lib/shop"), "internal"),
        (KeyError("/var/lib/shop"), "internal"),
        (HTTPException(404), "not_found"),
        (HTTPException(405, headers={"Allow": "GET"}), "method_not_allowed"),
        (HTTPException(418), "invalid_request"),
        (HTTPException(599), "internal"),
    ],
)
def test_errors_become_problems_and_hide_our_files(error: Exception, code: str) -> None:
    problem = problem_of(error)
    assert problem.code == code
    assert b"/var/lib" not in problem.body()


def test_a_filter_keeps_its_caret() -> None:
    error = FilterError("a number", text="price << 3", at=7)
    detail = msgspec.json.decode(problem_of(error).body())["detail"]
    assert detail == "expected a number\n  price << 3\n         ^"


def test_the_body_has_the_fields_of_rfc_9457_and_ours() -> None:
    problem = Problem("limit_exceeded", "at most 5", path="$.n")
    body = msgspec.json.decode(problem.body(request_id="r1"))
    assert body == {
        "type": "urn:zhiyin:problem:limit_exceeded", "title": "More than a limit allows", "status": 422,
        "code": "limit_exceeded", "detail": "at most 5", "path": "$.n",
        "hint": PROBLEMS["limit_exceeded"].hint, "request_id": "r1",
    }  # fmt: skip
    assert msgspec.json.decode(problem.body(locale="zh-CN,en;q=.5"))["title"] == "超过限制"


def test_who_is_sent_away_is_told_when_to_come_back() -> None:
    assert Problem("rate_limited", retry_after_s=0.2).headers()["retry-after"] == "1"
    assert Problem("rate_limited", retry_after_s=2.1).headers()["retry-after"] == "3"
    for code, kind in PROBLEMS.items():
        if kind.status == 503:
            assert "retry-after" in Problem(code).headers(), code
    assert Problem("unauthenticated").headers()["www-authenticate"].startswith("Bearer")


def test_the_table_of_codes_is_whole() -> None:
    for code, kind in PROBLEMS.items():
        assert code.replace("_", "").isalpha() and code.islower()
        assert 400 <= kind.status < 600 and kind.title and kind.hint
        assert any("\u4e00" <= character <= "\u9fff" for character in kind.title_zh)


SMALL = ("max_filter_depth", "max_filter_terms", "max_filter_values")
LARGE = 'price in (1, 2, 3) and not (not (price > 1 or price < 3 or title contains "x"))'


@pytest.mark.parametrize("field", fields(FilterLimits), ids=lambda field: field.name)
def test_a_filter_that_is_too_large_names_the_setting_which_would_let_it_pass(field: Field[int]) -> None:
    with pytest.raises(FilterError) as raised:
        parse_filter(LARGE, limits=FilterLimits(**{field.name: 2}))
    detail = problem_of(raised.value).detail
    (setting,) = re.findall(r"setting (\w+)", detail)
    settings = ServeSettings.read(flags={"max_filter_chars": 16, **dict.fromkeys(SMALL, 1), setting: 99})
    limits = filter_limits(settings)
    assert [name.name for name in fields(limits) if getattr(limits, name.name) == 99] == [field.name]
    assert "filter." not in detail and LARGE[:60] in detail
