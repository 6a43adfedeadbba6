"""From nothing to a fitted recommender: init and fit; `importing.py` has what stands between."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.text import Text

from zhiyin.cli.app import AllowImport, Json, ProjectPath, Seed
from zhiyin.cli.output import Output, now
from zhiyin.cli.project import UNORDERED, Project
from zhiyin.cli.targets import check_file, check_folder
from zhiyin.errors import ConfigError
from zhiyin.terminal import printable

__all__ = ["fit", "init"]


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
    check_folder(place.data)
    check_file(place.config if place.config.exists() else None)
    place.data.mkdir(parents=True, exist_ok=True)
    place.config.write_text(commented_toml(Recommender.default()), encoding="utf-8")
    following = f"zhiyin import {project} events.csv --items items.csv"
    out.show(Text(f"made {place.config} (every option, with its default) and {place.data}/"))
    out.show(Text(f"next: {following}", "dim"))
    out.result(
        {"project": str(project), "config": str(place.config), "data": str(place.data), "next": following}
    )


def fit(
    project: ProjectPath,
    seed: Seed = 0,
    sequence: Annotated[
        bool,
        typer.Option("--sequence", help=r"With a network over the order of events (needs zhiyin\[train])."),
    ] = False,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Fit the recommender of zhiyin.toml on the imported data and save it as one checked artefact.

    Example: zhiyin fit shop
    """
    from zhiyin.data.order import is_ordered

    out, place = Output(as_json=as_json), Project(project)
    check_folder(place.path)
    started = time.perf_counter()
    with out.stages() as progress:
        progress("reading data")
        data = place.load_data()
        recommender = place.configured(data, allow_import or (), sequence=sequence)
        recommender.fit(data, seed=seed, progress=progress)
        progress("writing artefact")
        recommender.save(place.artefact, created_at=now())
    seconds = time.perf_counter() - started
    if recommender.ordered and not is_ordered(data):
        out.note(f"{UNORDERED}. `ordered = false` in {place.config}, with parts that know no order, suits it")
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
