"""User files: words and numbers about the users of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zhiyin.data.attributes import guess_attributes
from zhiyin.data.catalogue import Categories
from zhiyin.data.cells import plain_cells
from zhiyin.data.clean import clean_ids
from zhiyin.data.columns import number, word_columns
from zhiyin.data.guess import NAMES, first_named, untyped
from zhiyin.data.id_columns import id_column
from zhiyin.data.report import Findings
from zhiyin.data.tables import read_table
from zhiyin.errors import DataError

__all__ = ["UserColumns", "read_users"]


class UserColumns(TypedDict):
    """The attributes of a data set's users, in the order of its codes."""

    user_words: dict[str, Categories]
    user_numbers: dict[str, NDArray[np.float64]]


def read_users(
    path: str | Path | None, user: pl.Series, findings: Findings, *, encoding: str | None = None
) -> UserColumns:
    """Attributes of the users of the column `user`, in order of first appearance; others are only counted.

    The column of ids is found by its name, the first column without a header. No path, no attributes.
    """
    if path is None:
        return {"user_words": {}, "user_numbers": {}}
    table = read_table(path, encoding=encoding)
    column = first_named(table.frame.columns, f"{NAMES['user']} id 编号")
    if column is None and not table.header:
        column = table.frame.columns[0]
    if column is None:
        hint = "call it 'user'"
        raise DataError("a column of users", value=table.frame.columns, file=table.path, row=1, hint=hint)
    rows = table.frame.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row") + table.first_row)
    rows = rows.with_columns(id_column(table, column).alias("user"))
    rows = clean_ids(rows, "user", column, findings).unique("user", keep="last", maintain_order=True)
    known = pl.DataFrame({"user": user.unique(maintain_order=True)})
    idle = len(rows.join(known, on="user", how="anti"))
    if idle:
        findings.notes.append(f"{idle:,} users of {table.path.name} did nothing and were left out")
    rest = [name for name in table.frame.columns if name not in {column, "user"}]
    rows, notes = plain_cells(rows, rest, rest, of=f" of {table.path.name}")
    findings.notes += notes
    found = guess_attributes(rows, rest)
    frame = known.join(rows, on="user", how="left", maintain_order="left")
    return {
        "user_words": {untyped(name): words for name, words in word_columns(frame, found.words).items()},
        "user_numbers": {untyped(name): number(frame[name]) for name in found.numbers},
    }
