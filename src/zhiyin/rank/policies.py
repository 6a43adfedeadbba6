"""Which policy acts when, whoever asked for it.

1. boosts, which change scores
2. diversity, which weighs scores against variety (and every reranker of your own)
3. caps, which look at the finished order
4. exploration, whose propensities hold only if nothing after it moves an item by what it is
5. pins: an editor's word stands
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import numpy as np

from zhiyin.contracts import Reranker
from zhiyin.data.catalogue import Catalogue
from zhiyin.rank.boosts import BoostReranker
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.diversity import DiversityReranker
from zhiyin.rank.exploration import EpsilonGreedyReranker, ThompsonReranker
from zhiyin.rank.pins import PinReranker
from zhiyin.rank.variety import VarietyReranker
from zhiyin.represent.items import ItemVectors
from zhiyin.types import FloatArray

__all__ = ["bound", "in_order"]

EXPLORING = (EpsilonGreedyReranker, ThompsonReranker)
LATE = ((CapReranker,), EXPLORING, (PinReranker,))
ALONE = ((DiversityReranker, VarietyReranker), EXPLORING)
"""Kinds of which one acts: variety would undo variety, and two throws of dice have no simple propensity."""


def in_order(configured: Sequence[Reranker], asked: Sequence[Reranker] = ()) -> tuple[Reranker, ...]:
    """All policies of a request in the order in which they act; equals keep theirs, the configured first.

    One of the request takes the place of a configured one where only one can act.
    """
    everything = [*configured, *asked]
    for kinds in ALONE:
        several = [place for place, part in enumerate(everything) if isinstance(part, kinds)]
        for place in reversed(several[:-1]):
            del everything[place]
    return tuple(sorted(everything, key=_place))


def _place(policy: Reranker) -> int:
    if isinstance(policy, BoostReranker):
        return 0
    return next((place for place, kinds in enumerate(LATE, 2) if isinstance(policy, kinds)), 1)


def bound(policies: Sequence[Reranker], items: Catalogue, parts: Iterable[object]) -> tuple[Reranker, ...]:
    """The policies of a request, those that look at items with a catalogue; the caller's stay as they are.

    A diversity that knows no vectors yet takes those of one of the `parts`, else it encodes the catalogue.
    Pins of what the catalogue does not know are dropped.
    """
    ready: list[Reranker] = []
    for policy in policies:
        if isinstance(policy, CapReranker) and policy.items_ is None:
            policy = copy.copy(policy)
            policy.refresh(items)
        if isinstance(policy, DiversityReranker) and not len(policy.vectors_):
            policy = copy.copy(policy)
            rows = next((rows for part in parts if (rows := _rows(part, len(items))) is not None), None)
            if rows is None:
                policy.refresh(items)
            else:
                policy.vectors_ = rows
        if isinstance(policy, PinReranker):
            policy = PinReranker(
                pins={code: at for code, at in policy.pins.items() if 0 <= code < len(items)}
            )
        ready.append(policy)
    return tuple(ready)


def _rows(part: object, n: int) -> FloatArray | ItemVectors | None:
    """(n or more, dim) the vectors by which a part compares items, if it has some for all of them."""
    rows = getattr(part, "vectors_", None)
    if isinstance(rows, ItemVectors):
        return rows if len(rows) >= n > 0 else None
    return rows if isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows) >= n > 0 else None
