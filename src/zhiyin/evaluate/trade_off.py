"""What variety costs: one fit, asked at several positions of the dial, drawn as accuracy against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Self

import numpy as np

from zhiyin.contracts import Reranker
from zhiyin.data.dataset import Dataset
from zhiyin.data.proportions import main_attribute, miscalibration, word_table
from zhiyin.errors import ConfigError
from zhiyin.evaluate.clone import clone
from zhiyin.evaluate.evaluate import gathered
from zhiyin.evaluate.evaluation import Evaluation
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import Progress, ask
from zhiyin.evaluate.report import style
from zhiyin.evaluate.scatter import Point, scatter
from zhiyin.evaluate.table import align, plain
from zhiyin.rank.variety import VarietyReranker
from zhiyin.recommender import Recommender
from zhiyin.types import Candidates, IntArray, Query

__all__ = ["TradeOff", "trade_off"]

DIAL = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
ALSO = ("diversity", "tail", "coverage", "novelty", "miscalibration")


@dataclass(frozen=True, slots=True)
class Dialled:
    """A fitted recommender with one more policy."""

    recommender: Recommender
    policies: tuple[Reranker, ...]

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        """It is fitted already."""
        return self

    def rank(self, query: Query, n: int) -> Candidates:
        return self.recommender.decide(query, n, self.policies).ranking


@dataclass(frozen=True, slots=True)
class TradeOff:
    """One row for each position of the dial."""

    evaluation: Evaluation
    dial: tuple[float, ...]
    off: tuple[float, ...]
    """Mean miscalibration at each position; NaN where items have no words to keep in proportion."""

    def values(self, metric: str) -> list[float]:
        """A metric (without its cut), or "miscalibration", by position."""
        if metric == "miscalibration":
            return list(self.off)
        name = f"{metric}@{self.evaluation.protocol.main_k}"
        return [
            row.metrics[name].value if name in row.metrics else float("nan") for row in self.evaluation.rows
        ]

    def table(self) -> str:
        """One line for each position."""
        shown = [name for name in ("ndcg", "recall", *ALSO) if np.isfinite(self.values(name)).any()]
        k = self.evaluation.protocol.main_k
        head = ["variety", *(name if name == "miscalibration" else f"{name}@{k}" for name in shown)]
        body = [
            [f"{dial:g}", *(f"{self.values(name)[place]:.4f}" for name in shown)]
            for place, dial in enumerate(self.dial)
        ]
        loss = [
            f"{one.difference} at {name}" for name, one in self._losses().items()
        ]  # what is given up, per user
        return "\n".join([
            align([head, *body]), "", f"ndcg@{k} against none, per user:", *(f"  {one}" for one in loss), "",
            f"protocol  {plain(self.evaluation.protocol.describe())}",
        ])  # fmt: skip

    def _losses(self) -> dict[str, Any]:
        first, *others = [row.name for row in self.evaluation.rows]
        return {name: self.evaluation.compare(name, first) for name in others}

    def pictures(self) -> list[str]:
        """Accuracy against each of the other measures, the dial beside each dot."""
        accuracy, drawn = self.values("ndcg"), []
        k = self.evaluation.protocol.main_k
        for name in ALSO:
            xs = self.values(name)
            if np.isfinite(xs).all():
                dots = [
                    Point(x, y, label=f"{dial:g}", note=f"variety {dial:g}: ndcg {y:.4f}, {name} {x:.4f}")
                    for x, y, dial in zip(xs, accuracy, self.dial)
                ]
                drawn.append(
                    scatter(dots, title=f"ndcg@{k}, {name}", across=name, up=f"ndcg@{k}",
                            line=list(zip(xs, accuracy)))
                )  # fmt: skip
        return drawn

    def to_html(self, title: str = "What variety costs") -> str:
        """One page that needs nothing else."""
        figures = "".join(f"<section><figure>{picture}</figure></section>" for picture in self.pictures())
        name = escape(plain(title))
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}</title>'
            f'<style>{style()}</style></head>\n<body class="zy-page"><main class="zy"><header><h1>{name}</h1>'
            f'<p class="data">{escape(plain(str(self.evaluation.data)))}</p></header>{figures}'
            f"<section><pre>{escape(self.table())}</pre></section></main></body></html>\n"
        )

    def __str__(self) -> str:
        return self.table()


def trade_off(
    recommender: Recommender,
    data: Dataset,
    protocol: Protocol | None = None,
    *,
    dial: Sequence[float] = DIAL,
    attribute: str = "",
    progress: Progress | None = None,
) -> TradeOff:
    """Fits once and asks the same questions at every position of `VarietyReranker.variety`."""
    if not len(dial) or min(dial) < 0 or max(dial) > 1:
        raise ConfigError(f"dial {tuple(dial)}: expected positions from 0 to 1")
    protocol = protocol or Protocol(filter_seen=not recommender.repeats)
    questions = Questions.of(data, protocol)
    gauge = Gauge.of(questions, None)
    fitted = clone(recommender).fit(questions.split.fit, seed=protocol.seed)
    positions = tuple(sorted({0.0, *map(float, dial)}))
    rows, off = [], []
    for position in positions:
        policy = VarietyReranker(variety=position, attribute=attribute).fit(questions.split.fit)
        asked, name = Dialled(fitted, (policy,)), f"variety {position:g}"
        lists = ask(asked, questions, name=name, progress=progress)
        rows.append(gauge.row(name, asked, lists, fit_s=0.0, floor=False))
        off.append(_off(questions, lists.items[:, : protocol.main_k], attribute))
    return TradeOff(gathered(data, gauge, rows), positions, tuple(off))


def _off(questions: Questions, lists: IntArray, attribute: str) -> float:
    """Mean miscalibration of the lists of those whose history has words."""
    items = questions.split.fit.items
    name, found = attribute or main_attribute(items), []
    if name not in items.words:
        return float("nan")
    for query, listed in zip(questions.queries(), lists):
        shown = listed[listed >= 0]
        liked = query.history.items[(query.history.items >= 0) & (query.history.weights > 0)]
        table = word_table(items.words[name], np.concatenate([shown, liked]))
        wanted = table[len(shown) :].sum(axis=0)
        if wanted.sum() > 0:
            told = table[: len(shown)].sum(axis=0)[None, :]
            found.append(float(miscalibration(wanted / wanted.sum(), told)[0]))
    return float(np.mean(found)) if found else float("nan")
