"""Files of interactions, items and users into a project: import."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zhiyin.cli.app import Json, ProjectPath
from zhiyin.cli.output import Output
from zhiyin.cli.project import Project
from zhiyin.cli.show import facts
from zhiyin.cli.targets import check_folder
from zhiyin.errors import DataError
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.data.dataset import Dataset
    from zhiyin.data.importing import Imported
    from zhiyin.data.report import ImportReport
    from zhiyin.data.saved import SavedSizes

__all__ = ["Errors", "TimeUnits", "import_"]

Maps = Annotated[
    list[str] | None,
    typer.Option("--map", help="role=column, separated by commas, e.g. user=uid,item=sku; can be repeated."),
]
Encoding = Annotated[
    str | None, typer.Option(help="Of the interactions, where it is neither UTF-8 nor GB 18030: latin-1 …")
]
ItemEncoding = Annotated[str | None, typer.Option("--encoding-items", help="--encoding for --items.")]
UserEncoding = Annotated[str | None, typer.Option("--encoding-users", help="--encoding for --users.")]
Delimiter = Annotated[
    str | None, typer.Option(help="One character between the cells of the interactions, or tab.")
]
Header = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Is row 1 names? Found out, unless said.")
]
SPOKEN = (
    (r"mapping=\{'(\w+)': '<column>'\}", r"--map{of} \1=COLUMN"),
    (r"mapping=\{'(\w+)': None\}", r"--map{of} \1="),
    (r"\bmapping can name\b", "--map{of} can name"),
    (r"errors='drop'", "--errors drop"),
    (r"time_format='([^']*)'", r"--time-format '\1'"),
    (r"time_unit=", "--time-unit"),
    (r"encoding='latin-1', 'gb18030', 'euc-kr', 'cp1251'", "--encoding{of} latin-1, gb18030, euc-kr, cp1251"),
    (r"\bencoding= says", "--encoding{of} says"),
    (r"drop_bots=True", "--drop-bots"),
)
"""What the library calls an argument, and what the command line does; `{of}` is -items or -users."""
LONGEST_LINE = 20_000
"""Of a report; the names in it are cut where it is written."""


class Errors(StrEnum):
    """What a cell that cannot be read costs: the import or its row."""

    stop = "raise"
    drop = "drop"


class TimeUnits(StrEnum):
    """What one step of a time that is a number is."""

    s = "s"
    ms = "ms"
    us = "us"
    ns = "ns"


def import_(
    project: ProjectPath,
    events: Annotated[Path, typer.Argument(help="Interactions: CSV, JSON Lines or Parquet.")],
    items: Annotated[Path | None, typer.Option(help="Items with their titles and attributes.")] = None,
    users: Annotated[Path | None, typer.Option(help="Users with their attributes.")] = None,
    mapping: Maps = None,
    item_mapping: Annotated[list[str] | None, typer.Option("--map-items", help="--map for --items.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="What the rows are, where no column says it: click …")
    ] = None,
    encoding: Encoding = None,
    item_encoding: ItemEncoding = None,
    user_encoding: UserEncoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    time_unit: Annotated[
        TimeUnits | None, typer.Option(help="Of times that are numbers; found out, unless said.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="Of times that are text and not ISO 8601: '%d.%m.%Y %H:%M'.")
    ] = None,
    errors: Annotated[
        Errors, typer.Option(help="A cell that cannot be read stops the import, or drops its row.")
    ] = Errors.stop,
    drop_bots: Annotated[
        bool, typer.Option("--drop-bots", help="Drop users that are faster or busier than people.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be imported.")] = False,
    as_json: Json = False,
) -> None:
    """Read interactions (and items) into the project; says what was guessed, dropped and mended.

    What was imported before is replaced as a whole, titles and attributes too: give all files every time.

    Example: zhiyin import shop events.csv --items items.csv --map user=uid,item=sku --dry-run
    """
    from zhiyin.data.clean import Cleaning
    from zhiyin.data.importing import import_events
    from zhiyin.data.saved import sizes_of

    out, place = Output(as_json=as_json), Project(project)
    if not dry_run:
        check_folder(place.data)
    with out.stages() as progress, _spoken_errors(items, users):
        progress(f"reading {events.name}")
        found = import_events(
            events, mapping=_pairs(mapping), items=items, item_mapping=_pairs(item_mapping), users=users,
            item_encoding=item_encoding, user_encoding=user_encoding, kind=kind, encoding=encoding,
            delimiter=_one_character(delimiter), header=header, cleaning=Cleaning(drop_bots=drop_bots),
            time_unit=None if time_unit is None else time_unit.value, time_format=time_format,
            errors="drop" if errors is Errors.drop else "raise", dry_run=dry_run,
        )  # fmt: skip
        suited, old = False, sizes_of(place.data)
        if found.data is not None:
            progress(f"writing {place.data}")
            suited = _write(found.data, place)
    lost = [] if old is None else _lost(old, items, users)
    _tell(out, place, found, old, lost)
    if suited:
        out.note(f"{place.config}: nobody has changed it, so it now holds the default for this data")


def _write(data: Dataset, place: Project) -> bool:
    """Whether zhiyin.toml was suited to the data too."""
    place.path.mkdir(parents=True, exist_ok=True)
    if place.data.is_dir() and not any(place.data.iterdir()):
        place.data.rmdir()
    untouched = place.is_untouched()
    data.save(place.data)
    return untouched and place.suit(data)


def _lost(old: SavedSizes, items: Path | None, users: Path | None) -> list[str]:
    """What this import does not bring again."""
    gone = []
    if items is None and old.n_described:
        gone.append(f"without --items the titles and attributes of {old.n_described:,} items are gone")
    if users is None and old.n_known_users:
        gone.append(f"without --users the attributes of {old.n_known_users:,} users are gone")
    return gone


def _tell(out: Output, place: Project, found: Imported, old: SavedSizes | None, lost: list[str]) -> None:
    report, items_report = _spoken_report(found.report), found.items_report
    items_report = None if items_report is None else _spoken_report(items_report, "-items")
    for one in filter(None, (items_report, report)):
        out.show(*(Text(printable(line, LONGEST_LINE)) for line in str(one).splitlines()))
    if found.data is None:
        out.show(Text("\ndry run: nothing was written. The first rows would be", "dim"))
        out.show(*(facts({str(number): dict(row)}) for number, row in enumerate(found.sample, 1)))
    else:
        out.show(Text(f"\n{found.data!r} in {place.data}"), Text(f"next: zhiyin fit {place.path}", "dim"))
        if place.is_served:
            out.note(f"{place.path} is served from its store, fed over HTTP: these events stay outside")
    if old is not None:
        would = "would be replaced" if found.data is None else "replaced"
        out.note("; ".join([f"{would}: {old}", *lost]), "yellow" if lost else "dim")
    out.result(
        {
            "dry_run": found.data is None,
            "mapping": found.columns.as_dict(),
            "events": report.as_dict(),
            "items": items_report.as_dict() if items_report else None,
            "sample": found.sample,
            "replaced": None if old is None else {**asdict(old), "lost": lost},
            "data": found.data.describe() if found.data is not None else None,
        }
    )


def _spoken_report(report: ImportReport, of: str = "") -> ImportReport:
    return replace(report, notes=tuple(_spoken(note, of) for note in report.notes))


@contextmanager
def _spoken_errors(items: Path | None, users: Path | None) -> Iterator[None]:
    """Hints name options of this command, not arguments of Python."""
    try:
        yield
    except DataError as error:
        of = {str(items): "-items", str(users): "-users"}.get(str(error.file), "")
        raise DataError(
            error.expected, value=error.value, file=error.file, row=error.row, column=error.column,
            hint=_spoken(error.hint, of),
        ) from error  # fmt: skip


def _spoken(text: str, of: str = "") -> str:
    for said, typed in SPOKEN:
        text = re.sub(said, typed.replace("{of}", of), text)
    return text


def _one_character(given: str | None) -> str | None:
    if given in ("tab", "\\t"):
        return "\t"
    if given is not None and not (len(given) == 1 and given.isascii() and given not in '"\r\n'):
        raise typer.BadParameter(f"expected one character such as ; or the word tab, got {given!r}")
    return given


def _words(given: str) -> list[str]:
    """Cut at the commas before a role=; other commas belong to the name of a column.

    >>> _words("user=user, id,item=sku")
    ['user=user, id', 'item=sku']
    """
    return re.split(r",(?=[^,=]*=)", given)


def _pairs(given: Sequence[str] | None) -> dict[str, str | None] | None:
    """['user=uid,item=sku'] as a mapping; an empty column means that none plays the role."""
    if not given:
        return None
    pairs: dict[str, str | None] = {}
    for word in (word for one in given for word in _words(one)):
        role, equals, column = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"expected role=column, got {word!r}; for example user=uid")
        if role.strip() in pairs:
            raise typer.BadParameter(f"{role.strip()} is given twice: name one column for it")
        pairs[role.strip()] = column.strip() or None
    return pairs
