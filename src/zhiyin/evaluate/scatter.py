"""Points against two axes, each of its own scale, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from zhiyin.evaluate.pictures import SQUARE, short, ticks
from zhiyin.evaluate.table import plain

__all__ = ["Point", "scatter"]

LEFT, TOP, HIGH = 64, 12, 320
RIGHT = 24


@dataclass(frozen=True, slots=True)
class Point:
    """One point; `note` shows under the pointer, `label` stands beside it."""

    x: float
    y: float
    style: str = "c0"
    label: str = ""
    note: str = ""


def scatter(
    points: Sequence[Point], *, title: str, across: str, up: str, line: Sequence[tuple[float, float]] = ()
) -> str:
    """Dots, and perhaps a line through other points of the same scales. Axes need not begin at 0."""
    shown = [(point.x, point.y) for point in points] + list(line)
    shown = [(x, y) for x, y in shown if math.isfinite(x) and math.isfinite(y)]
    if not shown:
        return ""
    xs, ys = _scale([x for x, _ in shown]), _scale([y for _, y in shown])
    wide = SQUARE - LEFT - RIGHT

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + wide * (x - xs[0]) / (xs[-1] - xs[0]),
            TOP + HIGH * (1 - (y - ys[0]) / (ys[-1] - ys[0])),
        )

    parts = []
    for mark in xs:
        x = at(mark, ys[0])[0]
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + HIGH}"/>')
        parts.append(
            f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{TOP + HIGH + 18}">{mark:g}</text>'
        )
    for mark in ys:
        y = at(xs[0], mark)[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" text-anchor="end" x="{LEFT - 8}" y="{y + 4:.1f}">{mark:g}</text>')
    if line:
        drawn = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in line)
        parts.append(f'<polyline class="curve c1" points="{drawn}"/>')
    for point in points:
        if math.isfinite(point.x) and math.isfinite(point.y):
            parts += _dot(point, *at(point.x, point.y))
    parts += _axes(across, up, wide)
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {SQUARE} {TOP + HIGH + 48}" style="max-width:{SQUARE + 40}px" role="img" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )


def _dot(point: Point, x: float, y: float) -> list[str]:
    note = escape(plain(point.note or point.label))
    parts = [
        f'<circle class="{point.style}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"><title>{note}</title></circle>'
    ]
    if point.label:
        beyond = x > SQUARE - 150
        parts.append(
            f'<text class="label" text-anchor="{"end" if beyond else "start"}" '
            f'x="{x - 9 if beyond else x + 9:.1f}" y="{y - 7:.1f}">{escape(short(point.label, 18))}</text>'
        )
    return parts


def _axes(across: str, up: str, wide: int) -> list[str]:
    return [
        f'<text class="axis" text-anchor="middle" x="{LEFT + wide / 2}" y="{TOP + HIGH + 40}">'
        f"{escape(across)}</text>",
        f'<text class="axis" text-anchor="middle" transform="translate(14 {TOP + HIGH / 2}) rotate(-90)">'
        f"{escape(up)}</text>",
    ]


def _scale(values: Sequence[float]) -> list[float]:
    """Round marks that hold all values; from 0 where that leaves a third of the room to them.

    >>> _scale([0.101, 0.104])
    [0.101, 0.102, 0.103, 0.104]
    """
    low, high = min(values), max(values)
    if low >= 0 and low <= 0.67 * high:
        return ticks(high or 1.0)
    step = ticks(max(high - low, abs(high) * 1e-3, 1e-9))[1]
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * mark, 12) for mark in range(first, max(last, first + 1) + 1)]
