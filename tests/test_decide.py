"""One request under filters, forced items and policies: who may come back, and in which order."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.errors import FilterError, LlmError
from zhiyin.explain import PhrasedExplainer
from zhiyin.llm import FakeModel
from zhiyin.rank.boosts import Boost, BoostReranker
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.diversity import DiversityReranker
from zhiyin.rank.exploration import EpsilonGreedyReranker
from zhiyin.rank.llm_reranker import LlmReranker
from zhiyin.rank.pins import PinReranker
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import KernelRetriever, PopularRetriever, fuse
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.testing import checkerboard
from zhiyin.types import Candidates, Interaction, Item, Query

SIDES = {"even": 0, "odd": 1}


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    return Recommender(
        retrievers={
            "kernel": KernelRetriever(),
            "content": ContentRetriever(encoder=HashEncoder()),
            "popular": PopularRetriever(),
        },
        encoder=HashEncoder(),
    ).fit(checkerboard())


@pytest.fixture
def larger(monkeypatch: pytest.MonkeyPatch, fitted: Recommender) -> Recommender:
    """Where more is allowed than all sources are asked about."""
    monkeypatch.setattr(fuse, "FEW_ALLOWED", 0)
    return fitted


def ids(found: Candidates) -> list[int]:
    return found.items.tolist()


# -- who may come back -----------------------------------------------------------------------------


@pytest.mark.parametrize("few", [0, 1000])
def test_nothing_passes_but_what_the_filter_allows(
    few: int, fitted: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuse, "FEW_ALLOWED", few)
    for side, rest in SIDES.items():
        found = fitted.rank(fitted.query("u0", where=f"side = {side}"), 16)
        assert len(found) and {code % 2 for code in ids(found)} == {rest}
    assert len(fitted.rank(fitted.query("u0", where="side = nothing"), 5)) == 0
    with pytest.raises(FilterError, match="did you mean 'side'"):
        fitted.query("u0", where="sides = even")


@pytest.mark.parametrize("few", [0, 1000])
def test_the_list_is_filled_with_what_is_allowed(
    few: int, fitted: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuse, "FEW_ALLOWED", few)
    query = fitted.query(history=[], where="side = odd and not id in (i1, i3)")
    assert set(ids(fitted.rank(query, 50))) == {5, 7, 9, 11, 13, 15}


def test_what_fills_a_list_keeps_what_the_ranker_saw_of_the_others(fitted: Recommender) -> None:
    looked = Candidates(codes(0, 2), ("kernel",), *[np.ones((2, 1), np.float32)] * 2,
                        score=np.array([2, 1], np.float32), features=np.ones((2, 3), np.float32))  # fmt: skip
    filled = fitted.pipeline()._fill(Query(), looked, 5)
    assert len(filled) == 5 and filled.features.shape == (5, 3)
    assert (filled.features[:2] == 1).all() and np.isnan(filled.features[2:]).all()
    assert (np.diff(filled.score) < 0).all()


def test_few_allowed_items_stand_for_election_even_if_no_source_proposes_them(fitted: Recommender) -> None:
    alone = Recommender(retrievers={"kernel": fitted.retrievers["kernel"]}, fallback="")
    alone.items_, alone.histories_ = fitted.items_, fitted.histories_
    query = alone.query(history=["i0"], where="id in (i3, i5)")
    assert set(ids(alone.rank(query, 5))) == {3, 5}


def test_of_few_allowed_the_best_are_kept(fitted: Recommender) -> None:
    query = replace(fitted.query(history=["i0", "i2"]), allowed=np.ones(16, np.bool_), include=codes(9))
    found, _ = fuse.gather(fitted.retrievers, query, n_each=5, n=4)
    assert 9 in ids(found) and len(found) <= 5 and sum(code % 2 == 0 for code in ids(found)) == 4
    assert found.scores.shape == (len(found), 3) and np.nanmax(found.ranks) < len(found)
    assert all(block.shape[1] == len(found) for block in found.evidence.values())


def test_an_item_that_came_after_the_fit_passes_its_filter() -> None:
    recommender = Recommender(
        retrievers={"content": ContentRetriever(encoder=HashEncoder()), "popular": PopularRetriever()},
        encoder=HashEncoder(),
    ).fit(checkerboard())
    recommender.add_items([Item("new", "violin sonata", "for quiet evenings", {"side": "third"})])
    answer = recommender.recommend("u0", where="side = third")
    assert [line.item for line in answer] == ["new"]
    short = replace(recommender.query("u0"), allowed=np.ones(16, np.bool_))
    assert 16 not in ids(recommender.rank(short, 17)), "a mask from before does not allow it"


def codes(*found: int) -> np.ndarray:
    return np.array(found, np.int32)


def test_what_is_forced_is_a_candidate_and_what_is_excluded_is_not(fitted: Recommender) -> None:
    pipeline = fitted.pipeline()
    query = Query(include=codes(3, 5, 99), exclude=codes(5))
    small = replace(pipeline, n_candidates=1, n_each=1)
    found = ids(small.candidates(query)[0])
    assert 3 in found and 5 not in found
    assert ids(small.candidates(replace(query, only=codes(3, 4, 5)))[0]) == [3, 4]
    for few in (True, False):
        mask = np.zeros(16 if few else 4000, np.bool_)
        mask[[2, 5, 8]] = True
        mask[20:] = True
        got = ids(small.candidates(replace(query, allowed=mask, include=codes(3, 8)))[0])
        assert 8 in got and 3 not in got and 5 not in got


def test_removed_items_are_not_forced_back(fitted: Recommender) -> None:
    answer = fitted.recommend("u0", include=["i1"], exclude=["i1"], n=16)
    assert "i1" not in [line.item for line in answer]


# -- policies --------------------------------------------------------------------------------------


def test_policies_act_in_their_order_and_the_trace_says_what_they_moved(fitted: Recommender) -> None:
    query = fitted.query("u0", seed=3)
    plain = fitted.decide(query, 4)
    pinned = int(plain.ranking.items[2])
    last = int(fitted.rank(query, 16).items[-1])
    policies = [
        PinReranker(pins={pinned: 1}),
        EpsilonGreedyReranker(epsilon=1.0, slots=(3,)),
        CapReranker(attribute="side", at_most=2),
        BoostReranker(boosts=[Boost(codes(last), plus=9)]),
    ]
    decision = fitted.decide(query, 4, policies)
    names = [stage.name for stage in decision.stages]
    assert names == [
        "retrieve", "rank", "BoostReranker", "CapReranker", "EpsilonGreedyReranker", "PinReranker", "cut",
    ]  # fmt: skip
    found = ids(decision.ranking)
    assert found[0] == pinned and found[1] == last and len(set(found)) == 4
    stages = {stage.name: stage.details for stage in decision.stages}
    assert stages["BoostReranker"]["moved"][last][1] == 1
    assert stages["PinReranker"]["moved"][pinned][1] == 1
    explored = found[3]
    assert stages["EpsilonGreedyReranker"]["propensity"].keys() == {explored}
    assert decision.ranking.propensity[:3].tolist() == [1, 1, 1] and decision.ranking.propensity[3] < 1
    assert decision.degraded == ()


def test_without_dice_every_propensity_is_one(fitted: Recommender) -> None:
    found = fitted.rank(fitted.query("u0"), 16)
    assert found.propensity.shape == (len(found),) and (found.propensity == 1).all()
    assert all(line.propensity == 1 for line in fitted.recommend("u0"))


def test_a_pin_pushes_no_explored_item_out_of_the_list(fitted: Recommender) -> None:
    plain = ids(fitted.rank(fitted.query("u0"), 16))
    explore = EpsilonGreedyReranker(epsilon=1.0, slots=(1, 2, 3, 4), pool=3)
    for seed in range(20):
        query = fitted.query("u0", seed=seed)
        answer = fitted.answer(query, 4, [explore, PinReranker(pins={plain[5]: 2, 77: 1, -1: 3})])
        assert answer[1].item == f"i{plain[5]}" and answer[1].propensity == 1
        chances = [line.propensity for line in answer if line.item != f"i{plain[5]}"]
        assert chances == pytest.approx([1 / 3] * 3), "three slots are left, three others may fill them"


def test_an_editor_cannot_pin_what_is_excluded(fitted: Recommender) -> None:
    pin = [PinReranker(pins={1: 1, 3: 2})]
    found = ids(fitted.decide(fitted.query("u0", exclude=["i1"]), 5, pin).ranking)
    assert 1 not in found and found[1] == 3 and len(found) == 5
    assert 3 not in ids(fitted.decide(fitted.query("u0", where="side = even"), 5, pin).ranking)
    assert ids(fitted.decide(fitted.query("u0"), 1, pin).ranking) == [1]


def test_the_dial_of_diversity_is_turned_per_request(fitted: Recommender) -> None:
    query = fitted.query("u0")
    plain = ids(fitted.rank(query, 6))
    off, on = (DiversityReranker(encoder=HashEncoder(), weight=weight) for weight in (0.0, 0.9))
    assert ids(fitted.decide(query, 6, [off]).ranking) == plain
    varied = ids(fitted.decide(query, 6, [on]).ranking)
    assert varied != plain and {code % 2 for code in varied[:2]} == {0, 1}


@pytest.mark.parametrize("fault", [ValueError("no"), LlmError("away"), ZeroDivisionError("0"), MemoryError()])
def test_a_policy_that_fails_costs_only_itself(
    fault: Exception, fitted: Recommender, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
            raise fault

    query = fitted.query("u0")
    plain, pin = ids(fitted.rank(query, 5)), PinReranker(pins={1: 1})
    with caplog.at_level(logging.ERROR):
        decision = fitted.decide(query, 5, [Broken(), pin, CapReranker(attribute="teeth")])
    assert ids(decision.ranking) == [1, *[code for code in plain if code != 1][:4]]
    assert decision.degraded == ("Broken", "CapReranker")
    assert ("Broken failed" in caplog.text) is not isinstance(fault, LlmError)


def test_lists_say_that_the_model_is_away_until_it_answers_again(fitted: Recommender) -> None:
    """An operator sees from the answers, and from the rate of degraded ones, that a part is not at work."""
    fake = FakeModel(log_likelihood=lambda prefix, texts: [0.0] * len(texts), faults=["error"])
    order = LlmReranker(llm=fake, background=False, groups=(0, 1, 2), min_words=0).fit(checkerboard())
    query = fitted.query("u0")
    assert fitted.decide(query, 5, [order]).degraded == (), "not yet asked"
    order.judgements.work()
    assert fitted.decide(query, 5, [order]).degraded == ("LlmReranker",)
    order.judgements.work()
    assert fitted.decide(query, 5, [order]).degraded == ()


def test_a_list_says_that_its_reasons_miss_the_model() -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"text": "no"}, faults=["error"])
    explainer = PhrasedExplainer(llm=fake, background=False)
    whole = Recommender(retrievers={"kernel": KernelRetriever()}, fallback="kernel", explainer=explainer)
    query = whole.fit(checkerboard()).query("u0")
    assert whole.explained(query, 3).degraded == () and explainer.sentences.n_waiting > 1
    explainer.sentences.work()
    assert whole.explained(query, 3).degraded == ("explainer",)
    explainer.sentences.work()
    assert whole.explained(query, 3).degraded == ()


def test_a_policy_can_neither_add_nor_repeat_items(fitted: Recommender) -> None:
    class Inventive:
        def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
            return replace(ranking, items=np.where(ranking.items > 3, ranking.items[0], 99).astype(np.int32))

    found = ids(fitted.decide(fitted.query("u0"), 5, [Inventive()]).ranking)
    assert 99 not in found and len(found) == len(set(found)) == 5


def test_the_same_question_has_the_same_answer_and_a_seed_another(fitted: Recommender) -> None:
    explore = [EpsilonGreedyReranker(epsilon=1.0, slots=(1, 2, 3))]

    def answer(seed: int | None) -> list[str]:
        return [line.item for line in fitted.recommend("u0", n=3, seed=seed, policies=explore)]

    assert answer(None) == answer(None) and answer(1) == answer(1)
    assert len({tuple(answer(seed)) for seed in range(10)}) > 1


def test_configured_policies_take_part(tmp_path: object) -> None:
    data = Dataset.of(
        [Interaction(f"u{u}", f"i{i}", at=float(u * 10 + i)) for u in range(9) for i in range(u % 3, 8)],
        [Item(f"i{i}", attributes={"brand": "a" if i < 6 else "b"}) for i in range(8)],
    )
    recommender = Recommender(
        retrievers={"popular": PopularRetriever()}, rerankers=[CapReranker(attribute="brand", at_most=1)]
    ).fit(data)
    found = recommender.rank(recommender.query(), 2)
    assert {recommender.items_.item(code).attributes["brand"] for code in ids(found)} == {("a",), ("b",)}
    path = f"{tmp_path}/artefact"
    recommender.save(path)
    assert ids(Recommender.load(path).rank(recommender.query(), 2)) == ids(found)


def test_exploration_draws_from_behind_the_list_that_is_left_beside_the_pins(fitted: Recommender) -> None:
    plain = ids(fitted.rank(fitted.query("u0"), 16))
    pinned, rest = plain[5], [code for code in plain if code != plain[5]]
    policies = [EpsilonGreedyReranker(epsilon=1.0, slots=(3,), pool=1), PinReranker(pins={pinned: 2})]
    found = ids(fitted.decide(fitted.query("u0"), 4, policies).ranking)
    assert found == [rest[0], pinned, rest[1], rest[3]]
