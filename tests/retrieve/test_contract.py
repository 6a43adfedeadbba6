"""Every retriever of this room keeps the contract."""

from __future__ import annotations

from zhiyin import retrieve
from zhiyin.retrieve import (
    AlsRetriever,
    EaseRetriever,
    GraphRetriever,
    ItemKnnRetriever,
    KernelRetriever,
    PageRankRetriever,
    PopularRetriever,
    RecentRetriever,
    RepeatRetriever,
    SgdRetriever,
    SlitRetriever,
    UserKnnRetriever,
    WishRetriever,
)
from zhiyin.testing import RetrieverTests


class TestAls(RetrieverTests):
    def make(self) -> AlsRetriever:
        return AlsRetriever(factors=4)


class TestEase(RetrieverTests):
    def make(self) -> EaseRetriever:
        return EaseRetriever(regularisation=5.0)


class TestEaseSparse(RetrieverTests):
    def make(self) -> EaseRetriever:
        return EaseRetriever(regularisation=5.0, max_exact=0, neighbourhood=6)


class TestGraph(RetrieverTests):
    def make(self) -> GraphRetriever:
        return GraphRetriever()


class TestItemKnnCosine(RetrieverTests):
    def make(self) -> ItemKnnRetriever:
        return ItemKnnRetriever(similarity="cosine")


class TestItemKnnPearson(RetrieverTests):
    def make(self) -> ItemKnnRetriever:
        return ItemKnnRetriever(similarity="pearson", shrinkage=0.0)


class TestItemKnnEuclidean(RetrieverTests):
    def make(self) -> ItemKnnRetriever:
        return ItemKnnRetriever(similarity="euclidean")


class TestKernel(RetrieverTests):
    def make(self) -> KernelRetriever:
        return KernelRetriever()


class TestPageRank(RetrieverTests):
    def make(self) -> PageRankRetriever:
        return PageRankRetriever()


class TestPopular(RetrieverTests):
    learns_taste = False

    def make(self) -> PopularRetriever:
        return PopularRetriever(half_life_days=7.0)


class TestRecent(RetrieverTests):
    learns_taste = False

    def make(self) -> RecentRetriever:
        return RecentRetriever()


class TestRepeat(RetrieverTests):
    learns_taste = False

    def make(self) -> RepeatRetriever:
        return RepeatRetriever()


class TestSgd(RetrieverTests):
    def make(self) -> SgdRetriever:
        return SgdRetriever(factors=8, epochs=30, negatives=16)


class TestSlit(RetrieverTests):
    def make(self) -> SlitRetriever:
        return SlitRetriever(regularisation=5.0, next_items=3)


class TestUserKnn(RetrieverTests):
    def make(self) -> UserKnnRetriever:
        return UserKnnRetriever(k=5)


def test_the_room_is_complete_and_sorted() -> None:
    assert list(retrieve.__all__) == sorted(retrieve.__all__)
    for name in retrieve.__all__:
        assert getattr(retrieve, name).__name__ == name


class TestWish(RetrieverTests):
    learns_taste = False

    def make(self) -> WishRetriever:
        return WishRetriever()
