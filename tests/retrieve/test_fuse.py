"""Fusion: what a query rules out, forces or allows decides before any source does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from zhiyin.contracts import Retriever
from zhiyin.errors import LlmError
from zhiyin.retrieve.fuse import FEW_ALLOWED, competition_ranks, gather
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import Query

N = 3 * FEW_ALLOWED
BY_CODE = np.arange(N, 0, -1).astype(np.float32)


class Fixed:
    """Says the same scores to everybody."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def relevance(self, query: Query) -> DenseRelevance:
        return DenseRelevance(self.scores)


class Deaf(Fixed):
    """Does not hear what is allowed."""

    def relevance(self, query: Query) -> DenseRelevance:
        class Anything(DenseRelevance):
            def top(self, n, exclude, allowed=None):
                return DenseRelevance.top(self, n, exclude)

        return Anything(self.scores)


class Away(Fixed):
    def relevance(self, query: Query) -> DenseRelevance:
        raise LlmError("no server")


def codes(*found: int) -> np.ndarray:
    return np.array(found, np.int32)


def found(
    query: Query, sources: Mapping[str, Retriever] | None = None, n_each: int = 5, n: int = 8
) -> list[int]:
    chosen = sources or {"down": Fixed(BY_CODE), "up": Fixed(-BY_CODE)}
    return gather(chosen, query, n_each=5, n=n)[0].items.tolist()


def test_the_first_of_every_source_are_fused_and_cut() -> None:
    assert found(Query(), n=100) == [0, 1, 2, 3, 4, *range(N - 5, N)]
    assert found(Query(), n=4) == [0, 1, N - 2, N - 1]


@pytest.mark.parametrize("allowed_from", [N - 7, N - FEW_ALLOWED - 500])
def test_only_what_is_allowed_is_proposed(allowed_from: int) -> None:
    mask = np.arange(N) >= allowed_from
    got = found(Query(allowed=mask, exclude=codes(allowed_from)), n=6)
    assert min(got) == allowed_from + 1 and max(got) == N - 1 and len(got) == 6


def test_a_source_that_does_not_hear_what_is_allowed_is_corrected() -> None:
    mask = np.arange(N) % 2 == 0
    assert found(Query(allowed=mask), {"deaf": Deaf(BY_CODE)}) == [0, 2, 4]


def test_what_is_forced_comes_on_top_of_the_cut() -> None:
    assert found(Query(include=codes(70, 60, 70)), n=2) == [0, 60, 70, N - 1]
    few = np.isin(np.arange(N), [10, 11, 12, 13])
    assert found(Query(include=codes(12, 60), allowed=few), {"down": Fixed(BY_CODE)}, n=2) == [10, 11, 12]


def test_what_is_ruled_out_wins_over_what_is_forced() -> None:
    assert 60 not in found(Query(include=codes(60, -1), exclude=codes(60)))
    assert found(Query(include=codes(60), only=codes(3, 4, 5), exclude=codes(4))) == [3, 5]
    assert found(Query(only=codes(9, 8), allowed=np.arange(N) != 8)) == [9]
    assert min(found(Query(include=codes(-1)))) == 0


def test_a_source_that_is_away_has_no_opinion() -> None:
    got, failed = gather({"down": Fixed(BY_CODE), "away": Away(BY_CODE)}, Query(), n_each=3, n=3)
    assert failed == ("away",) and np.isnan(got.scores[:, 1]).all() and got.items.tolist() == [0, 1, 2]
    nothing, _ = gather({"away": Away(BY_CODE)}, Query(), n_each=3, n=3)
    assert len(nothing) == 0 and nothing.scores.shape == (0, 1)


def test_equals_share_a_rank() -> None:
    scores = np.array([[1, np.nan], [3, np.nan], [3, np.nan], [0, np.nan]], np.float32)
    np.testing.assert_array_equal(competition_ranks(scores)[:, 0], [2, 0, 0, 3])
    assert np.isnan(competition_ranks(scores)[:, 1]).all()


def test_ranks_count_what_stands_strictly_above() -> None:
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 40):
        scores = rng.integers(-3, 4, (n, 6)).astype(np.float32)
        scores[rng.random(scores.shape) < 0.3] = np.nan
        scores[rng.random(scores.shape) < 0.1] = np.inf
        above = (scores[:, None] < scores[None]).sum(axis=1).astype(np.float32)
        np.testing.assert_array_equal(competition_ranks(scores), np.where(np.isnan(scores), np.nan, above))
