"""Event files to a data set, with a report of everything that was guessed, dropped and mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.clean import FIRST_MOMENT, LONGEST_WORD, MISSING, Cleaning, clean_events
from zhiyin.data.columns import dataset_of
from zhiyin.data.dataset import Dataset
from zhiyin.data.guess import EventColumns, guess_events
from zhiyin.data.id_columns import as_text, id_column
from zhiyin.data.item_files import import_items
from zhiyin.data.prices import DECIMAL_COMMA
from zhiyin.data.report import Finding, Findings, ImportReport, quoted
from zhiyin.data.tables import Fix, Table, encoding_notes, fix_notes, read_table
from zhiyin.data.times import TimeUnit, as_seconds
from zhiyin.data.user_files import read_users
from zhiyin.data.weights import KindWeights
from zhiyin.errors import ConfigError, DataError, nearest, shorten
from zhiyin.types import KINDS

__all__ = ["Imported", "import_events"]

ID_ROLES = ("user", "item", "id", "kind")
CONTEXT_ROLES = ("session", "place", "device", "duration")
N_NAMED = 8
"""So many names that are no kinds are told."""
FAR_YEARS = 30
"""Milliseconds among seconds lie in the far future, seconds among milliseconds in January 1970."""
FEW_KNOWN = 0.5
"""Under this share of known items the report says so."""
POSITIONS_BELOW = 1e8
"""Whole numbers under this (1973 as seconds) in a column of times are places in an order."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file."""

    data: Dataset | None
    """None after a dry run."""
    report: ImportReport
    columns: EventColumns
    """The mapping that was used; `columns.as_dict()` can be given back as `mapping`."""
    sample: tuple[Mapping[str, Any], ...] = ()
    """The first clean rows, as they would be stored."""
    items_report: ImportReport | None = None

    @property
    def dataset(self) -> Dataset:
        """The data set; an error after a dry run."""
        if self.data is None:
            raise DataError("a data set", value="a dry run", hint="import again without dry_run")
        return self.data


def import_events(
    path: str | Path,
    *,
    mapping: Mapping[str, str | None] | None = None,
    items: str | Path | Catalogue | None = None,
    item_mapping: Mapping[str, str | None] | None = None,
    users: str | Path | None = None,
    item_encoding: str | None = None,
    user_encoding: str | None = None,
    kind: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    time_unit: TimeUnit | None = None,
    time_format: str | None = None,
    cleaning: Cleaning | None = None,
    errors: Literal["raise", "drop"] = "raise",
    fixes: Sequence[Fix] = (),
    weights: KindWeights | None = None,
    max_rows: int = 100,
    n_sample: int = 5,
    dry_run: bool = False,
    name: str | None = None,
) -> Imported:
    """Read, clean and encode a file of interactions; what is not given is guessed and reported.

    `mapping` says role -> column (`ROLES`, or `context.<name>`; None = no column plays it), `encoding`,
    `item_encoding` and `user_encoding` how a file is written that is neither UTF-8 nor GB 18030, `kind` what
    the rows are that do not say it. A cell that should be a number or a time and is none stops the import
    (`errors="raise"`) or costs its row, unless one of `fixes` says what it should have been. `max_rows`
    caps the example rows per reason, never the counts. A dry run does everything but build the data set.
    Rows of equal time keep the file's order.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"no kind is called {kind!r}: {nearest(kind, KINDS)}")
    table = read_table(path, delimiter=delimiter, encoding=encoding, header=header).fixed(fixes)
    columns = guess_events(table, mapping)
    findings = Findings(max_rows=max_rows, notes=fix_notes(fixes))
    frame, roles = typed(table, columns, findings, errors, time_unit, time_format)
    frame = clean_events(frame, roles, kind or columns.kind, cleaning or Cleaning(), findings)
    check_rows(frame, table, findings)
    findings.as_in(table.frame, table.first_row)
    if "order" in frame.columns:
        frame = frame.sort("order", maintain_order=True)
    catalogue, items_report = items_of(items, item_mapping, item_encoding)
    findings.notes += strangers(frame["item"], catalogue, items)
    about = read_users(users, frame["user"], findings, encoding=user_encoding)
    context = [role for role in CONTEXT_ROLES if role in frame.columns]
    data = None
    if not dry_run:
        data = dataset_of(
            frame,
            catalogue,
            context=[*context, *columns.context],
            weights=weights,
            name=name or table.path.stem,
            **about,
        )
    sample = tuple(frame.drop("row").head(n_sample).to_dicts())
    return Imported(data, report_of(table, columns, len(frame), findings), columns, sample, items_report)


def check_rows(frame: pl.DataFrame, table: Table, findings: Findings) -> None:
    if not len(frame):
        hint = "; ".join(map(brief, findings.found.values())) or "the file has no rows"
        raise DataError("at least one row that can be used", file=table.path, hint=hint)


def brief(finding: Finding) -> str:
    """How many rows went, why, and which values they had where those are the matter."""
    said = f"{finding.n:,} × {finding.reason}"
    if finding.reason != "unknown kind":
        return said
    names = list(dict.fromkeys(note.value for note in finding.rows))
    listed = ", ".join(repr(shorten(name, 40)) for name in names[:N_NAMED]) + (
        " …" if len(names) > N_NAMED else ""
    )
    return f"{said}: {listed}. There are: {', '.join(KINDS)}; mapping={{'kind': None}} takes all rows alike"


def report_of(table: Table, columns: EventColumns, n_kept: int, findings: Findings) -> ImportReport:
    """Everything that was guessed, dropped and mended."""
    return ImportReport(
        file=str(table.path),
        n_read=len(table.frame),
        n_kept=n_kept,
        columns=columns.as_dict(),
        unused=unused(table, columns),
        findings=tuple(findings.found.values()),
        notes=(*file_notes(table), *columns.notes, *findings.notes),
    )


def typed(
    table: Table,
    columns: EventColumns,
    findings: Findings,
    errors: Literal["raise", "drop"],
    time_unit: TimeUnit | None,
    time_format: str | None,
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Columns under their roles and in their types, with `row`; and which column of the file each is."""
    roles = dict(columns.roles)
    raw = table.frame
    for name, column in (*roles.items(), *columns.context.items()):
        if isinstance(raw.schema[column], (pl.List, pl.Struct, pl.Array)):
            raise DataError(
                f"one {name} per row", value=str(raw.schema[column]), file=table.path, column=column
            )
        if raw.schema[column] == pl.Binary:
            raw = raw.with_columns(as_text(table, column).alias(column))
    frame = raw.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row") + table.first_row).with_columns(
        [
            id_column(table, roles[role]).alias(role)
            for role in ("user", "item", "id", "kind")
            if role in roles
        ]
        + [as_word(table, roles[role]).alias(role) for role in CONTEXT_ROLES if role in roles]
        + [as_word(table, column).alias(name) for name, column in columns.context.items()]
    )
    for role in ("value", "order"):
        if role in roles:
            frame = with_number(frame, raw[roles[role]], role, roles[role], table, findings, errors)
    if "at" in roles:
        cells = raw.select(pl.col(roles["at"]).gather(frame["row"] - table.first_row)).to_series()
        frame = with_time(frame, cells, roles, table, findings, errors, time_unit, time_format)
    return frame, roles


def as_word(table: Table, column: str) -> pl.Series:
    return as_text(table, column).str.strip_chars().str.slice(0, LONGEST_WORD)


def with_number(
    frame: pl.DataFrame,
    raw: pl.Series,
    role: str,
    column: str,
    table: Table,
    findings: Findings,
    errors: Literal["raise", "drop"],
) -> pl.DataFrame:
    """The table with `role` as a number; a cell that is none stops the import or costs its row."""
    raw = raw.gather(frame["row"] - table.first_row)
    text = raw.cast(pl.String).str.strip_chars()
    numbers = (
        text.cast(pl.Float64, strict=False) if raw.dtype == pl.String else raw.cast(pl.Float64, strict=False)
    )
    bad = numbers.is_null() & text.is_not_null() & ~text.is_in([m for m in MISSING if m.lower() != "nan"])
    hint = "mapping can name another column, errors='drop' drops such rows"
    if text.filter(bad).head(1).str.contains(DECIMAL_COMMA).any():
        hint = f"the comma is a decimal one? Events are read with a point, as in 2.5; {hint}"
    frame = frame.with_columns(numbers.alias(role), text.alias("cell"))
    return without_unreadable(frame, bad, role, column, "a number", hint, table, findings, errors)


def with_time(
    frame: pl.DataFrame,
    raw: pl.Series,
    roles: dict[str, str],
    table: Table,
    findings: Findings,
    errors: Literal["raise", "drop"],
    unit: TimeUnit | None,
    form: str | None,
) -> pl.DataFrame:
    """The table with `at` in UTC seconds, or with `order` where the "times" are places in an order."""
    column = roles["at"]
    seconds, read_as = as_seconds(raw, unit=unit, form=form)
    if unit is None and "order" not in roles and read_as == "seconds" and positions(seconds):
        roles["order"] = roles.pop("at")
        findings.notes.append(
            f"{quoted(column)} holds positions, not times: it was used as the order (time_unit= decides)"
        )
        return frame.with_columns(seconds.alias("order"))
    findings.notes.append(f"times of {quoted(column)} were read as {read_as}, without an offset as UTC")
    findings.notes += far_off(seconds, raw, frame["row"])
    text = raw.cast(pl.String).str.strip_chars()
    bad = seconds.is_null() & text.is_not_null() & ~text.is_in(MISSING)
    hint = "ISO 8601 or a number; time_format='%d.%m.%Y' reads another form, errors='drop' drops such rows"
    frame = frame.with_columns(seconds.alias("at"), text.alias("cell"))
    expected = f"a time written as {form}" if form else "a time"
    return without_unreadable(frame, bad, "at", column, expected, hint, table, findings, errors)


def far_off(seconds: pl.Series, raw: pl.Series, row: pl.Series) -> list[str]:
    """A note on times a generation from the middle one: milliseconds among seconds, or a broken clock."""
    middle = seconds.median()
    if not isinstance(middle, (int, float)):
        return []
    far = ((seconds - middle).abs() > FAR_YEARS * 365.25 * 86_400) & (seconds >= FIRST_MOMENT)
    far = far.fill_null(False)
    n = int(far.sum())
    if not n:
        return []
    first = int(far.arg_true()[0])
    shown = shorten(repr(raw[first]), 40)
    return [
        f"{n:,} times lie more than {FAR_YEARS} years from the middle one (row {row[first]}: {shown}): "
        "is another unit or a clock that was never set among them?"
    ]


def without_unreadable(
    frame: pl.DataFrame,
    bad: pl.Series,
    role: str,
    column: str,
    expected: str,
    hint: str,
    table: Table,
    findings: Findings,
    errors: Literal["raise", "drop"],
) -> pl.DataFrame:
    if errors == "raise" and bad.any():
        first = frame.filter(bad).row(0, named=True)
        raise DataError(
            expected, value=first["cell"], file=table.path, row=first["row"], column=column, hint=hint
        )
    frame = findings.drop(
        frame.with_columns(bad.alias("bad")),
        pl.col("bad"),
        f"unreadable {role}",
        column=column,
        cell="cell",
        why=f"expected {expected}",
    )
    return frame.drop("bad", "cell")


def positions(seconds: pl.Series) -> bool:
    numbers = seconds.drop_nulls()
    return bool(len(numbers)) and bool(
        (numbers.is_between(0, POSITIONS_BELOW) & (numbers == numbers.round())).all()
    )


def items_of(
    items: str | Path | Catalogue | None, mapping: Mapping[str, str | None] | None, encoding: str | None
) -> tuple[Catalogue | None, ImportReport | None]:
    if items is None or isinstance(items, Catalogue):
        return items, None
    imported = import_items(items, mapping=mapping, encoding=encoding)
    return imported.items, imported.report


def strangers(item: pl.Series, catalogue: Catalogue | None, items: object) -> list[str]:
    """A note where few items of the events are in the catalogue: their ids may be written in two ways."""
    if catalogue is None or not len(catalogue):
        return []
    here = item.unique(maintain_order=True)
    known = here.is_in(pl.Series(list(catalogue.ids), dtype=pl.String).implode())
    n = int(known.sum() or 0)
    if n >= FEW_KNOWN * len(here):
        return []
    where = "the catalogue" if isinstance(items, Catalogue) else Path(str(items)).name
    ids = f"{shorten(repr(here.filter(~known)[0]), 40)} here, {shorten(repr(catalogue.ids[0]), 40)} there"
    few = f"only {n:,} of the" if n else "none of the"
    return [
        f"{few} {len(here):,} items of the events are in {where}, the others have no title and "
        f"no attribute: are the ids written alike ({ids})?"
    ]


def unused(table: Table, columns: EventColumns) -> tuple[str, ...]:
    used = {*columns.roles.values(), *columns.context.values()}
    return tuple(name for name in table.frame.columns if name not in used)


def file_notes(table: Table) -> list[str]:
    notes = encoding_notes(table)
    return notes if table.delimiter in {"", ","} else [*notes, f"the delimiter is {table.delimiter!r}"]
