"""What an import did to a file: counts that are always whole, and rows as examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import polars as pl

from zhiyin.errors import shorten

__all__ = ["Action", "Finding", "Findings", "ImportReport", "RowNote", "quoted"]

Action: TypeAlias = Literal["dropped", "mended"]
N_SHOWN = 40
"""Columns that are named in a line for people; `as_dict` names all."""


def quoted(name: str) -> str:
    """The name of a column, in quotes, as long as a line bears."""
    return shorten(repr(name), 60)


@dataclass(frozen=True, slots=True)
class RowNote:
    """One cell that was dropped or mended."""

    row: int
    column: str
    value: str

    def __str__(self) -> str:
        return f"row {self.row}, column {quoted(self.column)}: {shorten(repr(self.value))}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason, how often it held, and the first rows where it did."""

    reason: str
    action: Action
    n: int
    why: str
    rows: tuple[RowNote, ...] = ()

    def __str__(self) -> str:
        shown = [f"    {note}" for note in self.rows[:3]]
        more = [f"    … and {self.n - len(shown):,} more"] if self.n > len(shown) else []
        return "\n".join([f"{self.action} {self.n:,} × {self.reason}: {self.why}", *shown, *more])


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, what every column was taken for, what was dropped or mended and why."""

    file: str
    n_read: int
    n_kept: int
    columns: Mapping[str, str] = field(default_factory=dict)
    """role -> column of the file."""
    unused: tuple[str, ...] = ()
    """Columns that nothing was made of."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """What was guessed and what deserves a look, in sentences."""

    @property
    def n_dropped(self) -> int:
        return self.n_read - self.n_kept

    @property
    def counts(self) -> dict[str, int]:
        """reason -> rows."""
        return {finding.reason: finding.n for finding in self.findings}

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "file": self.file,
            "n_read": self.n_read,
            "n_kept": self.n_kept,
            "n_dropped": self.n_dropped,
            "columns": dict(self.columns),
            "unused": list(self.unused),
            "findings": [
                {
                    "reason": finding.reason,
                    "action": finding.action,
                    "n": finding.n,
                    "why": finding.why,
                    "rows": [{"row": r.row, "column": r.column, "value": r.value} for r in finding.rows],
                }
                for finding in self.findings
            ],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"{self.file}: {self.n_read:,} rows read, {self.n_kept:,} kept, {self.n_dropped:,} dropped"]
        if self.columns:
            pairs = [f"{shorten(role, 60)} = {quoted(column)}" for role, column in self.columns.items()]
            lines.append(f"columns: {_listed(pairs)}")
        if self.unused:
            lines.append(f"not used: {_listed([quoted(name) for name in self.unused])}")
        lines += [str(finding) for finding in self.findings]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def _listed(names: list[str]) -> str:
    more = [f"… and {len(names) - N_SHOWN:,} more"] if len(names) > N_SHOWN else []
    return ", ".join([*names[:N_SHOWN], *more])


class Findings:
    """Collects findings while a table is cleaned. The table has a column `row`."""

    def __init__(self, *, max_rows: int = 100, notes: Sequence[str] = ()) -> None:
        self.max_rows = max_rows
        self.found: dict[tuple[str, Action], Finding] = {}
        self.notes: list[str] = list(notes)

    def drop(
        self, frame: pl.DataFrame, bad: pl.Expr, reason: str, *, column: str, cell: str, why: str
    ) -> pl.DataFrame:
        """The table without the rows where `bad` holds; `cell` is the table's column, `column` the file's."""
        mask = frame.select(bad.fill_null(False).alias("bad"))["bad"]
        if not mask.any():
            return frame
        self.note(frame.filter(mask), reason, "dropped", column=column, cell=cell, why=why)
        return frame.filter(~mask)

    def as_in(self, cells: pl.DataFrame, first_row: int) -> None:
        """Shows the cells of the examples as the file has them, not as they were read."""
        for key, found in self.found.items():
            rows = tuple(
                replace(note, value=shorten(str(cells[note.column][note.row - first_row]), 200))
                if note.value and cells.schema.get(note.column, pl.Binary) != pl.Binary
                else note
                for note in found.rows
            )
            self.found[key] = replace(found, rows=rows)

    def note(
        self, rows: pl.DataFrame, reason: str, action: Action, *, column: str, cell: str | pl.Expr, why: str
    ) -> None:
        """Count all of `rows`, keep the first as examples."""
        if not len(rows):
            return
        before = self.found.get((reason, action))
        kept = before.rows if before else ()
        some = rows.head(self.max_rows - len(kept))
        cells = some.select(
            pl.col("row"), pl.col(cell).alias("cell") if isinstance(cell, str) else cell.alias("cell")
        )
        new = (
            RowNote(row, column, "" if cell is None else shorten(str(cell), 200))
            for row, cell in cells.iter_rows()
        )
        n = len(rows) + (before.n if before else 0)
        self.found[reason, action] = Finding(reason, action, n, why, (*kept, *new))
