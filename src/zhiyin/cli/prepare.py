"""From nothing to a fitted recommender: init, import, fit."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from zhiyin.cli.app import AllowImport, Json, ProjectPath, Seed
from zhiyin.cli.output import Output, now
from zhiyin.cli.project import Project
from zhiyin.cli.show import facts
from zhiyin.errors import ConfigError
from zhiyin.terminal import printable

__all__ = ["Errors", "fit", "import_", "init"]

Maps = Annotated[
    list[str] | None,
    typer.Option("--map", help="role=column, separated by commas, e.g. user=uid,item=sku; can be repeated."),
]


class Errors(StrEnum):
    """What a cell that cannot be read costs: the import or its row."""

    stop = "raise"
    drop = "drop"


def init(
    project: ProjectPath,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing zhiyin.toml.")] = False,
    as_json: Json = False,
) -> None:
    """Make a project: a folder with a commented zhiyin.toml and room for data.

    Example: zhiyin init shop
    """
    from zhiyin.config import commented_toml
    from zhiyin.recommender import Recommender

    out, place = Output(as_json=as_json), Project(project)
    if place.config.exists() and not force:
        raise ConfigError(f"{place.config}: expected no such file yet. Name another folder, or add --force")
    place.data.mkdir(parents=True, exist_ok=True)
    place.config.write_text(commented_toml(Recommender.default()), encoding="utf-8")
    following = f"zhiyin import {project} events.csv --items items.csv"
    out.show(Text(f"made {place.config} (every option, with its default) and {place.data}/"))
    out.show(Text(f"next: {following}", "dim"))
    out.result(
        {"project": str(project), "config": str(place.config), "data": str(place.data), "next": following}
    )


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
    errors: Annotated[
        Errors, typer.Option(help="A cell that cannot be read stops the import, or drops its row.")
    ] = Errors.stop,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be imported.")] = False,
    as_json: Json = False,
) -> None:
    """Read interactions (and items) into the project; says what was guessed, dropped and mended.

    Example: zhiyin import shop events.csv --items items.csv --map user=uid,item=sku --dry-run
    """
    from zhiyin.data.importing import import_events

    out, place = Output(as_json=as_json), Project(project)
    with out.stages() as progress:
        progress(f"reading {events.name}")
        found = import_events(
            events,
            mapping=_pairs(mapping),
            items=items,
            item_mapping=_pairs(item_mapping),
            users=users,
            kind=kind,
            errors="drop" if errors is Errors.drop else "raise",
            dry_run=dry_run,
        )
        if found.data is not None:
            progress(f"writing {place.data}")
            place.path.mkdir(parents=True, exist_ok=True)
            if place.data.is_dir() and not any(place.data.iterdir()):
                place.data.rmdir()
            found.data.save(place.data)
    for report in filter(None, (found.items_report, found.report)):
        out.show(*(Text(printable(line, 300)) for line in str(report).splitlines()))
    if dry_run:
        out.show(Text("\ndry run: nothing was written. The first rows would be", "dim"))
        out.show(*(facts({str(number): dict(row)}) for number, row in enumerate(found.sample, 1)))
    else:
        out.show(Text(f"\n{found.dataset!r} in {place.data}"), Text(f"next: zhiyin fit {project}", "dim"))
        if place.is_served:
            out.note(f"{project} is served from its store, which takes events over HTTP: these stay outside")
    out.result(
        {
            "dry_run": dry_run,
            "mapping": found.columns.as_dict(),
            "events": found.report.as_dict(),
            "items": found.items_report.as_dict() if found.items_report else None,
            "sample": found.sample,
            "data": found.data.describe() if found.data is not None else None,
        }
    )


def fit(
    project: ProjectPath,
    seed: Seed = 0,
    sequence: Annotated[
        bool,
        typer.Option("--sequence", help="With a network over the order of events (needs zhiyin[train])."),
    ] = False,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Fit the recommender of zhiyin.toml on the imported data and save it as one checked artefact.

    Example: zhiyin fit shop
    """
    out, place = Output(as_json=as_json), Project(project)
    started = time.perf_counter()
    with out.stages() as progress:
        progress("reading data")
        data = place.load_data()
        recommender = place.configured(data, allow_import or (), sequence=sequence)
        recommender.fit(data, seed=seed, progress=progress)
        progress("writing artefact")
        recommender.save(place.artefact, created_at=now())
    seconds = time.perf_counter() - started
    out.show(
        Text(f"fitted on {data!r} in {seconds:.1f} s; artefact {recommender.version_} in {place.artefact}")
    )
    following = f"zhiyin recommend {project} {printable(data.users[0])}"
    if place.is_served:
        out.note(
            f"{project} is served: it answers from its store and another artefact, which stay as they are"
        )
        following = f"zhiyin refit {project}"
    out.show(Text(f"next: {following}", "dim"))
    out.result(
        {
            "artefact": str(place.artefact),
            "version": recommender.version_,
            "seconds": seconds,
            "stages_s": progress.seconds,
            "data": data.describe(),
        }
    )


def _pairs(given: list[str] | None) -> dict[str, str | None] | None:
    """['user=uid,item=sku'] as a mapping; an empty column means that none plays the role."""
    if not given:
        return None
    pairs: dict[str, str | None] = {}
    for word in ",".join(given).split(","):
        role, equals, column = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"expected role=column, got {word!r}; for example user=uid")
        pairs[role.strip()] = column.strip() or None
    return pairs
