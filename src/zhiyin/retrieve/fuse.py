"""Many retrievers, one set of candidates: every source's opinion of every candidate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Relevance, Retriever
from zhiyin.errors import LlmError
from zhiyin.types import NO_ITEMS, Candidates, FloatArray, IntArray, Query

__all__ = ["competition_ranks", "gather", "reciprocal_rank"]

RANK_OFFSET = 60.0
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""
FEW_ALLOWED = 1_000
"""So many items are scored by every source at once, which finds what no source would have proposed."""


def gather(
    retrievers: Mapping[str, Retriever], query: Query, *, n_each: int, n: int
) -> tuple[Candidates, tuple[str, ...]]:
    """At most `n` candidates out of the first `n_each` of every source, and the names of sources that failed,
    wholly or in part.

    The cut from the union to `n` is by reciprocal rank fusion; what `query.include` forces comes on top.
    Where the query allows no more than FEW_ALLOWED items, all of them stand for election. A source whose
    model server is away counts as a source without an opinion.
    """
    relevances: dict[str, Relevance] = {}
    failed = []
    for name, retriever in retrievers.items():
        try:
            relevances[name] = retriever.relevance(query)
        except LlmError:
            failed.append(name)
            continue
        if getattr(relevances[name], "degraded", False):
            failed.append(name)
    forced = _permitted(query, query.include)
    items = _union(relevances, query, forced, n_each, n)
    scores = np.full((len(items), len(retrievers)), np.nan, np.float32)
    for column, name in enumerate(retrievers):
        if name in relevances:
            scores[:, column] = relevances[name].of(items)
    if query.only is None and len(items) > n + len(forced):
        kept = _strongest(items, scores, forced, n)
        items, scores = items[kept], scores[kept]
    said = {name: relevance.evidence(items) for name, relevance in relevances.items()}
    evidence = {name: block for name, block in said.items() if block is not None}
    return Candidates(items, tuple(retrievers), scores, competition_ranks(scores), evidence), tuple(failed)


def _permitted(query: Query, items: IntArray) -> IntArray:
    """Those that the query does not rule out, each once, in the order of their codes."""
    if not len(items):
        return items
    left = np.setdiff1d(items[items >= 0], query.exclude)
    if query.only is not None:
        left = np.intersect1d(left, query.only)
    return left[query.passing(left)].astype(np.int32)


def _union(
    relevances: Mapping[str, Relevance], query: Query, forced: IntArray, n_each: int, n: int
) -> IntArray:
    """What the query forces, and what it names, or the few that it allows, or what the sources propose."""
    if query.only is not None:
        return _permitted(query, query.only)
    if query.allowed is not None and np.count_nonzero(query.allowed) <= FEW_ALLOWED:
        return _permitted(query, np.flatnonzero(query.allowed).astype(np.int32))
    tops = [_top(relevance, query, n_each) for relevance in relevances.values()]
    codes, place = np.unique(np.concatenate([NO_ITEMS, *tops]), return_inverse=True)
    if len(codes) > n:
        share = np.concatenate([1.0 / (RANK_OFFSET + np.arange(len(top))) for top in tops])
        fused = np.bincount(place, share, minlength=len(codes))
        codes = np.sort(codes[np.argsort(-fused, kind="stable")[:n]])
    return np.union1d(codes, forced).astype(np.int32) if len(forced) else codes.astype(np.int32)


def _top(relevance: Relevance, query: Query, n: int) -> IntArray:
    if query.allowed is None:
        return relevance.top(n, query.exclude)
    found = relevance.top(n, query.exclude, query.allowed)
    return found[query.passing(found)]


def _strongest(items: IntArray, scores: FloatArray, forced: IntArray, n: int) -> NDArray[np.intp]:
    """Positions of the first `n` by fusion of all scores, and of what is forced."""
    share = np.nansum(1.0 / (RANK_OFFSET + competition_ranks(scores)), axis=1)
    kept = np.isin(items, forced)
    kept[np.argsort(-share, kind="stable")[:n]] = True
    return np.flatnonzero(kept)


def competition_ranks(scores: FloatArray) -> FloatArray:
    """(c, s) how many candidates a source puts strictly above each one; NaN where it has no score."""
    falling = -scores
    order = falling.argsort(axis=0)  # NaN comes last
    falling = np.take_along_axis(falling, order, axis=0)
    above = np.zeros(scores.shape, np.float32)
    np.multiply(falling[1:] != falling[:-1], np.arange(1, len(scores))[:, None], out=above[1:])
    np.maximum.accumulate(above, axis=0, out=above)  # equals have as many above as the first of them
    above[np.isnan(falling)] = np.nan
    ranks = np.empty(scores.shape, np.float32)
    np.put_along_axis(ranks, order, above, axis=0)
    return ranks


def reciprocal_rank(candidates: Candidates) -> FloatArray:
    """(c,) reciprocal rank fusion over all sources."""
    shares = 1.0 / (RANK_OFFSET + candidates.ranks)
    total: FloatArray = np.nansum(shares, axis=1).astype(np.float32)
    return total
