"""Blind judging of a comparison: pairs of lists side by side, which is whose only the server knows."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import math
from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from zhiyin.errors import shorten
from zhiyin.prepared import prepared
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.insight_messages import Judged, Judgement, Pair, Tally
from zhiyin.serve.problems import Problem

__all__ = ["Vote", "judge", "next_pair", "tally_of"]

T = TypeVar("T")
FILE = "judgements.jsonl"
MOST_VOTES = 20_000


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement, in terms of the artefacts."""

    judge: str
    number: int
    choice: str
    """a | b | same | undo"""
    at: float


async def next_pair(call: Call) -> Response:
    """The first pair that this judge has not judged."""
    judge_name = call.text("judge", 64) or call.actor
    return json_answer(await _read(call, partial(_judged, call, judge_name)))


async def judge(call: Call) -> Response:
    """Keeps a judgement; `undo` takes back the one on that pair."""
    given = call.take(Judgement)
    return json_answer(await _read(call, partial(_vote, call, given)))


def _vote(call: Call, given: Judgement) -> Judged:
    folder, lists = _comparison(call)
    if given.number >= len(lists):
        raise Problem("invalid_value", f"there are {len(lists)} pairs", path="$.number")
    name = given.judge or call.actor
    turned = _turned(folder.name, given.number)
    choice: str = given.choice
    if choice in ("left", "right"):
        choice = "b" if (choice == "left") == turned else "a"
    vote = Vote(judge=name, number=given.number, choice=choice, at=call.ground.now())
    file = folder / FILE
    with file.open("ab") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        if out.tell() > 200 * MOST_VOTES:
            raise Problem("conflict", "too many judgements of one comparison", path="$")
        out.write(msgspec.json.encode(vote) + b"\n")
    return _judged(call, name)


def _judged(call: Call, name: str) -> Judged:
    folder, lists = _comparison(call)
    votes = votes_of(folder)
    done = {vote.number for vote in votes if vote.judge == name}
    left = [number for number in range(len(lists)) if number not in done]
    pair = None
    if left:
        one, number = lists[left[0]], left[0]
        a, b = ([line["title"] for line in one[side]] for side in ("a", "b"))
        first, second = (b, a) if _turned(folder.name, number) else (a, b)
        pair = Pair(
            number=number, history=[line["title"] for line in one["history"]], left=first, right=second
        )
    return Judged(
        pair=pair, done=len(done), of=len(lists), tally=None if pair is not None else tally_of(votes)
    )


def _comparison(call: Call) -> tuple[Path, list[dict[str, Any]]]:
    """The folder of a comparison that is done, and the pairs whose lists differ."""
    name = call.path("job")
    job, folder = call.ground.jobs.get(name), call.ground.jobs.path(name)
    found = call.ground.jobs.result(name)
    if job is None or folder is None or found is None or job.kind != "compare":
        raise Problem("not_found", f"no comparison that is done has the id {shorten(repr(name))}", path="job")
    lists = msgspec.json.decode(found)["lists"]
    return folder, [one for one in lists if one["a"] != one["b"]]


def _turned(job: str, number: int) -> bool:
    """Whether the second artefact stands on the left: by a hash, so that it is the same at every look."""
    return bool(hashlib.blake2b(f"{job}:{number}".encode(), digest_size=1).digest()[0] & 1)


def votes_of(folder: Path) -> list[Vote]:
    """The last word of each judge on each pair."""
    file, last = folder / FILE, {}
    if file.is_file():
        for line in file.read_bytes().splitlines():
            vote = msgspec.json.decode(line, type=prepared(Vote))
            last[vote.judge, vote.number] = vote
    return [vote for vote in last.values() if vote.choice != "undo"]


def tally_of(votes: list[Vote]) -> Tally:
    """Counts, the share of B with Wilson's interval, and how far judges agree."""
    a, b = (sum(vote.choice == side for vote in votes) for side in "ab")
    by_pair: dict[int, list[str]] = {}
    for vote in votes:
        by_pair.setdefault(vote.number, []).append(vote.choice)
    twice = [choices for choices in by_pair.values() if len(choices) > 1]
    equal = [x == y for choices in twice for x, y in combinations(choices, 2)]
    low, high = wilson(b, a + b)
    return Tally(
        a=a, b=b, same=len(votes) - a - b, share_b=round(b / (a + b), 4) if a + b else None, low=low,
        high=high, judges=len({vote.judge for vote in votes}), twice=len(twice),
        agreement=round(sum(equal) / len(equal), 4) if equal else None,
    )  # fmt: skip


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float | None, float | None]:
    """95 % interval of a share."""
    if not n:
        return None, None
    share, square = hits / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return round(middle - half, 4), round(middle + half, 4)


async def _read(call: Call, fn: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.ground.readers, fn)
