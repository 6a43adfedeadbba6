"""An event that is refused says alike what is wrong, alone and among others, whoever finds it."""

from __future__ import annotations

import pytest

from zhiyin.serve.ingest import read_events

HEAD = b'{"user":"u1","item":"i1","kind":"rating","value":4'


def refused(event: bytes, *, single: bool = False):
    """The outcome of an event between two that are good, or alone."""
    good = b'{"user":"u1","item":"i1"}'
    body = event if single else b"\n".join([good, event, good])
    parcel = read_events(body, "" if single else "application/x-ndjson", at=1.7e9, limit=10)
    assert len(parcel.events) == (0 if single else 2)
    return parcel.outcomes[0 if single else 1]


@pytest.mark.parametrize("value", [b"1e308", b"-1e308", b"3e38", b"1e999", b'"x"', b"[1]"])
@pytest.mark.parametrize("single", [False, True])
def test_a_value_that_cannot_be_kept_is_named_alike(value, single):
    outcome = refused(HEAD[:-1] + value + b"}", single=single)
    assert (outcome.code, outcome.path) == ("invalid_value", "$.value" if single else "$[1].value")


@pytest.mark.parametrize(
    ("piece", "code"),
    [
        (HEAD, "invalid_json"),
        (HEAD[:-1] + b"NaN}", "invalid_json"),
        (b"5", "invalid_value"),
        (b"[]", "invalid_value"),
    ],
)
def test_what_is_no_json_is_told_from_json_that_is_no_event(piece, code):
    assert refused(piece).code == code


@pytest.mark.parametrize(
    ("at", "said", "milliseconds"),
    [
        (b'"9999-12-31T23:59:59Z"', "9999-12-31T23:59:59+00:00", False),
        (b'"9999-12-31T23:59:59-23:00"', "9999-12-31T23:59:59-23:00", False),
        (b'"1969-12-31T23:59:59Z"', "1969-12-31", False),
        (b"1700000000000", "1700000000000", True),
        (b"1e20", "1e+20", False),
        (b"-1", "-1", False),
    ],
)
def test_a_time_is_repeated_as_it_was_sent_with_the_years_that_are_taken(at, said, milliseconds):
    outcome = refused(HEAD + b',"at":' + at + b"}")
    assert outcome.path == "$[1].at" and "1970 and 5138" in outcome.detail
    assert f"got {said}" in outcome.detail and "datetime" not in outcome.detail
    assert ("milliseconds" in outcome.detail) is milliseconds
