"""What each group of features adds: the ranker without it, on the same candidates of the same fit."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from zhiyin.components import type_of
from zhiyin.contracts import Feature
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.evaluate.ablation import WHOLE, Ablation
from zhiyin.evaluate.clone import clone
from zhiyin.evaluate.evaluate import gathered, measured
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.paired import with_holm
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import Progress
from zhiyin.rank.ranker import Ranker
from zhiyin.rank.rows import Rows, names_of
from zhiyin.recommender import Recommender

__all__ = ["ablate_features"]

N_ASKED = 50
"""Questions whose candidates tell which columns a feature has."""


def ablate_features(
    recommender: Recommender,
    data: Dataset,
    protocol: Protocol | None = None,
    *,
    metric: str = "",
    progress: Progress | None = None,
) -> Ablation:
    """Let the ranker learn without each of its features in turn, and measure each.

    Sources do not depend on the ranker, so they stay as they were fitted; only the ranker learns anew: the
    result is that of fitting everything each time, for two fits and one evaluation a feature. One object in
    `ranker.features` is one group of columns. Choose by it on `part="validation"`.
    """
    ranker = recommender.ranker
    if ranker is None or len(ranker.features) < 2:
        raise ConfigError("a ranker with at least 2 features is needed to leave one out")
    protocol = protocol or Protocol(filter_seen=not recommender.repeats)
    questions = Questions.of(data, protocol)
    gauge = Gauge.of(questions, None)
    whole = clone(recommender)
    fit, seed = questions.split.fit, protocol.seed
    rows = whole.replay(fit, seed=seed, progress=progress)
    whole.fit(fit, seed=seed, progress=progress)
    assert whole.ranker is not None
    columns = _columns(whole, questions, whole.ranker.features)
    found = [measured(WHOLE, whole, gauge, fit=False, progress=progress)[0]]
    names = [_name(feature) for feature in whole.ranker.features]
    for place, name in enumerate(names):
        less = copy.copy(whole)
        less.ranker = _without(whole.ranker, place, rows, columns[place], seed)
        found.append(measured(f"without {name}", less, gauge, fit=False, progress=progress)[0])
    evaluation = gathered(data, gauge, found)
    losses = {name: evaluation.compare(WHOLE, f"without {name}", metric) for name in names}
    return Ablation(evaluation, with_holm(losses), _importances(whole, dict(zip(names, columns))))


def _without(ranker: Ranker, place: int, rows: Rows, columns: frozenset[str], seed: int) -> Ranker:
    """A ranker that learnt from the same questions without some columns; features stay the fitted ones."""
    kept = [at for at, name in enumerate(rows.names) if name not in columns]
    features = [feature for at, feature in enumerate(ranker.features) if at != place]
    less = clone(ranker)
    less.features = features
    names = tuple(rows.names[at] for at in kept)
    values = np.ascontiguousarray(rows.values[:, kept])
    return less.fit_rows(replace(rows, values=values, names=names), seed=seed)


def _columns(whole: Recommender, questions: Questions, features: Sequence[Feature]) -> list[frozenset[str]]:
    """Names of the columns of each feature, as some questions show them."""
    pipeline = whole.pipeline()
    some = [pipeline.candidates(query)[0] for query in islice(questions.queries(), N_ASKED)]
    return [frozenset(name for found in some for name in names_of([feature], found)) for feature in features]


def _name(feature: Feature) -> str:
    return type_of(type(feature))


def _importances(whole: Recommender, columns: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """Share of what the ranker looks at by group."""
    told = whole.importances()
    sums = {name: sum(told.get(column, 0.0) for column in own) for name, own in columns.items()}
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))
