"""Two days of the log side by side: what was shown, what followed, and which items moved."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.catalogue import read_aside
from zhiyin.serve.exposure import SHOWN
from zhiyin.serve.insight_messages import DaySide, DaysShown, ExposureDay, ItemMoved
from zhiyin.serve.judging import wilson
from zhiyin.serve.problems import Problem
from zhiyin.serve.serving import Serving
from zhiyin.store.records import EVENT_KINDS

__all__ = ["compare_days"]

EPOCH = date(1970, 1, 1)
MOST_DAYS = 366
MOVED = 25
TOP = 10
"""Items whose share of what was shown says how much is shown to few."""


async def compare_days(call: Call) -> Response:
    """Without days: only which there are."""
    serving = call.ground.live.serving
    if serving is None:
        raise Problem("not_ready", "no artefact serves yet", retry_after_s=5)
    asked = {name: _day(call, name) for name in ("a", "b")}
    if (asked["a"] is None) != (asked["b"] is None):
        missing = "a" if asked["a"] is None else "b"
        raise Problem("invalid_value", "expected two days, such as 2026-11-25, or none", path=missing)

    def read() -> DaysShown:
        return _compared(call.ground.exposures.columns(), serving, asked["a"], asked["b"])

    return json_answer(await read_aside(call, read))


def _day(call: Call, name: str) -> int | None:
    """Days since 1970."""
    text = call.text(name, 10)
    if not text:
        return None
    try:
        found = (date.fromisoformat(text) - EPOCH).days
    except ValueError:
        found = -1
    if not 0 < found < 65_535:
        raise Problem("invalid_value", f"expected a day such as 2026-11-25, got {text!r}", path=name)
    return found


def _compared(columns: NDArray[np.void], serving: Serving, a: int | None, b: int | None) -> DaysShown:
    days = _days(columns)
    if a is None or b is None:
        return DaysShown(
            events=len(columns), days=days, a=None, b=None, difference=None, low=None, high=None, moved=[]
        )
    both = [columns[columns["day"] == day] for day in (a, b)]
    sides = [_side(rows, day) for rows, day in zip(both, (a, b))]
    difference, low, high = newcombe(*sides)
    return DaysShown(
        events=len(columns), days=days, a=sides[0], b=sides[1], difference=difference, low=low, high=high,
        moved=_moved(both[0], both[1], serving),
    )  # fmt: skip


def _days(columns: NDArray[np.void]) -> list[ExposureDay]:
    """Every day with an event, the newest first."""
    days, place = np.unique(columns["day"][columns["day"] > 0], return_inverse=True)
    rows = columns[columns["day"] > 0]
    shown = rows["kind"] == SHOWN
    counts = [
        np.bincount(place[which], minlength=len(days))
        for which in (shown, rows["attributed"] & ~shown, ~shown)
    ]
    return [
        ExposureDay(day=_iso(int(days[at])), shown=int(counts[0][at]), followed=int(counts[1][at]),
                    chosen=int(counts[2][at]))
        for at in range(len(days) - 1, max(-1, len(days) - 1 - MOST_DAYS), -1)
    ]  # fmt: skip


def _side(rows: NDArray[np.void], day: int) -> DaySide:
    shown = rows["kind"] == SHOWN
    n_shown, n_followed = int(shown.sum()), int((rows["attributed"] & ~shown).sum())
    counted = min(n_followed, n_shown)  # at most one for each impression
    low, high = wilson(counted, n_shown)
    per_item = np.unique(rows["item"][shown & (rows["item"] > 0)], return_counts=True)[1]
    top = np.sort(per_item)[::-1][:TOP].sum()
    kinds, counts = np.unique(rows["kind"], return_counts=True)
    return DaySide(
        day=_iso(day),
        kinds={EVENT_KINDS[kind]: int(n) for kind, n in zip(kinds.tolist(), counts)},
        shown=n_shown,
        followed=n_followed,
        rate=round(counted / n_shown, 4) if n_shown else None,
        low=low,
        high=high,
        items_shown=len(per_item),
        top_share=round(float(top / n_shown), 4) if n_shown else None,
    )


def newcombe(a: DaySide, b: DaySide) -> tuple[float | None, float | None, float | None]:
    """b - a of two shares with its 95 % interval (Newcombe 1998, method 10)."""
    if a.rate is None or b.rate is None:
        return None, None, None
    difference = b.rate - a.rate
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return round(difference, 4), None, None
    down = math.hypot(b.rate - b.low, a.high - a.rate)
    up = math.hypot(b.high - b.rate, a.rate - a.low)
    return round(difference, 4), round(difference - down, 4), round(difference + up, 4)


def _moved(a: NDArray[np.void], b: NDArray[np.void], serving: Serving) -> list[ItemMoved]:
    """The items whose share of the day's choices has changed most."""
    chosen = [rows["item"][(rows["kind"] != SHOWN) & (rows["item"] > 0)] for rows in (a, b)]
    keys = np.unique(np.concatenate(chosen))
    if not len(keys):
        return []
    counts = [np.bincount(np.searchsorted(keys, one), minlength=len(keys)) for one in chosen]
    shares = [count / max(1, count.sum()) for count in counts]
    ranks = [np.where(count > 0, len(keys) - np.searchsorted(np.sort(count), count, "right") + 1, 0)
             for count in counts]  # fmt: skip
    codes = serving.codes(keys.astype(np.int64))
    items = serving.recommender.items_
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")
    return [
        ItemMoved(
            id=items.ids[code], title=items.titles[code], chosen_a=int(counts[0][at]),
            chosen_b=int(counts[1][at]), rank_a=int(ranks[0][at]), rank_b=int(ranks[1][at]),
        )
        for at in order[: 4 * MOVED].tolist()
        if items is not None and (code := int(codes[at])) >= 0
    ][:MOVED]  # fmt: skip


def _iso(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
