"""A column of times in any usual form, as UTC seconds."""

from __future__ import annotations

from typing import Literal, TypeAlias

import polars as pl

from zhiyin.errors import DataError

__all__ = ["TimeUnit", "as_seconds"]

TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]
SCALE: dict[str, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
LIMITS = (("s", 1e11), ("ms", 1e14), ("us", 1e17))
"""Below 1e11, a number of seconds is before the year 5138; as milliseconds it would be before 1973."""
FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d%H%M%S", "%Y%m%d",
)  # fmt: skip
OFFSET = r"\s*([+-]\d{2})(?::?(\d{2}))?$"
"""+08:00, +0800, and +08 as PostgreSQL writes it."""
FRACTION = r"(:\d{2}),(\d+)"
FOUR_DIGITS = r"^\d{4}"
"""14/11/23 is no year 14: which of the three is the year has to be said."""


def as_seconds(
    column: pl.Series, *, unit: TimeUnit | None = None, form: str | None = None
) -> tuple[pl.Series, str]:
    """UTC seconds (null = missing or unreadable), and in words how the column was read.

    Numbers are taken as seconds, milliseconds, microseconds or nanoseconds by their median, unless
    `unit` says so. Text is ISO 8601 in its usual variants, with `/` or 年月日 too; `form` is a strftime
    pattern for anything else. A time without an offset is UTC.
    """
    if unit is not None and unit not in SCALE:
        raise DataError("a time unit: s, ms, us or ns", value=unit)
    if isinstance(column.dtype, (pl.Datetime, pl.Date)):
        return column.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6, "datetimes"
    if not column.dtype.is_numeric():
        text = column.cast(pl.String).str.strip_chars()
        numbers = text.cast(pl.Float64, strict=False)
        given = text.len() - text.null_count() - int((text == "").sum() or 0)
        compact = bool(given) and bool(text.drop_nulls().str.contains(r"^(19|20)\d{6}(\d{6})?$").all())
        if form or compact or (numbers.len() - numbers.null_count()) < 0.5 * given:
            return parsed(text, form), f"text as {form}" if form else "text"
        column = numbers
    column = column.cast(pl.Float64)
    unit = unit or unit_of(column)
    return column / SCALE[unit], {
        "s": "seconds",
        "ms": "milliseconds",
        "us": "microseconds",
        "ns": "nanoseconds",
    }[unit]


def unit_of(numbers: pl.Series) -> TimeUnit:
    median = numbers.abs().median()
    size = float(median) if isinstance(median, (int, float)) else 0.0
    for unit, limit in LIMITS:
        if size < limit:
            return unit  # type: ignore[return-value]  # the names of LIMITS are units
    return "ns"


def parsed(text: pl.Series, form: str | None) -> pl.Series:
    """Seconds of texts; null where no pattern fits."""
    cell = pl.col("cell")
    if form:
        when = cell.str.to_datetime(
            form, strict=False, time_unit="us", time_zone="UTC" if "%z" in form else None
        )
        return pl.DataFrame({"cell": text}).select(when.dt.epoch("us") / 1e6).to_series()
    plain = cell.str.replace_many(["T", "/", "年", "月", "日", "Z", "z"], [" ", "-", "-", "-", " ", "", ""])
    plain = plain.str.replace(r"\s*UTC$", "").str.replace(r"\s+", " ").str.strip_chars()
    plain = plain.str.replace(FRACTION, "${1}.${2}")
    clock = plain.str.contains(":")
    sign = pl.when(plain.str.extract(OFFSET, 1).str.starts_with("-")).then(-1.0).otherwise(1.0)
    hours = plain.str.extract(OFFSET, 1).cast(pl.Float64).abs()
    minutes = plain.str.extract(OFFSET, 2).cast(pl.Float64).fill_null(0.0)
    offset = pl.when(clock).then(sign * (hours * 3600 + minutes * 60))
    naive = pl.when(clock).then(plain.str.replace(OFFSET, "")).otherwise(plain)
    naive = pl.when(plain.str.contains(FOUR_DIGITS)).then(naive)
    frame = pl.DataFrame({"cell": text}).select(naive=naive, offset=offset.fill_null(0.0))
    when = pl.coalesce(pl.col("naive").str.to_datetime(f, strict=False, time_unit="us") for f in FORMATS)
    return frame.select(when.dt.epoch("us") / 1e6 - pl.col("offset")).to_series()
