"""Cells of item and user files as they were meant: nothing known, lists written as text, prices."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import polars as pl

from zhiyin.data.clean import MISSING
from zhiyin.data.prices import as_numbers
from zhiyin.data.report import quoted

__all__ = ["NOTHING", "plain_cells"]

NOTHING = (*MISSING, "N/A", "NA", "n/a", "#N/A", "<NA>")
"""What stands in a cell about which nothing is known; ids and kinds of events know only `MISSING`."""
NEARLY_ALL = 0.95
A_LOOK = 1000
"""Cells that are looked at before a whole column is."""
LIST = r"(?s)^(\[.*\]|\{.*\}|\(\s*[ub]?['\"].*\))$"
"""Of JSON, Python and numpy, PostgreSQL, and a tuple of Python."""
NESTED = r"(?s)^.\s*[\[{]|['\"]\s*:"
PART = re.compile(r"""[ub]?"((?:[^"\\]|\\.)*)"|[ub]?'((?:[^'\\]|\\.)*)'|([^\s,"'][^,]*)""", re.DOTALL)


def plain_cells(
    frame: pl.DataFrame, columns: Sequence[str], attributes: Sequence[str], of: str = ""
) -> tuple[pl.DataFrame, list[str]]:
    """The table with its `columns` freed of markers, lists and numbers of `attributes` read; and notes on it.

    `of` stands behind a column's name in the notes: " of users.csv".
    """
    frame, notes = without_markers(frame, columns, of)
    for name in attributes:
        if frame.schema[name] != pl.String:
            continue
        lists = as_lists(frame[name])
        if lists is not None:
            frame = frame.with_columns(lists.alias(name))
            said = "are lists written as text: brackets and quotes were taken off"
            notes.append(f"the cells of {quoted(name)}{of} {said}")
            continue
        numbers, said = as_numbers(frame[name])
        if numbers is not None:
            frame = frame.with_columns(numbers.alias(name))
        notes += [f"{quoted(name)}{of} {said}"] if said else []
    return frame, notes


def without_markers(
    frame: pl.DataFrame, columns: Sequence[str], of: str = ""
) -> tuple[pl.DataFrame, list[str]]:
    """Cells, and words of lists, that only say that nothing is known become null."""
    counts: dict[str, int] = {}
    seen: set[str] = set()
    for name in dict.fromkeys(columns):
        kind = frame.schema[name]
        if kind in (pl.Categorical, pl.Enum):
            frame = frame.with_columns(pl.col(name).cast(pl.String))
        elif kind == pl.List(pl.String):
            word = pl.element()
            known = pl.when(~word.str.strip_chars().is_in(NOTHING)).then(word)
            frame = frame.with_columns(pl.col(name).list.eval(known))
            continue
        elif kind != pl.String:
            continue
        cells = frame[name].str.strip_chars()
        marked = cells.is_in(NOTHING) & (cells != "")
        if marked.any():
            counts[name] = int(marked.sum() or 0)
            seen |= set(cells.filter(marked).unique())
            known = pl.when(~marked.fill_null(False)).then(frame[name])
            frame = frame.with_columns(pl.select(known).to_series().alias(name))
    if not counts:
        return frame, []
    where = ", ".join(f"{n:,} of {quoted(name)}" for name, n in counts.items())
    return frame, [f"cells that say {', '.join(map(repr, sorted(seen)))} count as missing{of}: {where}"]


def as_lists(column: pl.Series) -> pl.Series | None:
    """Lists of words, where nearly all cells are lists written as text; None elsewhere."""
    cells = column.str.strip_chars()
    given = cells.filter(cells.is_not_null() & (cells != ""))
    for some in (given.head(A_LOOK), given):
        if not len(some) or float(some.str.contains(LIST).mean() or 0) < NEARLY_ALL:  # type: ignore[arg-type]
            return None
    if float(given.head(A_LOOK).str.contains(NESTED).mean() or 0) > 0.5:  # type: ignore[arg-type]
        return None  # objects, lists of lists
    one = given.unique()
    words = pl.Series([words_of(cell) for cell in one.to_list()], dtype=pl.List(pl.String))
    table = pl.DataFrame({"cell": one, "words": words})
    return pl.DataFrame({"cell": cells}).join(table, on="cell", how="left", maintain_order="left")["words"]


def words_of(cell: str) -> list[str]:
    """The words of one cell; one that is no list is a word.

    >>> words_of("['Action', \\"Children's\\"]"), words_of('{Comedy,"Sci-Fi, hard",NULL}'), words_of("[]")
    (['Action', "Children's"], ['Comedy', 'Sci-Fi, hard'], [])
    """
    if not re.match(LIST, cell):
        return [cell]
    words = []
    for double, single, bare in PART.findall(cell[1:-1]):
        word = bare or unescaped(double or single.replace("\\'", "'").replace('"', '\\"'))
        words.append(word.strip())
    return [word for word in words if word not in NOTHING]


def unescaped(text: str) -> str:
    """What stands between the quotes of JSON; as it is, where that is none."""
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text.replace('\\"', '"')
