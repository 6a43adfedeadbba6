"""Policies of a request: what each moves, and in which order they act."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.errors import ConfigError
from zhiyin.rank.boosts import Boost, BoostReranker
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.diversity import DiversityReranker, TailReranker
from zhiyin.rank.exploration import EpsilonGreedyReranker, ThompsonReranker
from zhiyin.rank.pins import PinReranker
from zhiyin.rank.policies import bound, in_order
from zhiyin.represent.hash_encoder import HashEncoder
from zhiyin.testing import RerankerTests, candidates, checkerboard
from zhiyin.types import Candidates, Item, Query

BRANDS = ["a", "a", "a", "b", "a", "b", "c", ""]
SHOP = Catalogue.of(
    [
        Item(f"i{code}", attributes={"brand": brand, "price": float(code // 4)} if brand else {})
        for code, brand in enumerate(BRANDS)
    ]
)


def codes(*found: int) -> np.ndarray:
    return np.array(found, np.int32)


def capped(attribute: str, at_most: int, n: int, found: Candidates | None = None) -> list[int]:
    cap = CapReranker(attribute=attribute, at_most=at_most)
    cap.refresh(SHOP)
    return cap.rerank(Query(), candidates(8) if found is None else found, n).items.tolist()


class TestCap(RerankerTests):
    def make(self):
        return CapReranker(attribute="side", at_most=2)


class TestBoost(RerankerTests):
    def make(self):
        return BoostReranker(boosts=[Boost(codes(3, 5), times=1.5, plus=0.1)])


class TestPin(RerankerTests):
    def make(self):
        return PinReranker(pins={4: 1, 2: 3, 99: 1})


class TestEpsilonGreedy(RerankerTests):
    def make(self):
        return EpsilonGreedyReranker(epsilon=0.5, slots=(1, 3))


class TestThompson(RerankerTests):
    def make(self):
        return ThompsonReranker(slots=(1, 3))


@pytest.mark.parametrize(
    ("attribute", "at_most", "n", "expected"),
    [
        ("brand", 2, 5, [0, 1, 3, 5, 6, 2, 4, 7]),
        ("brand", 1, 3, [0, 3, 6, 1, 2, 4, 5, 7]),
        ("brand", 2, 2, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("brand", 9, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("brand", 0, 3, [7, 0, 1, 2, 3, 4, 5, 6]),
        ("price", 2, 4, [0, 1, 4, 5, 2, 3, 6, 7]),
    ],
)
def test_a_cap_moves_what_is_too_much_behind(
    attribute: str, at_most: int, n: int, expected: list[int]
) -> None:
    assert capped(attribute, at_most, n) == expected


def test_a_cap_never_makes_the_list_short() -> None:
    assert capped("brand", 1, 8) == [0, 3, 6, 7, 1, 2, 4, 5]


def test_each_of_several_words_is_capped_and_items_beyond_the_catalogue_are_free() -> None:
    films = Catalogue.of([Item("x", attributes={"genre": ("a", "b")}), Item("y", attributes={"genre": "b"})])
    cap = CapReranker(attribute="genre", at_most=1)
    cap.refresh(films)
    assert cap.rerank(Query(), candidates(3), 2).items.tolist() == [0, 2, 1]


def test_a_cap_on_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'brand'"):
        capped("bran", 1, 3)


def test_a_boost_multiplies_and_adds_on_the_scale_from_last_to_first() -> None:
    given = candidates(5).scored(np.array([9.0, 7.0, 5.0, np.nan, 1.0], np.float32))
    lifted = BoostReranker(boosts=[Boost(codes(2), times=1.9)]).rerank(Query(), given, 5)
    assert lifted.items.tolist() == [0, 2, 1, 3, 4]
    np.testing.assert_allclose(lifted.score, [9.0, 8.6, 7.0, np.nan, 1.0], rtol=1e-6)
    added = BoostReranker(boosts=[Boost(codes(3), plus=0.8), Boost(codes(3), times=2)])
    assert added.rerank(Query(), given, 5).items.tolist() == [3, 0, 1, 2, 4]
    lowered = BoostReranker(boosts=[Boost(codes(0, 1), times=0.1)]).rerank(Query(), given, 5)
    assert lowered.items.tolist() == [2, 0, 1, 3, 4]


def test_a_boost_of_a_filter_and_one_of_nobody() -> None:
    given = candidates(4)
    mask = np.array([False, False, True])
    assert BoostReranker(boosts=[Boost(mask, plus=1)]).rerank(Query(), given, 4).items.tolist() == [
        2,
        0,
        1,
        3,
    ]
    assert BoostReranker(boosts=[Boost(codes(77), plus=1)]).rerank(Query(), given, 4) is given
    alike = given.scored(np.ones(4, np.float32))
    assert BoostReranker(boosts=[Boost(codes(3), plus=0.1)]).rerank(Query(), alike, 4).items[0] == 3


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        ({4: 1}, [4, 0, 1, 2, 3, 5]),
        ({0: 6}, [1, 2, 3, 4, 5, 0]),
        ({0: 3, 5: 1}, [5, 1, 0, 2, 3, 4]),
        ({4: 2, 5: 2}, [0, 4, 5, 1, 2, 3]),
        ({4: 2, 5: 2, 3: 3}, [0, 4, 5, 3, 1, 2]),
        ({2: 99}, [0, 1, 3, 4, 5, 2]),
        ({77: 1}, [0, 1, 2, 3, 4, 5]),
        ({1: 1, 0: 2, 2: 3}, [1, 0, 2, 3, 4, 5]),
    ],
)
def test_pins_stand_where_the_editor_says(pins: dict[int, int], expected: list[int]) -> None:
    assert PinReranker(pins=pins).rerank(Query(), candidates(6), 6).items.tolist() == expected


def test_the_order_does_not_depend_on_who_asks_first() -> None:
    class Own:
        def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
            return ranking

    encoder = HashEncoder()
    boost, cap, pin = BoostReranker(boosts=[]), CapReranker(attribute="brand"), PinReranker(pins={})
    explore, more, own, tail = EpsilonGreedyReranker(), ThompsonReranker(), Own(), TailReranker()
    one, other = DiversityReranker(encoder=encoder), DiversityReranker(encoder=encoder, weight=0)
    assert in_order([pin, cap, explore, own, one], [tail, boost]) == (
        boost,
        own,
        one,
        tail,
        cap,
        explore,
        pin,
    )
    assert in_order([explore, one, cap], [other, more]) == (other, cap, more)
    assert in_order([]) == ()


def test_policies_of_a_request_are_bound_and_those_of_the_caller_stay_as_they_are() -> None:
    data, encoder = checkerboard(), HashEncoder()
    cap, dial = CapReranker(attribute="side"), DiversityReranker(encoder=encoder, weight=0.9)
    known = DiversityReranker(encoder=encoder).fit(data)
    first, second = bound([cap, dial], data.items, [object(), known])
    assert isinstance(first, CapReranker) and first.items_ is data.items and cap.items_ is None
    assert isinstance(second, DiversityReranker) and second.weight == 0.9 and not len(dial.vectors_)
    np.testing.assert_array_equal(second.vectors_[:16], known.vectors_[:16])
    (alone,) = bound([dial], data.items, [])
    np.testing.assert_array_equal(alone.vectors_[:16], known.vectors_[:16])
