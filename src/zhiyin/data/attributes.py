"""What the columns of an item or user file are: numbers, words, several words in one cell, or prose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

__all__ = ["Attributes", "guess_attributes"]

STRONG = ("|", ";", "；")
"""Separators that hardly stand for anything else."""
WEAK = (",", "，", "、", "/")
PROSE = 80
"""Columns with more characters than this in the mean are prose, not words."""
LONGEST = 60
UNSPOKEN = (pl.List, pl.Struct, pl.Array, pl.Binary, pl.Duration, pl.Object)
"""Types that are neither words nor numbers; a list of words is."""
NOT_NUMBERS = 0.01
"""A column of numbers may have this share of other cells ("unknown", "V"); they become missing."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """Columns by what they hold."""

    words: dict[str, str | None] = field(default_factory=dict)
    """Column -> the separator of its words, None where a cell is one word (or a list)."""
    numbers: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    """Long texts, the longest first."""
    mixed: dict[str, int] = field(default_factory=dict)
    """Number columns with some cells that are none, and how many."""
    useless: list[str] = field(default_factory=list)
    """Addresses, nested or empty columns."""


def guess_attributes(frame: pl.DataFrame, columns: Sequence[str]) -> Attributes:
    """Sort columns by their contents; the file's order stays within each sort."""
    found = Attributes()
    lengths: dict[str, float] = {}
    for name in columns:
        column = frame[name]
        if isinstance(column.dtype, UNSPOKEN) and not isinstance(column.dtype, pl.List):
            found.useless.append(name)
        elif isinstance(column.dtype, pl.List):
            nested = isinstance(column.dtype.inner, UNSPOKEN)
            found.useless.append(name) if nested else found.words.__setitem__(name, None)
        elif column.dtype.is_numeric():
            found.numbers.append(name)
        else:
            sort_text(name, column.cast(pl.String).str.strip_chars(), found, lengths)
    found.prose.sort(key=lambda name: -lengths[name])
    return found


def sort_text(name: str, column: pl.Series, found: Attributes, lengths: dict[str, float]) -> None:
    given = column.filter(column.is_not_null() & (column != ""))
    if not len(given) or given.str.contains("^https?://").mean() > 0.5:  # type: ignore[operator]
        found.useless.append(name)
        return
    lengths[name] = float(given.str.len_chars().mean() or 0)  # type: ignore[arg-type]
    separator = guess_separator(given)
    wrong = given.cast(pl.Float64, strict=False).null_count()
    if wrong <= NOT_NUMBERS * len(given):
        found.numbers.append(name)
        if wrong:
            found.mixed[name] = wrong
    elif separator is None and lengths[name] > PROSE:
        found.prose.append(name)
    else:
        found.words[name] = separator


def guess_separator(cells: pl.Series) -> str | None:
    """The separator of several words in one cell, or None; in doubt a cell is one word.

    `|` and `;` need to be there. `,` and `/` need short parts that come again or are three and more. A
    space separates only where most parts of the cells also stand alone in a cell: "Science Fiction" is
    one word, "Comedy Drama" beside "Comedy" and "Drama" is two.

    >>> guess_separator(pl.Series(["Comedy Drama", "Comedy", "Drama"]))
    ' '
    >>> guess_separator(pl.Series(["Science Fiction", "Romance", "Smith, John"]))
    """
    cells = cells.sample(10_000, seed=0) if len(cells) > 10_000 else cells
    for separator in (*STRONG, *WEAK, " "):
        split = cells.str.contains(separator, literal=True)
        share = float(split.mean() or 0)  # type: ignore[arg-type]
        if share < (0.05 if separator in STRONG else 0.2):
            continue
        rows = cells.filter(split).str.split(separator)
        parts = rows.list.explode(empty_as_null=False, keep_nulls=False).str.strip_chars()
        parts = parts.filter(parts != "")
        if not len(parts) or (parts.str.len_chars() > LONGEST).any():
            continue
        if separator == " ":
            alone = cells.filter(~split).unique()
            fits = float(parts.is_in(alone.implode()).mean() or 0) >= 0.6  # type: ignore[arg-type]
        else:
            fits = separator in STRONG or len(parts) >= min(1.5 * parts.n_unique(), 3 * len(rows))
        if fits:
            return separator
    return None
