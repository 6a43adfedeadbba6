"""Evaluate: split, fit, ask, measure. It drives the very object that serves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.evaluate.baselines import floors as floor_rows
from zhiyin.evaluate.buckets import groups
from zhiyin.evaluate.clone import clone
from zhiyin.evaluate.evaluation import Evaluation, Row
from zhiyin.evaluate.fingerprint import Fingerprint, versions
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import Progress, Rankable, ask
from zhiyin.types import FloatArray

__all__ = ["evaluate", "gathered", "measured"]


def evaluate(
    models: Mapping[str, Rankable] | Rankable,
    data: Dataset,
    protocol: Protocol | None = None,
    *,
    seed: int | None = None,
    floors: bool = True,
    fit: bool = True,
    vectors: FloatArray | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """How good recommenders are on data that they have not seen.

    Every recommender is cloned, fitted on what the split leaves to fit, asked all questions and let go,
    so that the caller's objects stay as they are and only one is in memory. With `fit=False` the given
    objects are asked as they are: the caller vouches that they were fitted under this protocol (the
    floors are fitted all the same). `vectors`, (n_items, dim), measure the diversity of lists; without
    them the word attributes of the items do. `seed` replaces the protocol's.
    """
    protocol = protocol or Protocol()
    if seed is not None:
        protocol = replace(protocol, seed=seed)
    named = dict(models) if isinstance(models, Mapping) else {_name(models): models}
    baselines = {name: part for name, part in floor_rows().items() if name not in named} if floors else {}
    if not named and not baselines:
        raise ConfigError("nothing to evaluate: give a recommender, or floors=True")
    questions = Questions.of(data, protocol)
    gauge = Gauge.of(questions, vectors)
    rows = [measured(name, part, gauge, floor=True, progress=progress)[0] for name, part in baselines.items()]
    rows += [measured(name, part, gauge, fit=fit, progress=progress)[0] for name, part in named.items()]
    return gathered(data, gauge, rows)


def gathered(data: Dataset, gauge: Gauge, rows: Sequence[Row]) -> Evaluation:
    """Rows of one gauge with everything that is printed beside them."""
    questions = gauge.questions
    return Evaluation(
        protocol=questions.protocol,
        data=Fingerprint.of(data),
        n_questions=len(questions),
        rows=tuple(rows),
        versions=versions(),
        groups=groups(questions),
    )


def measured(
    name: str,
    rankable: Rankable,
    gauge: Gauge,
    *,
    fit: bool = True,
    floor: bool = False,
    progress: Progress | None = None,
) -> tuple[Row, Rankable]:
    """One row, and the fitted clone that it belongs to."""
    questions, fit_s = gauge.questions, 0.0
    if fit:
        if progress:
            progress(f"fit {name}", 0, 1)
        started = time.perf_counter()
        rankable = clone(rankable).fit(questions.split.fit, seed=questions.protocol.seed)
        fit_s = time.perf_counter() - started
        if progress:
            progress(f"fit {name}", 1, 1)
    _same_catalogue(name, rankable, questions.split.fit)
    lists = ask(rankable, questions, name=name, progress=progress)
    return gauge.row(name, rankable, lists, fit_s=fit_s, floor=floor), rankable


def _name(rankable: Rankable) -> str:
    return type(rankable).__name__.removesuffix("Recommender").lower() or "zhiyin"


def _same_catalogue(name: str, rankable: Rankable, data: Dataset) -> None:
    """Codes of another catalogue would be scored in silence, and wrongly."""
    items = getattr(rankable, "items_", None)
    if items is not None and items.ids != data.items.ids:
        raise ConfigError(
            f"{name!r} was fitted on another catalogue ({len(items)} items) than this data's "
            f"({len(data.items)}): fit it on this data, or leave fit=True"
        )
