"""Attributes: one, several, weighted; words and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from zhiyin.contracts import Persistent, Refreshable, Retriever, Trainable
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, NotFittedError
from zhiyin.retrieve.attributes import AttributesRetriever
from zhiyin.testing import RetrieverTests
from zhiyin.types import History, Interaction, Item, Query

NOBODY = np.empty(0, np.int32)
ITEMS = [
    Item("0", attributes={"genre": ("war",), "brand": "acme", "price": 10.0}),
    Item("1", attributes={"genre": ("war", "drama"), "brand": "other", "price": 12.0}),
    Item("2", attributes={"genre": ("comedy",), "brand": "acme", "price": 900.0}),
    Item("3", attributes={"genre": ("comedy",), "brand": "third", "price": 11.0}),
    Item("4", attributes={"genre": ("comedy",), "brand": "fourth", "price": 500.0}),
    Item("5"),
]


def data_of(items: Sequence[Item] = ITEMS) -> Dataset:
    return Dataset.of([Interaction("u", items[0].id)], items)


def asked(codes: Sequence[int], weights: Sequence[float] | None = None) -> Query:
    given = np.ones(len(codes), np.float32) if weights is None else np.array(weights, np.float32)
    return Query(History(np.array(codes, np.int32), given, np.full(len(codes), np.nan)))


def best(retriever: AttributesRetriever, code: int) -> int:
    return int(retriever.relevance(asked([code])).top(1, np.array([code], np.int32))[0])


def test_it_keeps_the_contracts() -> None:
    for contract in (Retriever, Trainable, Refreshable, Persistent):
        assert isinstance(AttributesRetriever(), contract)


@pytest.mark.parametrize(("name", "expected"), [("genre", 1), ("brand", 2), ("price", 3)])
def test_one_attribute(name: str, expected: int) -> None:
    assert best(AttributesRetriever(names=[name]).fit(data_of()), 0) == expected


@pytest.mark.parametrize(("name", "expected"), [("genre", 1), ("brand", 2), ("price", 3)])
def test_a_heavy_attribute_decides_among_several(name: str, expected: int) -> None:
    assert best(AttributesRetriever(weights={name: 50.0}).fit(data_of()), 0) == expected


def test_a_weight_of_nothing_is_the_attribute_left_out() -> None:
    out = AttributesRetriever(weights={"genre": 0, "price": 0}).fit(data_of())
    alone = AttributesRetriever(names=["brand"]).fit(data_of())
    codes = np.arange(6, dtype=np.int32)
    np.testing.assert_allclose(out.relevance(asked([0])).of(codes), alone.relevance(asked([0])).of(codes))


def test_a_rare_word_says_more_than_a_common_one() -> None:
    items = [Item(str(i), attributes={"tag": ("common",)}) for i in range(20)]
    items += [Item("a", attributes={"tag": ("common", "rare")}), Item("b", attributes={"tag": ("rare",)})]
    retriever = AttributesRetriever().fit(data_of(items))
    assert best(retriever, 20) == 21


def test_near_numbers_are_alike_and_far_ones_are_not() -> None:
    items = [Item(str(year), attributes={"year": float(year)}) for year in range(1900, 2000)]
    retriever = AttributesRetriever().fit(data_of(items))
    scores = retriever.relevance(asked([50])).of(np.arange(100, dtype=np.int32))
    assert scores.argmax() == 50 and (np.diff(scores[50:70]) <= 1e-6).all()
    assert scores[55] > 0.5 and scores[0] == 0 == scores[99]


def test_equal_and_single_and_missing_numbers_do_no_harm() -> None:
    items = [
        Item("a", attributes={"x": 3.0}),
        Item("b", attributes={"x": 3.0}),
        Item("c", attributes={"y": np.inf}),
        Item("d"),
    ]
    scores = AttributesRetriever().fit(data_of(items)).relevance(asked([0])).of(np.arange(4, dtype=np.int32))
    assert scores[1] == pytest.approx(1) and np.isnan(scores[2:]).all()


def test_who_shares_nothing_is_not_proposed_and_who_has_nothing_not_scored() -> None:
    retriever = AttributesRetriever(names=["genre"]).fit(data_of())
    relevance = retriever.relevance(asked([0]))
    assert relevance.top(9, NOBODY).tolist() == [0, 1]
    scores = relevance.of(np.array([2, 5, -1, 77], np.int32))
    assert scores[0] == 0 and np.isnan(scores[1:]).all()
    for query in (asked([]), asked([-1, 99]), asked([5])):
        assert len(retriever.relevance(query).top(9, NOBODY)) == 0


def test_a_dislike_turns_its_attributes_away() -> None:
    scores = (
        AttributesRetriever(names=["genre"])
        .fit(data_of())
        .relevance(asked([0, 2], [1, -1]))
        .of(np.arange(5, dtype=np.int32))
    )
    assert scores[1] > 0 > scores[3]


def test_the_evidence_adds_up_to_the_score() -> None:
    retriever = AttributesRetriever(decay=0.5).fit(data_of())
    query, codes = asked([0, -1, 3, 2]), np.array([4, 1, -1], np.int32)
    block = retriever.relevance(query).evidence(codes)
    assert block is not None and block.shape == (4, 3) and not block[1].any() and not block[:, 2].any()
    summed, scores = query.history.decayed(0.5) @ block[:, :2], retriever.relevance(query).of(codes[:2])
    np.testing.assert_allclose(summed / np.linalg.norm(summed), scores / np.linalg.norm(scores), atol=1e-5)


def test_a_new_item_is_found_at_once() -> None:
    data = data_of()
    retriever = AttributesRetriever(names=["genre"]).fit(data)
    retriever.refresh(data.items.with_items([Item("new", attributes={"genre": ("war", "opera")})]))
    assert 6 in retriever.relevance(asked([0])).top(3, NOBODY)
    assert set(retriever.relevance(asked([6])).top(3, NOBODY).tolist()) == {0, 1, 6}


def test_restored_answers_are_identical() -> None:
    retriever = AttributesRetriever().fit(data_of())
    one = retriever.relevance(asked([0, 2]))
    other = AttributesRetriever().restore(retriever.state()).relevance(asked([0, 2]))
    codes = np.arange(6, dtype=np.int32)
    np.testing.assert_array_equal(one.of(codes), other.of(codes))
    np.testing.assert_array_equal(one.evidence(codes), other.evidence(codes))


@pytest.mark.parametrize("options", [{"names": ["gnere"]}, {"weights": {"gnere": 1.0}}])
def test_a_misspelt_attribute_is_named(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="did you mean 'genre'"):
        AttributesRetriever(**options).fit(data_of())  # type: ignore[arg-type]


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'genre' must be 0 or more, got -1"):
        AttributesRetriever(weights={"genre": -1}).fit(data_of())


def test_a_catalogue_without_attributes_has_no_answer() -> None:
    retriever = AttributesRetriever().fit(data_of([Item("a"), Item("b")]))
    assert len(retriever.relevance(asked([0])).top(5, NOBODY)) == 0
    assert Catalogue.of([]) is not None


def test_before_fit_it_says_so() -> None:
    with pytest.raises(NotFittedError, match="fit"):
        AttributesRetriever().relevance(asked([0]))


class TestContract(RetrieverTests):
    def make(self) -> Retriever:
        return AttributesRetriever()
