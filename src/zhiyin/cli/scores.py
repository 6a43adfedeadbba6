"""An evaluation as tables that fit the terminal, the protocol under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from zhiyin.cli.show import facts
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.evaluate import Evaluation, Row

__all__ = ["Scores"]

CELL = 16
"""Columns that one metric with its interval needs."""
TIMES = {"fit s": "fit_s", "ms p50": "p50_ms"}
TIME_CELL = 9


class Scores:
    """Rows are recommenders, columns metrics, in as many blocks as the width asks for."""

    def __init__(self, evaluation: Evaluation, metrics: Sequence[str] = ()) -> None:
        self.evaluation = evaluation
        self.metrics = list(metrics)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from zhiyin.evaluate.table import shown_metrics

        metrics = self.metrics or shown_metrics(self.evaluation)
        names = max(len(row.name) for row in self.evaluation.rows) + 4
        for block in _blocks([*metrics, *TIMES], options.max_width - names):
            yield self._block(block)
        yield from self._comparison()
        yield Text()
        yield self._foot()

    def _block(self, columns: Sequence[str]) -> Table:
        rows = self.evaluation.rows
        table = _table()
        table.add_column("")
        for column in columns:
            table.add_column(column, justify="right", no_wrap=True)
        best = {column: _best(rows, column) for column in columns}
        for row in rows:
            table.add_row(_name(row), *(_cell(row, column, best[column]) for column in columns))
        return table

    def _comparison(self) -> Iterator[RenderableType]:
        found = self.evaluation.compare_all()
        if not found:
            return
        yield Text(f"{self.evaluation.main_metric}, difference from {self.evaluation.reference} *", "dim")
        table = _table(show_header=False)
        for name, one in found.items():
            sign = "green" if one.difference.low > 0 else "red" if one.difference.high < 0 else "dim"
            table.add_row(
                Text(printable(name)),
                Text(f"{one.difference.value:+.4f}", sign),
                f"[{one.difference.low:+.4f}, {one.difference.high:+.4f}]".replace("[", r"\["),
                f"p {one.p_holm:.2g}",
                Text(f"{one.wins} users better, {one.losses} worse, {one.ties} alike", "dim"),
            )
        yield table

    def _foot(self) -> Table:
        one = self.evaluation
        said = {
            "data": one.data,
            "protocol": one.protocol.describe(),
            "questions": f"{one.n_questions:,}; ± half of the 95 % bootstrap interval over users; "
            "p by paired sign flips, Holm; * floor row",
        }
        return facts(said)


def _blocks(columns: Sequence[str], width: int) -> list[list[str]]:
    """The columns in their order, in lines of at most `width`."""
    blocks: list[list[str]] = []
    left = 0
    for column in columns:
        need = TIME_CELL if column in TIMES else CELL
        if not blocks or need > left:
            blocks.append([])
            left = width
        blocks[-1].append(column)
        left -= need
    return blocks


def _table(*, show_header: bool = True) -> Table:
    return Table(
        box=box.SIMPLE_HEAD if show_header else None,
        pad_edge=False,
        header_style="dim",
        show_header=show_header,
    )


def _name(row: Row) -> Text:
    return Text(f"{printable(row.name)} *", "dim") if row.floor else Text(printable(row.name), "bold")


def _best(rows: Sequence[Row], metric: str) -> str:
    """The row that leads, where more is better."""
    from zhiyin.evaluate.evaluation import LOWER_IS_BETTER

    there = [row for row in rows if metric in row.metrics]
    choose = min if metric.split("@")[0] in LOWER_IS_BETTER else max
    return choose(there, key=lambda row: row.metrics[metric].value).name if there else ""


def _cell(row: Row, metric: str, best: str) -> Text:
    if metric in TIMES:
        figure = getattr(row.timing, TIMES[metric])
        return Text(f"{figure:.1f}" if figure else "–", "dim")  # 0: it came fitted
    if metric not in row.metrics:
        return Text("–", "dim")
    found = row.metrics[metric]
    half = (found.high - found.low) / 2
    shown = Text(f"{found.value:.4f}", "bold green" if row.name == best else "")
    # NaN where a figure belongs to all lists together, so that no user has one.
    return shown.append(f" ±{half:.3f}" if half == half and half > 0 else "       ", "dim")
