"""One public table made anew: floors, published rows and ours, over several seeds, with all settings."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from zhiyin.config import to_toml
from zhiyin.data.dataset import Dataset
from zhiyin.evaluate.benchmarks import Benchmark
from zhiyin.evaluate.evaluate import evaluate
from zhiyin.evaluate.evaluation import Evaluation, Row
from zhiyin.evaluate.published import Published
from zhiyin.evaluate.ranks import Progress, Rankable
from zhiyin.evaluate.table import align, plain
from zhiyin.recommender import Recommender
from zhiyin.types import Candidates, Query

__all__ = ["BenchResult", "Blind", "run_benchmark"]

OURS = "zhiyin"
BLIND = "zhiyin, without context"


class Blind:
    """A recommender that hears neither the context nor the moment of a question, nor those of the past."""

    def __init__(self, *, recommender: Recommender) -> None:
        self.recommender = recommender

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        bare = replace(data, context={}, at=np.full(len(data), np.nan))
        self.recommender.fit(bare, seed=seed)
        return self

    def rank(self, query: Query, n: int) -> Candidates:
        history = replace(query.history, at=np.full(len(query.history), np.nan), context={})
        return self.recommender.rank(replace(query, context={}, at=np.nan, history=history), n)


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Everything of one table."""

    benchmark: Benchmark
    evaluations: tuple[Evaluation, ...]
    """One a seed; the first also has the floor rows."""
    settings: str
    """TOML of the recommender."""

    @property
    def published(self) -> tuple[Published, ...]:
        """Rows of others, where ours were made under their protocol: on the whole test part."""
        protocol = self.evaluations[0].protocol
        comparable = protocol.part == "test" and not protocol.max_questions
        return self.benchmark.published if comparable else ()

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(one.protocol.seed for one in self.evaluations)

    def over_seeds(self, name: str) -> Mapping[str, tuple[float, ...]]:
        """metric -> its value under every seed with which that row was made."""
        rows = [row for one in self.evaluations for row in one.rows if row.name == name]
        return {metric: tuple(row.metrics[metric].value for row in rows) for metric in self.benchmark.metrics}

    def table(self) -> str:
        """Floors, published rows and ours, then the tests against the floors, the protocol, the machine."""
        first, metrics = self.evaluations[0], self.benchmark.metrics
        head = ["", *metrics, "fit s", "ms p50"]
        body = [self._row(row) for row in first.rows if row.floor]
        body += [
            [f"{one.name} °", *(_figure(one.metrics.get(metric)) for metric in metrics), "", ""]
            for one in self.published
        ]
        body += [self._row(row) for row in first.rows if not row.floor]
        goals = self.benchmark.goals
        if goals:
            body.append(["to reach", *(_figure(goals.get(metric)) for metric in metrics), "", ""])
        notes = dict.fromkeys(one.note for one in self.published if one.note)
        said = [
            f"° {note}: {', '.join(one.name for one in self.published if one.note == note)}" for note in notes
        ]
        return "\n".join([
            self.benchmark.name, "", align([head, *body]), "", *self._compared(), "",
            f"data      {plain(str(first.data))}",
            f"protocol  {plain(first.protocol.describe())}",
            f"seeds     {', '.join(map(str, self.seeds))}; our figures are means over them, the lowest and "
            "highest in brackets, ± half of the 95 % interval over users (first seed)",
            f"machine   {platform.machine()}, {', '.join(f'{k} {v}' for k, v in first.versions.items())}",
            f"n         {first.n_questions:,} questions; * floor row; ° published", *said,
        ])  # fmt: skip

    def _row(self, row: Row) -> list[str]:
        cells, many = [], row.name in (OURS, BLIND) and len(self.evaluations) > 1
        for metric in self.benchmark.metrics:
            found = row.metrics[metric]
            half = f" ±{(found.high - found.low) / 2:.4f}"
            if many:
                values = self.over_seeds(row.name)[metric]
                half += f" [{min(values):.4f}, {max(values):.4f}]"
                cells.append(f"{np.mean(values):.4f}{half}")
            else:
                cells.append(f"{found.value:.4f}{half}")
        name = plain(row.name) + (" *" if row.floor else "")
        return [name, *cells, f"{row.timing.fit_s:.0f}", f"{row.timing.p50_ms:.2f}"]

    def _compared(self) -> list[str]:
        first, metric = self.evaluations[0], self.benchmark.metrics[-1]
        others = [row.name for row in first.rows if row.name != OURS]
        if not others or OURS not in {row.name for row in first.rows}:
            return []
        told = [first.compare(OURS, other, metric) for other in others]
        lines = [
            [f"  minus {plain(other)}", f"{one.difference.value:+.4f}",
             f"[{one.difference.low:+.4f}, {one.difference.high:+.4f}]", f"p {one.p:.2g}"]
            for other, one in zip(others, told)
        ]  # fmt: skip
        return [f"{OURS}, {metric}, per user:", align(lines)]

    def as_dict(self, *, per_user: bool = False) -> dict[str, Any]:
        """Plain values, ready for JSON: all evaluations whole, what was published, the settings."""
        return {
            "benchmark": self.benchmark.name,
            "metrics": list(self.benchmark.metrics),
            "goals": dict(self.benchmark.goals),
            "published": [
                {"name": one.name, "metrics": dict(one.metrics), "note": one.note} for one in self.published
            ],
            "seeds": list(self.seeds),
            "settings": self.settings,
            "evaluations": [one.as_dict(per_user=per_user) for one in self.evaluations],
        }


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def run_benchmark(
    benchmark: Benchmark,
    data: Dataset,
    *,
    seeds: Sequence[int] = (0,),
    recommender: Recommender | None = None,
    part: str = "test",
    max_questions: int = 0,
    floors: bool = True,
    sources: Sequence[str] = (),
    progress: Progress | None = None,
) -> BenchResult:
    """Fits and asks `recommender` (the default for this data) once a seed, the floors once.

    `sources` names retrievers of it that get rows of their own. With another `part` than "test", or a sample
    of the questions, published rows are not comparable and left out.
    """
    ours = recommender or Recommender.default(data)
    found = []
    for place, seed in enumerate(seeds):
        protocol = replace(
            benchmark.protocol(seed),
            part="validation" if part == "validation" else "test",
            max_questions=max_questions,
        )
        rows: dict[str, Rankable] = {}
        if place == 0:
            rows |= {name: Recommender(retrievers={name: ours.retrievers[name]}) for name in sources}
        rows[OURS] = ours
        if benchmark.blind:
            rows[BLIND] = Blind(recommender=ours)
        found.append(evaluate(rows, data, protocol, floors=floors and place == 0, progress=progress))
    return BenchResult(benchmark, tuple(found), to_toml(ours))
