"""Log lines: one line each, no secret, nobody's name, whatever is put into them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.serve.access import make_key
from zhiyin.serve.logs import configure_logs, one_line, user_hash

SECRET, _ = make_key(name="a", scopes=["read"], pepper=b"p" * 32, at=0.0)


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_and_event(out: io.StringIO) -> None:
    configure_logs(form="json", stream=out, fields={"worker": 1}).info("started", n=3, share=0.5, ok=True)
    logging.getLogger("a.library").warning("too")
    structlog.get_logger("another").info("three")
    line, *others = lines(out)
    assert [other["worker"] for other in others] == [1, 1]
    assert line.pop("at").endswith("Z")
    assert line == {"event": "started", "level": "info", "worker": 1, "n": 3, "share": 0.5, "ok": True}


def test_secrets_and_persons_never_get_in(out: io.StringIO) -> None:
    log = configure_logs(form="json", stream=out)
    try:
        raise ValueError(f"bad key {SECRET} at https://me:pass@host/x")
    except ValueError as error:
        log.error("failed", exc_info=error)
    log.info(
        f"entered with {SECRET}", authorization=f"Bearer {SECRET}", note=f"Authorization: Bearer {SECRET}"
    )
    log.info(
        "asked", user="ada@example.org", session="s1", words="red shoes", api_key="abc", url=f"/x?k={SECRET}"
    )
    log.info(
        "nested",
        fields={"user": "ada", "inner": {"Authorization": "x"}, "list": [SECRET]},
        headers={"cookie": "c"},
    )
    logging.getLogger("uvicorn.error").warning("from a library: %s", SECRET)
    text = out.getvalue()
    for leak in (SECRET[8:], "ada", 's1"', "red shoes", "abc", "me:pass", '"c"'):
        assert leak not in text, leak
    assert len(lines(out)) == 5
    assert lines(out)[0]["exception"].startswith("Traceback")


@given(st.text(max_size=200))
def test_no_value_can_begin_a_line_or_paint_a_terminal(text: str) -> None:
    safe = one_line(text + "\n\r\x1b[31m\u2028\u202e")
    assert len(safe.splitlines()) == 1
    assert not any(character in safe for character in "\n\r\x1b\u2028\u202e\x00")
    if text.isprintable() and text.isascii() and "zy_live" not in text and "://" not in text:
        assert one_line(text) == text or "bearer" in text.lower() or "basic" in text.lower()


def test_names_of_fields_and_text_form_are_safe_too(out: io.StringIO) -> None:
    log = configure_logs(form="text", stream=out)
    log.info("x\ny", **{"a\nb": "c\nd"})
    assert len(out.getvalue().splitlines()) == 1
    logging.getLogger("some.library").warning("two\nlines")
    assert len(out.getvalue().splitlines()) == 2


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_can_be_read_but_not_be_taken_for_lines(out: io.StringIO, form: str) -> None:
    log = configure_logs(form=form, stream=out)
    try:
        raise ValueError('x\n{"event": "forged"}')
    except ValueError as error:
        log.error("failed", exc_info=error)
    first, *rest = out.getvalue().splitlines()
    assert "failed" in first
    assert all(row.startswith("    | ") for row in rest)
    assert bool(rest) == (form == "text")
    if form == "json":
        assert lines(out)[0]["exception"].count("\n") > 2


def test_odd_values_do_not_lose_the_line(out: io.StringIO) -> None:
    log = configure_logs(form="json", stream=out)
    log.info(
        "odd", big=10**30, nan=float("nan"), half="\ud800", thing=object, when={1: {2, 3}}, raw=b"\xff\n"
    )
    (line,) = lines(out)
    assert line["big"] == "1" + 30 * "0" and line["half"] == "\\ud800" and line["nan"] is None


def test_a_flood_is_cut(out: io.StringIO) -> None:
    configure_logs(form="json", stream=out).info("big", value="x" * 100_000)
    assert len(out.getvalue()) < 5000


def test_the_level_holds_and_libraries_are_quiet(out: io.StringIO) -> None:
    log = configure_logs(level="warning", form="json", stream=out)
    log.info("no")
    logging.getLogger("uvicorn.access").info("no")
    logging.getLogger("httpx").info("no")
    log.warning("yes")
    assert [line["event"] for line in lines(out)] == ["yes"]


def test_a_person_is_a_short_keyed_hash() -> None:
    assert user_hash("ada", b"k") == user_hash("ada", b"k") != user_hash("ada", b"l")
    assert len(user_hash("ada\ud800", b"k")) == 14 and "ada" not in user_hash("ada", b"k")
