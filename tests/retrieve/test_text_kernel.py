from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError, NotFittedError
from zhiyin.represent import HashEncoder
from zhiyin.retrieve.text_factors import TextFactorsRetriever
from zhiyin.retrieve.text_kernel import TextKernelRetriever
from zhiyin.testing import RetrieverTests, checkerboard, history_of, round_trip
from zhiyin.types import Interaction, Item, Query

PARTS = [TextKernelRetriever, TextFactorsRetriever]
ENCODER = HashEncoder(dim=64)
NOTHING = np.empty(0, np.int32)


class TestTextKernel(RetrieverTests):
    def make(self) -> TextKernelRetriever:
        return TextKernelRetriever(encoder=ENCODER)


class TestTextFactors(RetrieverTests):
    def make(self) -> TextFactorsRetriever:
        return TextFactorsRetriever(encoder=ENCODER)


def with_cold(n: int = 16) -> Dataset:
    """The checkerboard, with two items that nobody chose: number n reads even, number n + 1 odd."""
    plain = checkerboard()
    rows = [
        Interaction(plain.users[user], plain.items.ids[item], at=float(at))
        for user, item, at in zip(plain.user, plain.item, plain.at)
    ]
    items = [plain.items.item(code) for code in range(n)]
    return Dataset.of(rows, [*items, *cold_items(n)], name="cold")


def cold_items(n: int = 16) -> list[Item]:
    return [
        Item("even", "violin sonata", "violin sonata for quiet evenings", {"side": "violin sonata"}),
        Item("odd", "hammer", "drill and hammer for the workshop", {"side": "drill"}),
    ]


def score(retriever: Any, history: tuple[int, ...], items: tuple[int, ...]) -> Any:
    return retriever.relevance(Query(history_of(*history))).of(np.array(items, np.int32))


@pytest.mark.parametrize("part", PARTS)
def test_an_item_without_behaviour_goes_to_those_who_like_its_like(part: Any) -> None:
    fitted = part(encoder=ENCODER).fit(with_cold())
    for side in (0, 1):
        told = score(fitted, (side, side + 2), (16 + side, 17 - side))
        assert told[0] > told[1]


@pytest.mark.parametrize("part", PARTS)
def test_an_item_without_behaviour_speaks_in_a_history(part: Any) -> None:
    fitted = part(encoder=ENCODER).fit(with_cold())
    top = fitted.relevance(Query(history_of(17))).top(4, np.array([16, 17], np.int32))
    assert len(top) == 4 and (top % 2 == 1).all()


@pytest.mark.parametrize("part", PARTS)
def test_an_item_that_comes_later_is_treated_as_if_it_had_been_there(part: Any) -> None:
    """Refresh is the same computation as the fit: hashed texts and the words of the others do not move."""
    there = part(encoder=ENCODER).fit(with_cold())
    later = part(encoder=ENCODER).fit(checkerboard())
    later.refresh(with_cold().items)
    everything = tuple(range(18))
    for history in ((0, 2), (1, 3), (16,), (17, 5)):
        np.testing.assert_allclose(
            score(later, history, everything), score(there, history, everything), rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("part", PARTS)
def test_refreshing_twice_and_back_changes_nothing(part: Any) -> None:
    fitted = part(encoder=ENCODER).fit(checkerboard())
    before = score(fitted, (0, 2), tuple(range(16)))
    fitted.refresh(with_cold().items)
    fitted.refresh(with_cold().items)
    assert np.isnan(score(fitted, (0, 2), (18,))).all() and not np.isnan(score(fitted, (0, 2), (17,))).any()
    fitted.refresh(checkerboard().items)
    np.testing.assert_array_equal(score(fitted, (0, 2), tuple(range(16))), before)


@pytest.mark.parametrize("part", PARTS)
def test_a_saved_part_still_takes_in_new_items(part: Any) -> None:
    fitted = part(encoder=ENCODER).fit(checkerboard())
    restored = part(encoder=ENCODER).restore(round_trip(fitted.state()))
    for one in (fitted, restored):
        one.refresh(with_cold().items)
    np.testing.assert_array_equal(score(restored, (0, 16), (16, 17)), score(fitted, (0, 16), (16, 17)))


@pytest.mark.parametrize("part", PARTS)
def test_vectors_of_another_encoder_are_refused(part: Any) -> None:
    state = part(encoder=ENCODER).fit(checkerboard()).state()
    with pytest.raises(ArtefactError, match=r"dim=64.*dim=32"):
        part(encoder=HashEncoder(dim=32)).restore(state)


@pytest.mark.parametrize("part", PARTS)
def test_asked_before_fit_it_says_so(part: Any) -> None:
    for ask in (lambda: part().relevance(Query()), lambda: part().state()):
        with pytest.raises(NotFittedError, match="fit"):
            ask()


@pytest.mark.parametrize("part", PARTS)
def test_data_without_pairs_is_no_accident(part: Any) -> None:
    lonely = Dataset.of([Interaction(f"u{i}", f"i{i}") for i in range(4)], name="lonely")
    top = part(encoder=ENCODER).fit(lonely).relevance(Query(history_of(0))).top(3, NOTHING)
    assert len(top) <= 3


def test_an_item_that_many_chose_lives_on_its_own_behaviour() -> None:
    data = with_cold()
    own = TextKernelRetriever(encoder=ENCODER, borrow=1e-9).fit(data)
    lent = TextKernelRetriever(encoder=ENCODER, borrow=1e9).fit(data)
    some = TextKernelRetriever(encoder=ENCODER, borrow=10).fit(data)
    asked = (2, 4, 6, 8, 10)
    scores = [score(part, (0,), asked) for part in (own, some, lent)]
    assert np.abs(scores[1] - scores[0]).max() < np.abs(scores[2] - scores[0]).max()
