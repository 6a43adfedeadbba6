"""What people see: tables of recommendations, traces, parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.explain.absence import Absence
    from zhiyin.types import Recommendation, Trace

__all__ = ["absence", "facts", "heading", "recommendations", "titles", "trace"]

NOTHING = {"en": "nothing to recommend", "zh": "没有可推荐的内容"}
TITLE = 52
"""Columns that a title may have."""


def heading(text: str, aside: str = "") -> Text:
    """A line that opens a part of the page."""
    return Text.assemble(("\n" + printable(text), "bold"), ("  " + printable(aside) if aside else "", "dim"))


def recommendations(
    found: Sequence[Recommendation], *, locale: str = "en", marked: Mapping[str, str] | None = None
) -> RenderableType:
    """Place, title, score and best sources on a line, the reasons below; `marked` puts a word behind ids."""
    if not found:
        return Text(NOTHING["zh" if locale.startswith("zh") else "en"], "yellow")
    names = [printable(one.title or one.item) for one in found]
    wide = min(TITLE, max(map(cell_len, names)) + 2)
    return Group(
        *(_line(one, name, wide, (marked or {}).get(one.item, "")) for one, name in zip(found, names))
    )


def absence(found: Absence) -> RenderableType:
    """The sentence, what would help, and the item's places in the sources' own orders."""
    rows = [Text(printable(found.text), "bold")]
    rows += [Text(f"  → {printable(change)}", "green") for change in found.changes]
    if found.sources:
        rows.append(Text(f"  {_sources(found.sources, n=10)}", "dim"))
    return Group(*rows)


def _line(one: Recommendation, name: str, wide: int, mark: str) -> RenderableType:
    if cell_len(name) > wide - 2:
        name = set_cell_size(name, wide - 3) + "…"
    title = Text.assemble((name, "bold"), (f" {mark}" if mark else "", "bold yellow"))
    title.pad_right(wide - title.cell_len)
    head = Text.assemble(
        (f"{one.rank:>3}  ", "dim"),
        title,
        (f"{one.score:>8.3f}", "cyan"),
        "  ",
        (_sources(one.sources), "green"),
    )
    if not one.reasons:
        return head
    why = "; ".join(printable(reason.text) for reason in one.reasons[:2])
    return Group(head, Padding(Text(why, "dim italic"), (0, 0, 0, 5)))


def _sources(sources: Mapping[str, int], n: int = 3) -> str:
    """The sources that put it highest, with their places."""
    best = sorted(sources.items(), key=lambda pair: pair[1])
    shown = ", ".join(f"{printable(name)} {place}" for name, place in best[:n])
    return f"{shown} +{len(best) - n}" if len(best) > n else shown


def titles(names: Sequence[str]) -> Text:
    """Titles as one flowing text."""
    return Text(" · ").join(Text(printable(name, 80)) for name in names)


def trace(decision: Trace) -> RenderableType:
    """Each stage with its time, what went in and what came out."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for name in ("stage", "ms", "in", "out"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    table.add_column("details", style="dim", overflow="fold")
    for stage in decision.stages:
        details = ", ".join(f"{key} {_short(value)}" for key, value in stage.details.items() if value)
        table.add_row(
            Text(stage.name), f"{stage.ms:.2f}", str(stage.n_in), str(stage.n_out), Text(printable(details))
        )
    total = sum(stage.ms for stage in decision.stages)
    end = f"{total:.2f} ms in all, artefact {decision.version or 'not saved'}"
    if decision.degraded:
        end += f", degraded: {', '.join(decision.degraded)}"
    return Group(table, Text(printable(end), style="dim"))


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}" if inner is None else f"{key}={inner}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def facts(rows: Mapping[str, object], style: str = "dim") -> Table:
    """Names and values in two columns."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style=style, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(printable(name)), Text(printable(str(value))))
    return table
