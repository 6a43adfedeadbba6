"""Contract tests for parts of your own: subclass in three lines, and pytest runs them all.

    class TestMine(RetrieverTests):
        def make(self):
            return MyRetriever()

Each test names what every part of the role promises; what only yours can do is yours to test.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from zhiyin.contracts import Encoder, Explainer, Feature, Refreshable, Reranker, Retriever, State, Trainable
from zhiyin.data.dataset import Dataset
from zhiyin.types import Candidates, FloatArray, History, IntArray, Interaction, Item, Query

__all__ = [
    "EncoderTests",
    "ExplainerTests",
    "FeatureTests",
    "RerankerTests",
    "RetrieverTests",
    "candidates",
    "checkerboard",
    "history_of",
    "round_trip",
]

NOTHING: IntArray = np.empty(0, np.int32)
DAY = 86400.0


def checkerboard(n_users: int = 24, n_items: int = 16, *, clock: bool = True, seed: int = 0) -> Dataset:
    """Even users like even items, odd users odd ones; each user leaves out a few, in an order of chance.

    Items carry a title, a text and a word `side`, so that parts that read see the same pattern.
    """
    random = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        liked = random.permutation(np.arange(user % 2, n_items, 2))[: n_items // 2 - 2]
        for step, item in enumerate(liked):
            at = user * DAY + step * 60.0 if clock else None
            rows.append(Interaction(f"u{user}", f"i{item}", "click", at=at))
    words = (("even", "violin sonata for quiet evenings"), ("odd", "drill and hammer for the workshop"))
    items = [
        Item(f"i{code}", f"{words[code % 2][0]} {code}", words[code % 2][1], {"side": words[code % 2][0]})
        for code in range(n_items)
    ]
    return Dataset.of(rows, items, name="checkerboard")


def history_of(*items: int, weights: tuple[float, ...] | None = None) -> History:
    """A history of these codes, a minute apart; every weight is 1 unless told."""
    n = len(items)
    return History(
        np.array(items, np.int32),
        np.ones(n, np.float32) if weights is None else np.array(weights, np.float32),
        np.arange(n, dtype=np.float64) * 60.0,
    )


def candidates(n: int = 6, *, n_history: int = 0) -> Candidates:
    """The first `n` codes as two sources see them, best first; the second source knows only every other one.

    With `n_history`, the first source also has evidence: event h speaks for candidate h alone.
    """
    first = np.linspace(1, 0.1, n, dtype=np.float32)
    second = np.where(np.arange(n) % 2 == 0, first[::-1], np.nan)
    places = np.arange(n, dtype=np.float32)
    ranks = np.column_stack((places, np.where(np.isnan(second), np.nan, (n - 1 - places) // 2)))
    return Candidates(
        items=np.arange(n, dtype=np.int32),
        sources=("first", "second"),
        scores=np.column_stack((first, second)).astype(np.float32),
        ranks=ranks.astype(np.float32),
        evidence={"first": np.eye(n_history, n, dtype=np.float32)} if n_history else {},
        score=first,
    )


def round_trip(state: State) -> State:
    """The state as it comes back from disk: arrays through safetensors, strings through UTF-8."""
    arrays: dict[str, Any] = {
        name: np.ascontiguousarray(value) for name, value in state.items() if not isinstance(value, str)
    }
    texts = {name: value.encode().decode() for name, value in state.items() if isinstance(value, str)}
    back: State = {**load(save(arrays)), **texts}
    return back


class RetrieverTests(ABC):
    """What every retriever promises."""

    learns_taste = True
    """False for those that do not ask the history."""
    exact_evidence = True
    """False where evidence, if there is any, does not add up to the score."""

    @abstractmethod
    def make(self) -> Retriever:
        """A fresh, unfitted retriever."""

    def data(self) -> Dataset:
        """What it is fitted on."""
        return checkerboard()

    def fitted(self, seed: int = 0) -> Any:
        retriever: Any = self.make()
        return retriever.fit(self.data(), seed=seed)

    def ask(self, history: History, *, seed: int = 0) -> Any:
        return self.fitted(seed).relevance(Query(history, at=1e6))

    def test_it_is_a_retriever(self) -> None:
        assert isinstance(self.make(), Retriever)

    def test_a_history_of_even_items_brings_even_items(self) -> None:
        if not self.learns_taste:
            return
        for side in (0, 1):
            seen = history_of(side, side + 2, side + 4)
            top = self.ask(seen).top(4, seen.items)
            assert len(top) and (top % 2 == side).all(), f"history {seen.items}, got {top}"

    def test_top_leaves_out_what_is_excluded(self) -> None:
        asked = self.ask(history_of(0, 2))
        everything = np.arange(len(self.data().items), dtype=np.int32)
        assert not np.isin(asked.top(16, everything[::2]), everything[::2]).any()
        assert len(asked.top(16, everything)) == 0

    def test_only_what_is_allowed_comes_back_and_all_of_it(self) -> None:
        asked = self.ask(history_of(0, 2))
        allowed = np.zeros(len(self.data().items) + 3, np.bool_)
        allowed[::3] = True
        everything = asked.top(100, NOTHING)
        np.testing.assert_array_equal(asked.top(100, NOTHING, allowed), everything[allowed[everything]])
        short = asked.top(100, NOTHING, allowed[:4])
        assert set(short.tolist()) == set(everything.tolist()) & {0, 3}, "beyond the end of the mask"

    def test_excluding_codes_that_do_not_exist_is_harmless(self) -> None:
        asked = self.ask(history_of(0, 2))
        odd = np.array([-1, 10**6], np.int32)
        np.testing.assert_array_equal(asked.top(5, odd), asked.top(5, NOTHING))

    def test_top_is_short_unique_and_best_first(self) -> None:
        asked = self.ask(history_of(0, 2, 4))
        for n in (0, 1, 3, 100):
            top = asked.top(n, NOTHING)
            assert top.dtype == np.int32 and len(top) <= n and len(set(top.tolist())) == len(top)
            scores = asked.of(top)
            assert not np.isnan(scores).any() and (np.diff(scores) <= 0).all()
        np.testing.assert_array_equal(asked.top(3, NOTHING), asked.top(100, NOTHING)[:3])

    def test_top_forgets_nothing_better(self) -> None:
        asked = self.ask(history_of(0, 2, 4))
        top = asked.top(3, NOTHING)
        others = np.setdiff1d(np.arange(16, dtype=np.int32), top)
        rest = asked.of(others)
        assert not len(top) or not (rest > asked.of(top).min()).any()

    def test_unknown_items_are_data(self) -> None:
        asked = self.ask(history_of(0, 2))
        scores = asked.of(np.array([-1, 0, 10**6], np.int32))
        assert scores.dtype == np.float32 and np.isnan(scores[[0, 2]]).all()
        assert len(asked.of(NOTHING)) == 0

    def test_odd_histories_are_answered(self) -> None:
        fitted = self.fitted()
        odd = [
            history_of(),
            history_of(-1),
            history_of(10**6),
            history_of(0, 2, weights=(-1.0, -2.0)),
            history_of(0, 0, 0),
            history_of(-1, 0, 10**6, 2, weights=(1.0, 1.0, 1.0, -0.5)),
            history_of(0, 2, weights=(0.0, 0.0)),
        ]
        for history in odd:
            asked = fitted.relevance(Query(history))
            top = asked.top(5, history.items)
            assert ((top >= 0) & (top < 16)).all() and not np.isnan(asked.of(top)).any()

    def test_an_unknown_event_changes_nothing_when_it_lies_furthest_back(self) -> None:
        fitted = self.fitted()
        plain = fitted.relevance(Query(history_of(0, 2))).top(5, NOTHING)
        odd = fitted.relevance(Query(history_of(-1, 10**6, 0, 2))).top(5, NOTHING)
        np.testing.assert_array_equal(plain, odd)

    def test_asking_changes_neither_the_query_nor_the_next_answer(self) -> None:
        fitted, history = self.fitted(), history_of(0, 2, 4)
        before = copy.deepcopy(history)
        first = fitted.relevance(Query(history)).top(8, NOTHING)
        fitted.relevance(Query(history_of(1, 3))).top(8, np.arange(3, dtype=np.int32))
        np.testing.assert_array_equal(fitted.relevance(Query(history)).top(8, NOTHING), first)
        np.testing.assert_array_equal(history.items, before.items)
        np.testing.assert_array_equal(history.weights, before.weights)

    def test_the_same_seed_gives_the_same_answer(self) -> None:
        np.testing.assert_array_equal(self._scores(self.fitted(3)), self._scores(self.fitted(3)))

    def test_fitting_twice_is_fitting_once_on_the_last(self) -> None:
        twice: Any = self.make()
        twice.fit(checkerboard(8, 12, seed=1)).fit(self.data(), seed=0)
        np.testing.assert_array_equal(self._scores(twice), self._scores(self.fitted()))

    def test_answers_after_saving_are_the_same(self) -> None:
        fitted = self.fitted()
        restored: Any = self.make()
        restored = restored.restore(round_trip(fitted.state()))
        np.testing.assert_array_equal(self._scores(restored), self._scores(fitted))
        one, two = (part.relevance(Query(history_of(0, 3))).top(9, NOTHING) for part in (fitted, restored))
        np.testing.assert_array_equal(one, two)

    def test_evidence_adds_up(self) -> None:
        """What each event gave, times its decayed weight, is the score."""
        history = history_of(0, 2, -1, 4, weights=(1.0, 2.0, 1.0, 0.5))
        fitted, items = self.fitted(), np.array([6, 1, 8], np.int32)
        asked = fitted.relevance(Query(history))
        block = asked.evidence(items)
        if block is None:
            return
        assert block.shape == (4, 3) and not np.isnan(block).any()
        assert (block[2] == 0).all(), "an unknown event is evidence of nothing"
        if self.exact_evidence:
            told = history.decayed(fitted.decay) @ block
            np.testing.assert_allclose(told, asked.of(items), rtol=1e-4, atol=1e-5)

    def test_items_that_come_later_are_no_accident(self) -> None:
        fitted = self.fitted()
        grown = self.data().items.with_items([Item("late", "even late", "", {"side": "even"})])
        if isinstance(fitted, Refreshable):
            fitted.refresh(grown)
        asked = fitted.relevance(Query(history_of(0, 16, 2)))
        assert asked.of(np.array([16], np.int32)).shape == (1,)
        assert (asked.top(20, NOTHING) < len(grown)).all()

    def _scores(self, retriever: Any) -> FloatArray:
        found: FloatArray = retriever.relevance(Query(history_of(0, 2, 5))).of(np.arange(16, dtype=np.int32))
        return found


class EncoderTests(ABC):
    """What every encoder promises."""

    @abstractmethod
    def make(self) -> Encoder: ...

    def test_vectors_are_unit_and_of_the_promised_shape(self) -> None:
        encoder = self.make()
        vectors = encoder.encode(["a quiet film about the sea", "关于大海的安静电影"])
        assert vectors.shape == (2, encoder.dim) and vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-3)

    def test_one_text_is_like_many(self) -> None:
        encoder, texts = self.make(), ["one", "two words", "three little words", "", "   "]
        together = encoder.encode(texts)
        apart = np.concatenate([encoder.encode([text]) for text in texts])
        assert not np.isnan(together).any()
        np.testing.assert_allclose(together, apart, atol=1e-4)

    def test_no_text_no_vector(self) -> None:
        encoder = self.make()
        assert encoder.encode([]).shape == (0, encoder.dim)

    def test_identity_is_stable(self) -> None:
        assert self.make().identity == self.make().identity != ""


class FeatureTests(ABC):
    """What every feature promises."""

    @abstractmethod
    def make(self) -> Feature: ...

    def fitted(self) -> Feature:
        feature = self.make()
        if isinstance(feature, Trainable):
            feature.fit(checkerboard())
        return feature

    def test_one_column_for_each_name(self) -> None:
        feature, found = self.fitted(), candidates(6, n_history=2)
        names = feature.names(found)
        values = feature.values(Query(history_of(0, 2), at=1e6), found)
        assert len(set(names)) == len(names)
        assert values.shape == (6, len(names)) and values.dtype == np.float32
        assert not np.isinf(values).any(), "unknown is NaN"

    def test_a_candidate_has_its_values_whatever_stands_beside_it(self) -> None:
        feature, found = self.fitted(), candidates(6, n_history=2)
        query, order = Query(history_of(0, 2), at=1e6), np.array([4, 1, 5, 0, 2, 3])
        np.testing.assert_allclose(
            feature.values(query, found.take(order)), feature.values(query, found)[order], rtol=1e-5
        )

    def test_nobody_and_nothing_are_answered(self) -> None:
        feature, found = self.fitted(), candidates(4)
        width = len(feature.names(found))
        assert feature.values(Query(), found).shape == (4, width)
        none = found.take(np.empty(0, np.intp))
        assert feature.values(Query(), none).shape == (0, width)


class RerankerTests(ABC):
    """What every reranker promises: a permutation or a cut, never a new item."""

    @abstractmethod
    def make(self) -> Reranker: ...

    def fitted(self) -> Reranker:
        reranker = self.make()
        if isinstance(reranker, Trainable):
            reranker.fit(checkerboard())
        return reranker

    def test_no_new_item_and_none_twice(self) -> None:
        given = candidates(8, n_history=2)
        for n in (0, 1, 5, 8, 50):
            got = self.fitted().rerank(Query(history_of(0, 2), at=1e6), given, n).items
            assert len(set(got.tolist())) == len(got) and np.isin(got, given.items).all()
            assert len(got) >= min(n, len(given)) or n > len(given)

    def test_each_item_keeps_its_scores(self) -> None:
        given = candidates(8)
        got = self.fitted().rerank(Query(history_of(0, 2), at=1e6), given, 5)
        np.testing.assert_array_equal(got.scores, given.scores[got.items])

    def test_an_empty_list_stays_empty(self) -> None:
        none = candidates(4).take(np.empty(0, np.intp))
        assert len(self.fitted().rerank(Query(), none, 5)) == 0


class ExplainerTests(ABC):
    """What every explainer promises."""

    @abstractmethod
    def make(self) -> Explainer: ...

    def fitted(self) -> Explainer:
        explainer = self.make()
        if isinstance(explainer, Trainable):
            explainer.fit(checkerboard())
        return explainer

    def test_every_item_has_its_reasons(self) -> None:
        found = candidates(5, n_history=2)
        reasons = self.fitted().explain(Query(history_of(0, 2), at=1e6), found)
        assert len(reasons) == 5
        for reason in (one for some in reasons for one in some):
            assert reason.text.strip() and 0 <= reason.share <= 1 + 1e-6

    def test_only_events_of_the_history_are_cited(self) -> None:
        found = candidates(5, n_history=2)
        cited = self.fitted().explain(Query(history_of(0, 2), at=1e6), found)
        assert {item for some in cited for reason in some for item in reason.items} <= {"i0", "i2"}

    def test_nobody_and_nothing_are_answered(self) -> None:
        explainer = self.fitted()
        assert len(explainer.explain(Query(), candidates(3))) == 3
        assert list(explainer.explain(Query(), candidates(3).take(np.empty(0, np.intp)))) == []
