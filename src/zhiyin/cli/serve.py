"""`zhiyin serve` and what belongs to a served project: refit, keys, artefacts, backups."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from zhiyin.cli.app import AllowImport, Json, ProjectPath, Seed
from zhiyin.cli.output import Output
from zhiyin.errors import ConfigError
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.serve.settings import ServeSettings
    from zhiyin.store.sqlite_store import SqliteStore

__all__ = ["artefacts", "keys", "refit", "run_service", "serve"]

Port = Annotated[int | None, typer.Option(help="Port; 0 takes a free one. Default 8765.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default 127.0.0.1.")]
Workers = Annotated[int | None, typer.Option(help="Processes that answer. Default 1.")]

keys = typer.Typer(no_args_is_help=True, help="Keys of a served project: make, list, revoke.")
artefacts = typer.Typer(no_args_is_help=True, help="Artefacts of a served project: list, roll back.")


def serve(
    project: ProjectPath,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    tls_cert: Annotated[str | None, typer.Option(help="PEM file of the certificate.")] = None,
    tls_key: Annotated[str | None, typer.Option(help="PEM file of its private key.")] = None,
    allow_insecure_bind: Annotated[
        bool | None, typer.Option("--allow-insecure-bind", help="Something in front speaks TLS.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help=r"Any setting of \[serve], such as --set max_n=50.")
    ] = None,
    show_settings: Annotated[bool, typer.Option("--settings", help="Show every setting, then end.")] = False,
    as_json: Json = False,
) -> None:
    """Serve a project over HTTP; the first start loads its data, fits if need be, shows an admin key once.

    Example: zhiyin serve shop --workers 2
    """
    flags = {
        "host": host, "port": port, "workers": workers, "tls_cert": tls_cert, "tls_key": tls_key,
        "allow_insecure_bind": allow_insecure_bind, **_named(setting),
    }  # fmt: skip
    from zhiyin.serve.settings import ServeSettings

    settings = ServeSettings.of_project(project, flags)
    if show_settings:
        return _show_settings(settings, as_json=as_json)
    run_service(project, settings, as_json=as_json)
    return None


def run_service(
    project: Path, settings: ServeSettings, note: Sequence[str] = (), *, as_json: bool = False
) -> None:
    """Prepares, starts, blocks until the service has ended. `note` is said below the address.

    With `as_json` stdout has one value once it serves: address, version, and the first key if one was made.
    """
    from zhiyin.serve.bootstrap import prepare
    from zhiyin.serve.ground import Places
    from zhiyin.serve.logs import configure_logs
    from zhiyin.serve.sessions import link_fragment
    from zhiyin.serve.supervisor import Supervisor

    settings.check()
    out = Output(as_json=as_json)
    log = configure_logs(level=settings.log_level, form=settings.log_format)
    made = prepare(project, now=time.time, say=lambda text: out.note(text))
    if made.first_key and not as_json:
        out.talk.print(Text.assemble(("admin key  ", "bold"), made.first_key), soft_wrap=True)
        out.note("shown this once: keep it. More keys: zhiyin keys make")
    link = link_fragment(_link(project)) if settings.console else ""
    sizes = ", ".join(f"{n:,} {name}" for name, n in made.counts.items() if name != "slates")

    def announce(address: str) -> None:
        out.talk.print(Text.assemble(("serving    ", "bold"), address), soft_wrap=True)
        version = made.version or "none yet: send items and events"
        out.note(f"{printable(str(project))}: {sizes}; artefact {version}")
        here = reachable(address)
        if link and not as_json:
            out.talk.print(Text.assemble(("console    ", "bold"), here + link), soft_wrap=True)
            out.note("this link signs in once, within a quarter of an hour; later with a key")
        for line in note:
            out.talk.print(Text(line.replace("ADDRESS", here)), soft_wrap=True)
        out.result(
            {
                "address": address,
                "version": made.version,
                "first_key": made.first_key,
                "console": here + link if link else "",
            }
        )
        sys.stdout.flush()

    code = Supervisor(
        project=project, run=Places(project).run, settings=settings, announce=announce, log=log
    ).serve()
    if code:
        sys.exit(code)


def reachable(address: str) -> str:
    """An address that a browser on this machine can open: "all addresses" is none.

    >>> reachable("http://0.0.0.0:8765"), reachable("https://[::]:1"), reachable("http://10.0.0.2:80")
    ('http://127.0.0.1:8765', 'https://[::1]:1', 'http://10.0.0.2:80')
    """
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def refit(
    project: ProjectPath,
    seed: Seed = 0,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Fit a served project anew on its log, check the result, and let it serve.

    Example: zhiyin refit shop
    """
    from zhiyin.serve.ground import Places
    from zhiyin.serve.refit import refit as fit_again

    out, places = Output(as_json=as_json), Places(project)
    store = _store(project)
    try:
        with out.stages() as progress:
            entry = fit_again(
                places, store, now=time.time, actor="command line", seed=seed,
                allow_import=allow_import or (), progress=progress,
            )  # fmt: skip
    finally:
        store.close()
    out.show(
        Text(f"artefact {entry.version} serves; the one before is kept: zhiyin artefacts rollback {project}")
    )
    out.result({"version": entry.version, "seq": entry.seq, "revision": entry.revision})


# -- keys ----------------------------------------------------------------------------------------------


@keys.command("make")
def make_key(
    project: ProjectPath,
    name: Annotated[str, typer.Option(help="Whose key it is, such as shop.")],
    scope: Annotated[list[str], typer.Option(help="read, ingest, admin, erase or widget; repeatable.")],
    days: Annotated[float | None, typer.Option(help="Until it expires.")] = None,
    as_json: Json = False,
) -> None:
    """Make a key and show its secret, once.

    Example: zhiyin keys make shop --name web --scope read --scope ingest
    """
    from zhiyin.serve.access import issue_key, read_pepper
    from zhiyin.serve.ground import Places

    out, at = Output(as_json=as_json), time.time()
    store = _store(project)
    try:
        secret, record = issue_key(
            store, read_pepper(Places(project).pepper), name=name, scopes=scope, at=at, actor="command line",
            expires_at=None if days is None else at + days * 86_400,
        )  # fmt: skip
    finally:
        store.close()
    out.note(f"{record.id}, shown this once:")
    out.show(Text(secret))
    out.result({"id": record.id, "secret": secret, "scopes": record.scopes})


@keys.command("list")
def list_keys(project: ProjectPath, as_json: Json = False) -> None:
    """List keys, without their secrets."""
    out, at = Output(as_json=as_json), time.time()
    store = _store(project)
    try:
        found = store.keys()
    finally:
        store.close()
    table = Table("id", "name", "scopes", "state", box=None, pad_edge=False)
    rows = []
    for key in found:
        expired = key.expires_at is not None and key.expires_at <= at
        state = "revoked" if key.revoked_at is not None else "expired" if expired else "valid"
        table.add_row(key.id, printable(key.name), " ".join(key.scopes), state)
        rows.append({"id": key.id, "name": key.name, "scopes": key.scopes, "state": state})
    out.show(table)
    out.result({"keys": rows})


@keys.command("revoke")
def revoke_key(
    project: ProjectPath, key_id: Annotated[str, typer.Argument(metavar="KEY_ID")], as_json: Json = False
) -> None:
    """Refuse a key from now on, in every worker within a second."""
    out = Output(as_json=as_json)
    store = _store(project)
    try:
        done = store.revoke_key(key_id, at=time.time(), actor="command line").result()
        known = [key.id for key in list(store.keys()) if key.revoked_at is None]
    finally:
        store.close()
    if not done:
        raise ConfigError(
            f"no valid key has the id {printable(key_id)!r}. There are: {', '.join(known) or 'none'}"
        )
    out.show(Text(f"{key_id} is revoked"))
    out.result({"revoked": key_id})


# -- artefacts -----------------------------------------------------------------------------------------


@artefacts.command("list")
def list_artefacts(project: ProjectPath, as_json: Json = False) -> None:
    """What serves, what served before, what was refused and why."""
    from zhiyin.serve.artefacts import Artefacts
    from zhiyin.serve.ground import Places

    out = Output(as_json=as_json)
    store = _store(project)
    try:
        found = Artefacts(folder=Places(project).artefacts, store=store).list()
    finally:
        store.close()
    table = Table("version", "state", "published", "events", "why", box=None, pad_edge=False)
    for entry in found:
        when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(entry.at))
        table.add_row(entry.version, entry.state, when, f"{entry.seq:,}", printable(entry.detail))
    out.show(table)
    out.result({"artefacts": found})


@artefacts.command("rollback")
def rollback(
    project: ProjectPath,
    to: Annotated[str, typer.Option(help="A version; without it, the one before.")] = "",
    as_json: Json = False,
) -> None:
    """Let the artefact before serve again; every worker takes it within seconds."""
    from zhiyin.serve.artefacts import Artefacts
    from zhiyin.serve.ground import Places

    out = Output(as_json=as_json)
    store = _store(project)
    try:
        back = Artefacts(folder=Places(project).artefacts, store=store).rollback(
            to=to, at=time.time(), actor="command line"
        )
    finally:
        store.close()
    out.show(Text(f"artefact {back.version} serves again"))
    out.result({"version": back.version})


# -- parts ---------------------------------------------------------------------------------------------


def _link(project: Path) -> str:
    """The secret of a one-time link into the console, for who has started the service."""
    from zhiyin.serve.access import read_pepper
    from zhiyin.serve.ground import Places
    from zhiyin.serve.sessions import make_link

    store = _store(project)
    try:
        return make_link(store, read_pepper(Places(project).pepper), at=time.time())
    finally:
        store.close()


def _store(project: Path) -> SqliteStore:
    from zhiyin.serve.access import read_pepper
    from zhiyin.serve.ground import Places
    from zhiyin.store.sqlite_store import SqliteStore

    places = Places(project)
    if not places.store.is_file():
        raise ConfigError(f"{places.store}: expected a served project. Serve it once: zhiyin serve {project}")
    return SqliteStore.open(places.store, pepper=read_pepper(places.pepper))


def _named(given: Sequence[str] | None) -> dict[str, str]:
    pairs = {}
    for word in given or ():
        name, equals, value = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"expected name=value, got {word!r}; for example max_n=50")
        pairs[name.strip()] = value.strip()
    return pairs


def _show_settings(settings: ServeSettings, *, as_json: bool) -> None:
    out = Output(as_json=as_json)
    table = Table("setting", "value", "what it is", box=None, pad_edge=False)
    for row in settings.table():
        table.add_row(row.name, Text(str(getattr(settings, row.name))), Text(row.description))
    out.show(table)
    out.result({row.name: getattr(settings, row.name) for row in settings.table()})
