"""Pictures as inline SVG: bars, dots and curves. Colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from zhiyin.evaluate.intervals import Interval
from zhiyin.evaluate.table import plain, width

__all__ = ["Bar", "Curve", "bars", "curves", "dots", "short", "ticks"]

NARROW, SQUARE, WIDE = 470, 720, 920
LABELS = 140
VALUES = 56


@dataclass(frozen=True, slots=True)
class Bar:
    """One labelled value; `style` names a series class of the style sheet."""

    label: str
    interval: Interval
    style: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """One labelled line through points inside the unit square."""

    label: str
    points: Sequence[tuple[float, float]]
    style: str


def bars(rows: Sequence[Bar], *, title: str, unit: str = "") -> str:
    """Horizontal bars from 0 with whiskers for the intervals."""
    top = max((_reach(row.interval) for row in rows), default=0.0) or 1.0
    marks = ticks(top)
    room, pitch = NARROW - LABELS - VALUES, 30
    bottom = pitch * len(rows) + 8

    def x(value: float) -> float:
        return LABELS + room * value / marks[-1]

    parts = [_grid(x(mark), bottom, f"{mark:g}{unit}") for mark in marks]
    for place, row in enumerate(rows):
        y = place * pitch + 20
        value = 0.0 if math.isnan(row.interval.value) else max(row.interval.value, 0.0)
        parts.append(_label(LABELS - 12, y + 4, row.label))
        parts.append(
            f'<rect class="{row.style}" x="{LABELS}" y="{y - 8}" '
            f'width="{max(x(value) - LABELS, 1):.1f}" height="16" rx="3"/>'
        )
        parts.append(_whisker(x, row.interval, y))
        end = max(x(value), x(max(_reach(row.interval), 0.0))) + 8
        parts.append(f'<text class="value" x="{end:.1f}" y="{y + 4}">{escape(row.text)}</text>')
    return _figure(title, NARROW, bottom + 26, parts)


def dots(groups: Sequence[tuple[str, Sequence[Bar]]], *, title: str) -> str:
    """Groups of dots with whiskers on one common scale: who is good where."""
    everything = [row.interval for _, rows in groups for row in rows]
    top = max((_reach(interval) for interval in everything), default=0.0) or 1.0
    marks = ticks(top)
    room, pitch = WIDE - LABELS - 24, 13

    def x(value: float) -> float:
        return LABELS + room * value / marks[-1]

    parts, y = [], 10
    for label, rows in groups:
        height = pitch * len(rows) + 18
        name, _, count = label.partition("\n")
        parts.append(f'<line class="rule" x1="0" x2="{WIDE}" y1="{y}" y2="{y}"/>')
        parts.append(_label(LABELS - 12, y + height / 2 + (0 if count else 4), name))
        parts.append(
            f'<text class="count" text-anchor="end" x="{LABELS - 12}" y="{y + height / 2 + 15:.1f}">'
            f"{escape(count)}</text>"
        )
        for place, row in enumerate(rows):
            at = y + 15 + place * pitch
            parts.append(_whisker(x, row.interval, at, row.style))
            parts.append(
                f'<circle class="{row.style}" cx="{x(max(row.interval.value, 0.0)):.1f}" cy="{at}" r="4.5">'
                f"<title>{escape(plain(row.label))}: {escape(str(row.interval))}</title></circle>"
            )
        y += height
    grid = [_grid(x(mark), y, f"{mark:g}") for mark in marks]
    return _figure(title, WIDE, y + 24, grid + parts)


def curves(lines: Sequence[Curve], *, title: str, across: str, up: str, diagonal: str) -> str:
    """Lines in the unit square, with the diagonal for comparison."""
    side, left, top = 380, 52, 10
    marks = (0.0, 0.25, 0.5, 0.75, 1.0)

    def at(x: float, y: float) -> str:
        return f"{left + side * x:.1f},{top + side * (1 - y):.1f}"

    parts = []
    for mark in marks:
        x, y = left + side * mark, top + side * (1 - mark)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{top + side}"/>')
        parts.append(f'<line class="grid" x1="{left}" x2="{left + side}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" text-anchor="middle" x="{x}" y="{top + side + 18}">{mark:g}</text>')
        parts.append(f'<text class="tick" text-anchor="end" x="{left - 8}" y="{y + 4}">{mark:g}</text>')
    parts.append(f'<polyline class="diagonal" points="{at(0, 0)} {at(1, 1)}"/>')
    for line in lines:
        points = " ".join(at(x, y) for x, y in line.points)
        parts.append(
            f'<polyline class="curve {line.style}" points="{points}">'
            f"<title>{escape(plain(line.label))}</title></polyline>"
        )
    middle = left + side / 2
    parts.append(
        f'<text class="axis" text-anchor="middle" x="{middle}" y="{top + side + 40}">{escape(across)}</text>'
    )
    parts.append(
        f'<text class="axis" text-anchor="middle" transform="translate(12 {top + side / 2}) rotate(-90)">'
        f"{escape(up)}</text>"
    )
    key = left + side + 28
    for place, (label, style) in enumerate([*((c.label, c.style) for c in lines), (diagonal, "diagonal")]):
        y = top + 14 + 24 * place
        parts.append(f'<polyline class="curve {style}" points="{key},{y} {key + 24},{y}"/>')
        parts.append(f'<text class="label" x="{key + 34}" y="{y + 4}">{escape(short(label, 26))}</text>')
    return _figure(title, SQUARE, max(top + side + 48, top + 24 * (len(lines) + 2)), parts)


def ticks(top: float, n: int = 4) -> list[float]:
    """Round numbers from 0 to at least `top`, about `n` steps.

    >>> ticks(0.113)
    [0.0, 0.05, 0.1, 0.15]
    """
    raw = top / n
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if power * f >= raw * 0.999)
    return [round(step * i, 12) for i in range(math.ceil(top / step * 0.999) + 1)]


def short(text: str, columns: int = 15) -> str:
    """Cut to so many columns, control characters taken out.

    >>> short("a very long name of a recommender", 12)
    'a very long…'
    """
    text = plain(text)
    if width(text) <= columns:
        return text
    while width(text) > columns - 1:
        text = text[:-1]
    return text + "…"


def _reach(interval: Interval) -> float:
    found = interval.value if math.isnan(interval.high) else interval.high
    return 0.0 if math.isnan(found) else found


def _label(x: float, y: float, text: str) -> str:
    full = escape(plain(text))
    return (
        f'<text class="label" text-anchor="end" x="{x}" y="{y:.1f}">'
        f"{escape(short(text))}<title>{full}</title></text>"
    )


def _grid(x: float, bottom: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{bottom}"/>'
        f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{bottom + 18}">{escape(text)}</text>'
    )


def _whisker(x, interval: Interval, y: float, style: str = "") -> str:  # type: ignore[no-untyped-def]
    if math.isnan(interval.low):
        return ""
    low, high = x(max(interval.low, 0.0)), x(max(interval.high, 0.0))
    caps = "" if style else f" M{low:.1f} {y - 4}v8 M{high:.1f} {y - 4}v8"
    return f'<path class="whisker {style}" d="M{low:.1f} {y}H{high:.1f}{caps}"/>'


def _figure(title: str, across: int, height: float, parts: Sequence[str]) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {across} {height:.0f}" style="max-width:{across + 40}px" role="img" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )
