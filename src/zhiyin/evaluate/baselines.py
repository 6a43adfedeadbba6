"""The floor rows: what everybody can have in seconds. They stand in every table."""

from __future__ import annotations

from zhiyin.contracts import Retriever
from zhiyin.evaluate.ranks import Rankable

__all__ = ["FLOORS", "floors"]

FLOORS: tuple[str, ...] = ("popular", "item-knn", "kernel", "ease")


def floors() -> dict[str, Rankable]:
    """Popularity, item-kNN, the co-occurrence kernel and EASE with their default settings, unfitted."""
    from zhiyin.recommender import Recommender
    from zhiyin.retrieve.ease import EaseRetriever
    from zhiyin.retrieve.item_knn import ItemKnnRetriever
    from zhiyin.retrieve.kernel import KernelRetriever
    from zhiyin.retrieve.popular import PopularRetriever

    parts: tuple[Retriever, ...] = (
        PopularRetriever(),
        ItemKnnRetriever(),
        KernelRetriever(),
        EaseRetriever(),
    )
    return {name: Recommender(retrievers={name: part}) for name, part in zip(FLOORS, parts)}
