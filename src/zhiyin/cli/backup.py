"""`zhiyin backup`: copies of a served project, made while it serves."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from zhiyin.cli.app import Json, ProjectPath
from zhiyin.cli.output import Output
from zhiyin.cli.project import Project

__all__ = ["backup"]

backup = typer.Typer(no_args_is_help=True, help="Backups of a served project, made while it serves.")

Folder = Annotated[Path, typer.Argument(metavar="BACKUP", help="Folder of the backup.")]


@backup.command("create")
def create(
    project: ProjectPath,
    target: Folder,
    with_secret: Annotated[
        bool, typer.Option("--with-secret", help="With the secret that keys are checked by: keep it apart.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy the store and the artefact that serves; the service goes on meanwhile.

    Example: zhiyin backup create shop backups/monday
    """
    from zhiyin.serve.artefacts import Artefacts
    from zhiyin.serve.ground import Places
    from zhiyin.store.backup import create_backup
    from zhiyin.store.sqlite_store import SqliteStore

    out, places = Output(as_json=as_json), Places(project)
    store = SqliteStore.open(places.store) if places.store.is_file() else None
    try:
        artefacts = None if store is None else Artefacts(folder=places.artefacts, store=store)
        current = None if artefacts is None else artefacts.current()
        serving = None if current is None or artefacts is None else artefacts.path(current.version)
    finally:
        if store is not None:
            store.close()
    made = create_backup(
        project, target, at=time.time(), artefact=serving, secrets=[places.pepper] if with_secret else ()
    )
    size = sum(size for _, size in made.files.values())
    out.show(Text(f"{target}: {made.seq:,} events, {len(made.files)} files, {size / 1e6:,.1f} MB"))
    if not with_secret:
        out.note(f"without {places.pepper.name}: after a restore elsewhere the old keys are not known")
    out.result(made)


@backup.command("verify")
def verify(target: Folder, as_json: Json = False) -> None:
    """Whether every byte of a backup is as it was written."""
    from zhiyin.store.backup import verify_backup

    out, found = Output(as_json=as_json), verify_backup(target)
    when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(found.at))
    out.show(Text(f"{target} is whole: made {when}, {found.seq:,} events, {len(found.files)} files"))
    out.result(found)


@backup.command("restore")
def restore(
    target: Folder,
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="Where to: best a new folder.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Put a verified backup in place; no service may run there.

    Example: zhiyin backup restore backups/monday shop2
    """
    from zhiyin.store.backup import restore_backup

    out, found = Output(as_json=as_json), restore_backup(target, project, force=force)
    _take_secret(project)
    _let_answer(project)
    out.show(Text(f"{project}: {found.seq:,} events are back; next: zhiyin serve {project}"))
    out.result(found)


def _take_secret(project: Path) -> None:
    """Puts the secret of a backup that has it where the service looks for it."""
    from zhiyin.serve.ground import Places

    place = Places(project).pepper
    kept = project / "secrets" / place.name
    if kept.is_file():
        os.replace(kept, place)
        with suppress(OSError):  # it holds something else
            kept.parent.rmdir()


def _let_answer(project: Path) -> None:
    """Puts the artefact of a backup where its store says that it serves: questions are answered there."""
    from zhiyin.artefact import read_artefact
    from zhiyin.errors import ArtefactError
    from zhiyin.serve.artefacts import Artefacts
    from zhiyin.serve.ground import Places
    from zhiyin.store.sqlite_store import SqliteStore

    places, source = Places(project), Project(project).artefact
    store = SqliteStore.open(places.store, verify=False)
    try:
        artefacts = Artefacts(folder=places.artefacts, store=store)
        current = artefacts.current()
        if current is None or not source.is_dir() or read_artefact(source).version != current.version:
            return
        fresh, place = places.artefacts / ".copy", artefacts.path(current.version)
        for left in (fresh, place):
            shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(source, fresh)
        fresh.rename(place)
    except ArtefactError:
        return  # `zhiyin serve` says what is wrong with it, and fits another
    finally:
        store.close()
