"""Many retrievers, one set of candidates: every source's opinion of every candidate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zhiyin.contracts import Relevance, Retriever
from zhiyin.errors import LlmError
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["competition_ranks", "gather", "reciprocal_rank"]

RANK_OFFSET = 60.0
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""


def gather(
    retrievers: Mapping[str, Retriever], query: Query, *, n_each: int, n: int
) -> tuple[Candidates, tuple[str, ...]]:
    """At most `n` candidates out of the first `n_each` of every source, and the names of sources that failed.

    The cut from the union to `n` is by reciprocal rank fusion. A source whose model server is away
    counts as a source without an opinion.
    """
    relevances: dict[str, Relevance] = {}
    failed = []
    for name, retriever in retrievers.items():
        try:
            relevances[name] = retriever.relevance(query)
        except LlmError:
            failed.append(name)
    items = _union(relevances, query, n_each, n)
    scores = np.full((len(items), len(retrievers)), np.nan, np.float32)
    evidence = {}
    for column, name in enumerate(retrievers):
        if name in relevances:
            scores[:, column] = relevances[name].of(items)
            block = relevances[name].evidence(items)
            if block is not None:
                evidence[name] = block
    found = Candidates(items, tuple(retrievers), scores, competition_ranks(scores), evidence)
    return found, tuple(failed)


def _union(relevances: Mapping[str, Relevance], query: Query, n_each: int, n: int) -> IntArray:
    if query.only is not None:
        return np.setdiff1d(query.only, query.exclude).astype(np.int32)
    tops = [relevance.top(n_each, query.exclude) for relevance in relevances.values()]
    if not tops:
        return np.empty(0, np.int32)
    codes, place = np.unique(np.concatenate(tops), return_inverse=True)
    if len(codes) <= n:
        return codes.astype(np.int32)
    share = np.concatenate([1.0 / (RANK_OFFSET + np.arange(len(top))) for top in tops])
    fused = np.bincount(place, share, minlength=len(codes))
    chosen = np.sort(np.argsort(-fused, kind="stable")[:n])
    return codes[chosen].astype(np.int32)


def competition_ranks(scores: FloatArray) -> FloatArray:
    """(c, s) how many candidates a source puts strictly above each one; NaN where it has no score."""
    ranks = np.full(scores.shape, np.nan, np.float32)
    for column in range(scores.shape[1]):
        values = scores[:, column]
        known = ~np.isnan(values)
        ascending = np.sort(values[known])
        ranks[known, column] = len(ascending) - np.searchsorted(ascending, values[known], side="right")
    return ranks


def reciprocal_rank(candidates: Candidates) -> FloatArray:
    """(c,) reciprocal rank fusion over all sources."""
    shares = 1.0 / (RANK_OFFSET + candidates.ranks)
    total: FloatArray = np.nansum(shares, axis=1).astype(np.float32)
    return total
