"""Better settings: tune."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from zhiyin.cli.app import AllowImport, Json, ProjectPath, Seed, locale_option
from zhiyin.cli.output import Output
from zhiyin.cli.project import Project
from zhiyin.cli.show import facts
from zhiyin.cli.targets import check_file

__all__ = ["tune"]


def tune(
    project: ProjectPath,
    minutes: Annotated[float, typer.Option(min=0, help="How long to search; the check comes on top.")] = 10,
    metric: Annotated[str, typer.Option(help="What to raise, such as recall@20; default ndcg@10.")] = "",
    only: Annotated[
        list[str] | None, typer.Option(help="Options to search, such as 'ranker.*'; repeatable.")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Options to leave alone; repeatable.")] = None,
    max_trials: Annotated[int, typer.Option(min=0, help="Stop at so many trials; 0 = by time.")] = 0,
    study: Annotated[
        Path | None, typer.Option(help="File of the search; default PROJECT/tune.journal. Goes on if there.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="The report; default PROJECT/tune.html.")] = None,
    locale: Annotated[str, locale_option("the report")] = "en",
    seed: Seed = 0,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Search for better settings on the validation events, and write them beside the present ones.

    Example: zhiyin tune shop --minutes 30 --only 'ranker.*'
    """
    from zhiyin.evaluate.tune import tune as search
    from zhiyin.evaluate.tune_report import tune_report

    out, place = Output(as_json=as_json), Project(project)
    page, settings = html or place.path / "tune.html", place.path / "zhiyin.tuned.toml"
    journal = study or place.path / "tune.journal"
    check_file(page, settings, journal)
    with out.stages() as progress:
        progress("reading data")
        data = place.load_data()
        found = search(
            place.configured(data, allow_import or ()), data, minutes=minutes, study=journal, metric=metric,
            only=only or (), skip=skip or (), max_trials=max_trials, seed=seed, progress=progress,
        )  # fmt: skip
    page.write_text(tune_report(found, locale=locale), encoding="utf-8")
    settings.write_text(found.settings, encoding="utf-8")
    out.show(_changes(found.changed))
    check = found.check
    out.show(
        facts({
            "trials": f"{len(found.trials)}, {found.n_failed} failed",
            "best": f"{found.metric} {found.best.metric}; present {found.trials[0].metric}",
            "check": check or "nothing has changed",
            "report": page,
            "settings": settings,
        })
    )  # fmt: skip
    if check is not None and not found.is_better:
        out.note("not shown to be better than what you have: search longer, or keep it")
    elif check is not None:
        out.note(f"to take it over: cp {settings} {place.config}, then zhiyin fit {project}")
    out.result({**found.as_dict(), "report": page, "file": settings})


def _changes(changed: dict[str, tuple[float | int | str | bool, float | int | str | bool]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("option", "present", "best"):
        table.add_column(name, no_wrap=True)
    for path, (before, after) in changed.items():
        table.add_row(
            path, *(f"{one:.4g}" if isinstance(one, float) else str(one) for one in (before, after))
        )
    return table
