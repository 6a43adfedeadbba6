"""Training rows for a ranker: questions from the past with the answers that time gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Feature
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Holdout, Split
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["Question", "Rows", "collect", "cut_for_replay", "features_of", "held_out", "names_of"]

MOST_HIDDEN = 1_000
"""Hidden items that stand beside each other in one question: of a large catalogue more only take time."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the candidates that the retrievers found for it, and the items that were then chosen."""

    query: Query
    candidates: Candidates
    targets: IntArray


@dataclass(frozen=True, slots=True)
class Rows:
    """One row per candidate that was kept, grouped by question."""

    values: FloatArray
    """(r, f) feature values."""
    names: tuple[str, ...]
    """(f,) feature names."""
    label: NDArray[np.int8]
    """(r,) 1 = was chosen."""
    group: NDArray[np.int64]
    """(g,) rows per question, in order."""
    n_asked: int
    """Questions put, also those whose answer no retriever found (they give no rows)."""

    @property
    def found(self) -> float:
        """Share of the questions whose answer was among the candidates: the ceiling of any ranker."""
        return len(self.group) / max(self.n_asked, 1)

    def only(self, questions: NDArray[np.bool_]) -> Rows:
        """The rows of some questions; (g,) True = stays."""
        stays = np.repeat(questions, self.group)
        return Rows(self.values[stays], self.names, self.label[stays], self.group[questions], self.n_asked)

    def first(self, n: int) -> Rows:
        """The rows of the first `n` questions."""
        return self.only(np.arange(len(self.group)) < n)


def cut_for_replay(
    data: Dataset, *, n_last: int, share: float, max_questions: int, seed: int, cold_share: float = 0.0
) -> Split:
    """The log before a cut, and what happened after it as one question per event.

    The cut is per user: the last `share` of the events, at least one and at most `n_last`, of users
    who keep at least two. So the retrievers know each asker a little less well than when serving,
    never better. More than `max_questions` are thinned by `seed`. A random `cold_share` of the items is
    taken from the log altogether, so that the ranker meets items that nobody has chosen yet, as
    questions about them do later; at most MOST_HIDDEN of them, and those that are asked for, are `hidden`.
    """
    lengths = np.diff(data.indptr)
    held = np.clip(np.round(share * lengths), 1, n_last).astype(np.int64)
    held = np.where(lengths - held >= 2, held, np.where(lengths >= 3, 1, 0))
    user = np.repeat(np.arange(data.n_users), held)
    back = np.concatenate([np.arange(n, 0, -1) for n in held]) if held.sum() else np.empty(0, np.int64)
    start = data.indptr[1:][user] - back
    rows = np.ones(len(data), np.bool_)
    rows[start] = False
    rng = np.random.default_rng(seed)
    keep = np.arange(len(start))
    if len(start) > max_questions:
        keep = np.sort(rng.choice(len(start), max_questions, replace=False))
    cold = rng.random(data.n_items) < cold_share
    rows &= ~cold[data.item]
    asked = data.item[start[keep]]
    some = rng.permutation(np.flatnonzero(cold))[:MOST_HIDDEN]
    hidden = np.union1d(some, asked[cold[asked]]).astype(np.int32)
    holdout = Holdout(data, user[keep].astype(np.int32), start[keep], start[keep] + 1)
    return Split(data.take(rows), holdout, hidden)


def held_out(rows: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Rows to learn from, and those of a tenth of the questions, which decide when to stop."""
    check = rng.random(len(rows.group)) < 0.1
    check[0], check[-1] = True, False
    return rows.only(~check), rows.only(check)


def names_of(features: Sequence[Feature], candidates: Candidates) -> tuple[str, ...]:
    """(f,) names of all columns."""
    return tuple(name for feature in features for name in feature.names(candidates))


def features_of(
    features: Sequence[Feature], query: Query, candidates: Candidates, names: tuple[str, ...] = ()
) -> FloatArray:
    """(c, f) all feature columns side by side; in the order of `names` where given.

    A source may be silent (no words, an unknown history) or away: its columns are then NaN.
    """
    values = np.concatenate([feature.values(query, candidates) for feature in features], axis=1)
    return aligned(values, names_of(features, candidates), names) if names else values


def aligned(values: FloatArray, found: tuple[str, ...], names: tuple[str, ...]) -> FloatArray:
    """(c, len(names)) the columns `found` put in the order of `names`; NaN where there is none."""
    if found == names:
        return values
    place = {name: column for column, name in enumerate(found)}
    there = [column for column, name in enumerate(names) if name in place]
    out = np.full((len(values), len(names)), np.nan, np.float32)
    out[:, there] = values[:, [place[names[column]] for column in there]]
    return out


def collect(
    questions: Iterable[Question],
    features: Sequence[Feature],
    *,
    n_negatives: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Rows:
    """Rows of every question that has an answer among its candidates.

    Of the other candidates `n_negatives` are kept, at random and not by how good they look: negatives
    picked by the sources' own scores teach a ranker to distrust the sources (measured on ML-1M:
    recall@10 .24 with the hardest half always kept, .30 without).
    """
    rng = np.random.default_rng(seed)
    blocks, labels, group, asked = [], [], [], 0
    named: list[tuple[str, ...]] = []
    for asked, question in enumerate(questions, start=1):
        if progress:
            progress(asked)
        chosen = np.isin(question.candidates.items, question.targets)
        if not chosen.any() or chosen.all():
            continue
        kept = _thin(chosen, n_negatives, rng)
        named.append(names_of(features, question.candidates))
        blocks.append(features_of(features, question.query, question.candidates)[kept])
        labels.append(chosen[kept])
        group.append(len(kept))
    names = tuple(dict.fromkeys(name for found in dict.fromkeys(named) for name in found))
    blocks = [aligned(block, found, names) for block, found in zip(blocks, named, strict=True)]
    values = np.concatenate(blocks) if blocks else np.empty((0, len(names)), np.float32)
    label = np.concatenate(labels).astype(np.int8) if labels else np.empty(0, np.int8)
    return Rows(values, names, label, np.array(group, np.int64), asked)


def _thin(chosen: NDArray[np.bool_], n_negatives: int, rng: np.random.Generator) -> NDArray[np.int64]:
    others = np.flatnonzero(~chosen)
    if len(others) > n_negatives:
        others = rng.choice(others, n_negatives, replace=False)
    return np.sort(np.concatenate([np.flatnonzero(chosen), others]))
