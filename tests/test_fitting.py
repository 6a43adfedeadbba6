"""Parts are fitted on the log before the cut, then on all of it; what can go on from there does."""

from __future__ import annotations

from typing import Self

import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.rank import BoostedRanker, SourceFeature
from zhiyin.recommender import Recommender
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.testing import checkerboard


class DiaryRetriever(PopularRetriever):
    """Notes what it is fitted on, and whether it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.diary: list[tuple[str, int]] = []
        self.watch = None

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.diary.append(("fit", len(data)))
        return super().fit(data, seed=seed)

    def fit_more(self, data: Dataset, *, seed: int = 0) -> Self:
        self.diary.append(("more", len(data)))
        if self.watch is not None:
            self.watch(1, 2)
        return super().fit(data, seed=seed)


def test_the_replay_sees_a_part_that_has_not_seen_the_replayed_events() -> None:
    data, diary = checkerboard(n_users=80), DiaryRetriever()
    ranker = BoostedRanker(features=[SourceFeature()], min_rows_in_leaf=2)
    recommender = Recommender(retrievers={"diary": diary, "kernel": KernelRetriever()}, ranker=ranker)
    recommender.fit(data)
    (first, before), (second, after) = diary.diary
    assert (first, second) == ("fit", "more")
    assert before <= len(data) - data.n_users
    assert after == len(data)


def test_without_a_replay_it_is_fitted_once_from_nothing() -> None:
    diary = DiaryRetriever()
    Recommender(retrievers={"popular": diary}).fit(checkerboard())
    assert [name for name, _ in diary.diary] == ["fit"]


def test_who_watches_is_told_how_far_a_part_is_and_then_let_go() -> None:
    diary, told = DiaryRetriever(), []
    ranker = BoostedRanker(features=[SourceFeature()], min_rows_in_leaf=2)
    recommender = Recommender(retrievers={"diary": diary}, ranker=ranker, fallback="diary")
    recommender.fit(checkerboard(), progress=lambda *said: told.append(said))
    assert ("retriever.diary", 1, 2) in told
    assert diary.watch is None


def test_the_default_with_a_network_fits_saves_and_answers(tmp_path: object) -> None:
    pytest.importorskip("torch")
    data = checkerboard(n_users=60)
    recommender = Recommender.default(data, sequence=True)
    recommender.retrievers["transformer"].epochs = 2  # type: ignore[attr-defined]
    recommender.fit(data)
    recommender.save(str(tmp_path))
    back = Recommender.load(str(tmp_path))
    first, second = (part.recommend("u0", n=3) for part in (recommender, back))
    assert [line.item for line in first] == [line.item for line in second]
    assert "transformer" in {name for line in first for name in line.sources}
