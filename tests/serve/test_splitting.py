"""A body of many events or items: cut into pieces, or refused before it costs anything."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest

from zhiyin.serve.ingest import split_body
from zhiyin.serve.problems import Problem, problem_of

LINES = "application/x-ndjson"


@pytest.mark.parametrize(
    ("piece", "end", "media"),
    [(b"0,", b"0]", ""), (b'{"item":"i1"},', b"{}]", ""), (b"0\n", b"", LINES), (b" \n{}\r\n", b"", LINES)],
)
def test_a_flood_of_small_pieces_is_refused_without_being_split(piece, end, media):
    body = (b"" if media else b"[") + piece * (4_000_000 // len(piece)) + end
    tracemalloc.start()
    try:
        with pytest.raises((Problem, msgspec.ValidationError)) as caught:
            split_body(body, media, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert problem_of(caught.value).status == 422


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("words", [1, 60_000])
def test_the_limit_counts_pieces_and_not_what_they_hold(n, words):
    body = msgspec.json.encode([{"id": f"i{k}", "attributes": {"tags": ["a,b"] * words}} for k in range(n)])
    if n == 3:
        pieces, single = split_body(body, "", 3)
        assert [msgspec.json.decode(piece)["id"] for piece in pieces] == ["i0", "i1", "i2"] and not single
    else:
        with pytest.raises(Problem, match=r"more than 3.*max_batch"):
            split_body(body, "", 3)


def test_lines_without_anything_are_no_pieces():
    body = b'\r\n {"a":1} \r\n\n \t \n{"b":"x y"}\r{"c":3}'
    pieces, single = split_body(body, LINES, 3)
    assert [msgspec.json.decode(piece) for piece in pieces] == [{"a": 1}, {"b": "x y"}, {"c": 3}]
    assert not single
    with pytest.raises(Problem, match="max_batch"):
        split_body(body, LINES, 2)
