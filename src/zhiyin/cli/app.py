"""The command line application, and the options that commands share."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["AllowImport", "Json", "N", "ProjectPath", "Seed", "app", "locale_option"]

app = typer.Typer(
    name="zhiyin",
    help="Ranks a catalogue for one person, now, and says why.",
    epilog="Start with: zhiyin demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

ProjectPath = Annotated[Path, typer.Argument(metavar="PROJECT", help="Folder of the project, e.g. shop")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout, talk on stderr only.")]
N = Annotated[int, typer.Option("-n", min=1, max=1000, help="How many.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
AllowImport = Annotated[
    list[str] | None,
    typer.Option("--allow-import", help="Module that zhiyin.toml may name classes of; repeatable."),
]


def locale_option(what: str) -> Any:
    """The option `--locale`: the language of `what`."""
    return typer.Option(help=f"Language of {what}: en or zh.", callback=_locale)


def _locale(given: str) -> str:
    """en and zh with any region; another language would silently be English."""
    if re.split("[-_]", given.lower())[0] not in ("en", "zh"):
        raise typer.BadParameter(f"expected en or zh, got {given!r}")
    return given


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"zhiyin {metadata.version('zhiyin')}")
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Ranks a catalogue for one person, now, and says why."""
