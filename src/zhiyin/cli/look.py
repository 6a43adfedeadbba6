"""What there is, and whether it works: components, doctor."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from zhiyin.cli.app import Json
from zhiyin.cli.output import Output
from zhiyin.cli.show import facts, heading
from zhiyin.errors import ConfigError, nearest

if TYPE_CHECKING:
    from zhiyin.components import Option

__all__ = ["components", "doctor"]

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


def components(
    name: Annotated[str | None, typer.Argument(help="Only this type or role: ease, retriever.")] = None,
    as_json: Json = False,
) -> None:
    """Every part that zhiyin.toml can name, with its options and their defaults.

    Example: zhiyin components ease
    """
    from zhiyin.components import components as all_components

    out, found = Output(as_json=as_json), all_components()
    if name is not None:
        names = {part.name for part in found} | {part.role.lower() for part in found}
        if name not in names:
            raise ConfigError(f"there is no part {name!r}: {nearest(name, names)}")
        found = [part for part in found if name in (part.name, part.role.lower())]
    role = ""
    for part in found:
        if part.role != role:
            role = part.role
            out.show(heading(role.lower(), f"zhiyin.{part.room}"))
        out.show(Padding(facts({f"{part.name:<14}": part.doc}, "bold green"), (0, 0, 0, 2)))
        options = {option.name: _described(option) for option in part.options}
        if name is not None and options:
            out.show(Padding(facts(options), (0, 0, 0, 6)))
    if name is None:
        out.show(Text("\noptions of one: zhiyin components NAME", "dim"))
    out.result(
        [
            {
                "room": part.room,
                "role": part.role.lower(),
                "type": part.name,
                "doc": part.doc,
                "options": [
                    {
                        "name": option.name,
                        "required": option.required,
                        "default": None if option.required else option.default,
                        "takes": option.role.lower() or "value",
                        "doc": option.doc,
                    }
                    for option in part.options
                    if option.shape != "wiring"
                ],
            }
            for part in found
        ]
    )


def doctor(
    project: Annotated[Path | None, typer.Argument(metavar="[PROJECT]", help="Check a project too.")] = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Accept pages of the store that a database tool has written.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check this machine: versions, the encoder, the cache, disk, cores; each finding with the way out.

    Example: zhiyin doctor shop
    """
    from zhiyin.cli.checks import checks

    out = Output(as_json=as_json)
    if mend:
        from zhiyin.store.mend import mend_store

        if project is None:
            raise ConfigError("--mend needs the project: zhiyin doctor shop --mend")
        out.note(f"{mend_store(project / 'store.db')} pages were accepted")
    findings = []
    for check in checks(project):
        started = time.perf_counter()
        finding = check()
        findings.append(finding)
        mark, style = MARKS[finding.status]
        spent = time.perf_counter() - started
        said = Text.assemble(finding.said, (f"  {spent:.1f} s" if spent > 0.5 else "", "dim"))
        if finding.way_out:
            said.append(f"\n{finding.way_out}", style="yellow")
        line = Table.grid("", "", Column(overflow="fold"), padding=(0, 1))
        line.add_row(Text(mark, style), Text(f"{finding.name:<12}", "bold", no_wrap=True), said)
        out.show(line)
    failed = any(finding.status == "fail" for finding in findings)
    out.result({"ok": not failed, "findings": findings})
    if failed:
        raise typer.Exit(1)


def _described(option: Option) -> str:
    default = "not set" if option.default is None else repr(option.default)
    shown = "must be given" if option.required else default
    return f"{shown}; {option.doc}" if option.doc else shown
