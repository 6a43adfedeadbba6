"""An evaluation as aligned text, for terminals and logs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zhiyin.errors import ConfigError, nearest
from zhiyin.evaluate.metrics import ACCURACY

if TYPE_CHECKING:
    from zhiyin.evaluate.evaluation import Evaluation, Row

__all__ = ["align", "plain", "shown_metrics", "table", "width"]

ORDER = (
    "ndcg", "recall", "hit", "precision", "f1", "mrr", "map", "auc", "coverage", "gini", "tail", "diversity",
    "novelty", "serendipity", "rmse", "mae", "rated",
)  # fmt: skip


def shown_metrics(evaluation: Evaluation, cut: int = 0) -> list[str]:
    """Metrics that some row has at one cut (else the main one), and those without a cut; in a fixed order."""
    k = cut or evaluation.protocol.main_k
    allowed = {f"{name}@{k}" for name in ORDER} | {f"auc@{evaluation.protocol.n}", "rmse", "mae", "rated"}
    there = {metric for row in evaluation.rows for metric in row.metrics} & allowed
    return sorted(there, key=lambda metric: ORDER.index(metric.split("@")[0]))


def table(evaluation: Evaluation, metrics: Sequence[str] = (), *, cut: int = 0) -> str:
    """One line per row, half the interval's width behind ±, then data, protocol and what to compare with."""
    chosen = list(metrics)
    metrics = chosen or shown_metrics(evaluation, cut)
    known = {metric for row in evaluation.rows for metric in row.metrics}
    for metric in metrics:
        if metric not in known:
            raise ConfigError(f"no metric {metric!r}: {nearest(metric, known)}")
    first = metrics if chosen else [m for m in metrics if m.split("@")[0] in ACCURACY]
    lines = [_block(evaluation, first, [])]
    if rest := [m for m in metrics if m not in first]:
        lines += ["", _block(evaluation, rest, ["fit s", "ms p50", "ms p99"])]
    comparisons = evaluation.compare_all()
    if comparisons:
        lines += [
            "",
            f"difference from {_label(evaluation[evaluation.reference])}, {evaluation.main_metric}:",
        ]
        lines.append(
            align([
                [f"  {plain(name)}", f"{one.difference.value:+.4f}",
                 f"[{one.difference.low:+.4f}, {one.difference.high:+.4f}]", f"p {one.p_holm:.2g}",
                 f"{one.wins} won", f"{one.losses} lost", f"{one.ties} tied"]
                for name, one in comparisons.items()
            ])
        )  # fmt: skip
    lines += [
        "",
        f"data      {plain(str(evaluation.data))}",
        f"protocol  {plain(evaluation.protocol.describe())}",
        f"n         {evaluation.n_questions:,} questions; ± half of the 95 % bootstrap interval over users; "
        "p: paired sign flips, Holm",
        "* floor row",
    ]
    return "\n".join(lines)


def align(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width on the screen: the first to the left, the others to the right."""
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell + " " * (w - width(cell)) if i == 0 else " " * (w - width(cell)) + cell
            for i, (cell, w) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )


def width(text: str) -> int:
    """Columns that a terminal gives a text: Chinese characters take two, combining marks none.

    >>> width("知音 a")
    6
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def plain(text: str) -> str:
    """Without control characters: a name must not move the cursor or paint the terminal."""
    return "".join(c if unicodedata.category(c)[0] != "C" else "�" for c in text)


def _block(evaluation: Evaluation, metrics: Sequence[str], times: list[str]) -> str:
    head = ["", *metrics, *times]
    return align([head, *([_label(row), *(_number(row, metric) for metric in metrics),
                           *(_times(row) if times else [])] for row in evaluation.rows)])  # fmt: skip


def _label(row: Row) -> str:
    return plain(row.name) + (" *" if row.floor else "")


def _number(row: Row, metric: str) -> str:
    if metric not in row.metrics:
        return "-"
    found = row.metrics[metric]
    if np.isnan(found.low):
        return f"{found.value:.4f}"
    return f"{found.value:.4f} ±{(found.high - found.low) / 2:.4f}"


def _times(row: Row) -> list[str]:
    t = row.timing
    return [f"{t.fit_s:.1f}" if t.fit_s else "-", f"{t.p50_ms:.2f}", f"{t.p99_ms:.2f}"]
