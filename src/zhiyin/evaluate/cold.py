"""Items that nobody has chosen yet: the protocol under which only meaning helps."""

from __future__ import annotations

from zhiyin.data.split import ColdItems
from zhiyin.evaluate.protocol import Protocol

__all__ = ["cold_items"]


def cold_items(*, share: float = 0.1, k: tuple[int, ...] = (10, 20), seed: int = 0) -> Protocol:
    """A share of the items is hidden from every fit; the hidden items alone are candidates.

    Asked are the users whose last item is hidden. A recommender without text (or other attributes) can
    do no better than chance, `k / hidden items`: R@20 of that kind is the first thing to look at.
    """
    return Protocol(splitter=ColdItems(share=share, seed=seed), candidates="cold", k=k, seed=seed)
