"""A column of a file as ids: text, exactly as the file has it, or an error that names the cell."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from zhiyin.data.tables import Table
from zhiyin.errors import DataError

__all__ = ["as_text", "id_column"]

EXACT: Mapping[pl.DataType, int] = {pl.Float32(): 24, pl.Float64(): 53}
"""From 2 to this power on a number with a point no longer holds every whole number: two ids may be one."""


def id_column(table: Table, column: str) -> pl.Series:
    """Ids of all rows as text; whole numbers that a gap made floats lose their '.0', null stays null.

    DataError for floats too large to be exact, for bytes that are no UTF-8 text, and for lists or structs.
    """
    cells = table.frame[column]
    if isinstance(cells.dtype, (pl.List, pl.Struct, pl.Array)):
        raise DataError("one id per row", value=str(cells.dtype), file=table.path, column=column)
    if not cells.dtype.is_float():
        return as_text(table, column)
    power = EXACT.get(cells.dtype, 11)  # the rest has 16 bits
    cells = cells.fill_nan(None).cast(pl.Float64)
    inexact = (cells.abs() >= 2.0**power) & cells.is_finite()
    if inexact.any():
        place = int(inexact.arg_true()[0])
        raise DataError(
            "ids that are exact", value=cells[place], file=table.path, row=place + table.first_row,
            column=column, hint=f"a number with a point (float) cannot tell ids of 2^{power} and more apart: "
            "write this column as text or as whole numbers, without gaps and points",
        )  # fmt: skip
    whole = (cells == cells.round()) & cells.is_finite()
    integers = pl.select(pl.when(whole).then(cells)).to_series().cast(pl.Int64).cast(pl.String)
    finite = pl.select(pl.when(cells.is_finite()).then(cells)).to_series().cast(pl.String)
    return pl.select(pl.coalesce(integers, finite)).to_series()


def as_text(table: Table, column: str) -> pl.Series:
    """A column as text; DataError that names the row for bytes that are no UTF-8."""
    cells = table.frame[column]
    if cells.dtype != pl.Binary:
        return cells.cast(pl.String)
    for place, cell in enumerate(cells.to_list()):
        try:
            (cell or b"").decode()
        except UnicodeDecodeError as error:
            raise DataError(
                "text", value=cell, file=table.path, row=place + table.first_row, column=column,
                hint="these bytes are no UTF-8: write the column as text",
            ) from error  # fmt: skip
    return cells.cast(pl.String)
