"""Rankers learn what is there to learn, and nothing from answers they were not given."""

import builtins

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.decide import Pipeline, replayed
from zhiyin.errors import ConfigError, MissingLibraryError, NotFittedError
from zhiyin.rank import BoostedRanker, FusionRanker, Rule, RulesRanker, SourceFeature, TailReranker, rows
from zhiyin.rank.diversity import DiversityReranker
from zhiyin.rank.rows import Question, collect, cut_for_replay, features_of
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import AlsRetriever, KernelRetriever, PopularRetriever
from zhiyin.retrieve.fuse import competition_ranks
from zhiyin.testing import checkerboard
from zhiyin.types import Candidates, History, Interaction, Item, Query


def questions(n=200, seed=0):
    """Source `good` puts the answer near the top, source `noise` anywhere."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        good, noise = rng.normal(size=30), rng.normal(size=30)
        answer = int(rng.integers(30))
        good[answer] += 3
        scores = np.stack([noise, good], axis=1).astype(np.float32)
        found = Candidates(
            np.arange(30, dtype=np.int32), ("noise", "good"), scores, competition_ranks(scores)
        )
        yield Question(Query(), found, np.array([answer], np.int32))


def hits(ranker, k=3):
    found = [
        np.isin(q.targets, q.candidates.items[np.argsort(-ranker.score(q.query, q.candidates))[:k]]).any()
        for q in questions(seed=1)
    ]
    return np.mean(found)


@pytest.mark.parametrize("ranker", [BoostedRanker(features=[SourceFeature()], n_threads=1), FusionRanker()])
def test_a_ranker_finds_out_which_source_to_trust(ranker):
    given = collect(questions(), ranker.features, n_negatives=20, seed=0)
    ranker.fit_rows(given)
    assert hits(ranker) > 0.85
    share = ranker.importances()
    assert sum(value for name, value in share.items() if name.startswith("good")) > 0.8
    kept = type(ranker)(**({"features": [SourceFeature()]} if isinstance(ranker, BoostedRanker) else {}))
    kept.restore(ranker.state())
    question = next(iter(questions(seed=2)))
    np.testing.assert_array_equal(
        kept.score(question.query, question.candidates), ranker.score(question.query, question.candidates)
    )


def test_a_silent_source_leaves_its_columns_empty_and_the_others_in_place():
    ranker = BoostedRanker(features=[SourceFeature()], n_threads=1)
    ranker.fit_rows(collect(questions(), ranker.features, n_negatives=20, seed=0))
    question = next(iter(questions(seed=2)))
    only_good = question.candidates.only([1])
    values = features_of(ranker.features, question.query, only_good, ranker.names_)
    assert np.isnan(values[:, ranker.names_.index("noise.score")]).all()
    assert (values[:, ranker.names_.index("good.rank")] == only_good.ranks[:, 0]).all()
    best = only_good.items[np.argsort(-ranker.score(question.query, only_good))[:5]]
    assert np.isin(question.targets, best).all()


def test_rows_of_questions_with_different_sources_share_one_table():
    def mixed():
        for place, q in enumerate(questions(60)):
            yield Question(q.query, q.candidates.only([1]) if place % 2 else q.candidates, q.targets)

    rows = collect(mixed(), [SourceFeature()], n_negatives=20, seed=0)
    assert len(rows.names) == 6 and rows.values.shape[1] == 6
    missing = np.isnan(rows.values[:, rows.names.index("noise.score")])
    assert missing.any() and not missing.all()
    assert not np.isnan(rows.values[:, rows.names.index("good.score")]).any()


def test_weights_that_are_given_stay():
    ranker = FusionRanker(weights={"noise": 1.0})
    rows = collect(questions(50), ranker.features, n_negatives=20, seed=0)
    assert ranker.fit_rows(rows).weights_ == {"noise": 1.0}


def test_too_few_questions_leave_the_trees_unfitted_and_say_so():
    ranker = BoostedRanker(features=[SourceFeature()])
    ranker.fit_rows(collect(questions(5), ranker.features, n_negatives=20, seed=0))
    assert not ranker.fitted
    with pytest.raises(NotFittedError, match="fit"):
        ranker.score(Query(), next(iter(questions(1))).candidates)


def test_rows_keep_the_answer_and_draw_the_others_evenly():
    rows = collect(questions(100), [SourceFeature()], n_negatives=10, seed=0)
    assert rows.n_asked == 100 and rows.found == 1.0
    assert (rows.group == 11).all() and rows.label.sum() == 100
    rank = rows.values[rows.label == 0][:, rows.names.index("good.rank")]
    assert 12 < rank.mean() < 17, "negatives chosen by a source's own score would teach distrust of it"


def test_the_first_rule_that_fits_decides():
    ranker = RulesRanker(rules=[Rule({"good": 1.0}, history_max=0), Rule({"noise": 1.0})])
    question = next(iter(questions(1)))
    old = Query(History(np.array([1], np.int32), np.ones(1, np.float32), np.full(1, np.nan)))
    best = {name: int(np.argmax(question.candidates.column(name))) for name in ("good", "noise")}
    assert int(np.argmax(ranker.score(Query(), question.candidates))) == best["good"]
    assert int(np.argmax(ranker.score(old, question.candidates))) == best["noise"]


def test_replay_cuts_the_end_of_every_history_and_nothing_else():
    data = Dataset.of([Interaction(f"u{u}", f"i{i}") for u, n in enumerate((1, 2, 3, 40)) for i in range(n)])
    cut = cut_for_replay(data, n_last=3, share=0.1, max_questions=100, seed=0)
    assert np.diff(cut.fit.indptr).tolist() == [1, 2, 2, 37]
    assert [cut.holdout.targets(p).tolist() for p in range(len(cut.holdout))] == [[2], [37], [38], [39]]
    assert len(cut.holdout.history(3)) == 39, "the history of a question goes on to the moment it is asked"
    thinned = cut_for_replay(data, n_last=3, share=0.1, max_questions=2, seed=0)
    assert len(thinned.holdout) == 2 and len(thinned.fit) == len(cut.fit)


def test_a_question_about_a_hidden_item_comes_again_among_the_hidden_alone():
    """Of several new items the ranker must learn which is better; old ones leave them all behind."""
    data = Dataset.of([Interaction(f"u{u}", f"i{(u + n * n) % 40}") for u in range(60) for n in range(6)])
    cut = cut_for_replay(data, n_last=1, share=0.1, max_questions=100, seed=0, cold_share=0.3)
    assert 0 < len(cut.hidden) < 40 and not np.isin(cut.fit.item, cut.hidden).any()
    sources = {"popular": PopularRetriever().fit(cut.fit), "kernel": KernelRetriever().fit(cut.fit)}
    asked = list(replayed(Pipeline(sources), cut, repeats=False))
    again = [question for question in asked if question.query.only is not None]
    about = [p for p in range(len(cut.holdout)) if np.isin(cut.holdout.targets(p), cut.hidden).any()]
    assert len(asked) == len(cut.holdout) + len(about) and len(again) == len(about) > 5
    for question, position in zip(again, about, strict=True):
        seen = np.unique(cut.holdout.history(position).items)
        assert question.targets.tolist() == cut.holdout.targets(position).tolist()
        assert question.candidates.items.tolist() == np.setdiff1d(cut.hidden, seen).tolist()
    none = cut_for_replay(data, n_last=1, share=0.1, max_questions=100, seed=0)
    assert not len(none.hidden) and len(list(replayed(Pipeline(sources), none, repeats=False))) == 60


def test_of_a_large_catalogue_only_some_hidden_items_stand_beside_each_other(monkeypatch):
    monkeypatch.setattr(rows, "MOST_HIDDEN", 3)
    data = Dataset.of([Interaction(f"u{u}", f"i{(u + n * n) % 40}") for u in range(60) for n in range(6)])
    cut = cut_for_replay(data, n_last=1, share=0.1, max_questions=4, seed=0, cold_share=0.5)
    gone = np.setdiff1d(data.item, cut.fit.item)
    asked = np.unique(np.concatenate([cut.holdout.targets(p) for p in range(len(cut.holdout))]))
    assert np.isin(np.intersect1d(asked, gone), cut.hidden).all(), "what is asked for must be among them"
    assert 3 <= len(cut.hidden) <= 3 + len(asked) < len(gone)


def ranking(n=6):
    return Candidates(np.arange(n, dtype=np.int32), score=np.linspace(1, 0, n).astype(np.float32))


def test_variety_takes_turns_between_like_items_and_weight_0_changes_nothing():
    titles = ["red shoes", "red shoes", "red shoes", "blue kettle", "blue kettle", "green lamp"]
    data = Dataset.of([Interaction("u", "0")], [Item(str(n), title) for n, title in enumerate(titles)])
    policy = DiversityReranker(encoder=HashEncoder(), weight=0.6).fit(data)
    first = policy.rerank(Query(), ranking(), 3).items[:3].tolist()
    assert {titles[i] for i in first} == {"red shoes", "blue kettle", "green lamp"} and first[0] == 0
    same = DiversityReranker(encoder=HashEncoder(), weight=0.0).fit(data).rerank(Query(), ranking(), 3)
    assert same.items.tolist() == ranking().items.tolist()


def test_the_tail_dial_lifts_what_few_have_chosen():
    data = Dataset.of([Interaction(f"u{n}", str(i)) for i in range(6) for n in range(6 - i)])
    plain, lifted = (
        TailReranker(weight=weight).fit(data).rerank(Query(), ranking(), 6).items.tolist()
        for weight in (0.0, 1.0)
    )
    assert plain == [0, 1, 2, 3, 4, 5] and lifted == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("option", ["n_trees", "n_leaves", "learning_rate", "truncation"])
def test_trees_that_cannot_grow_are_refused_before_the_fit(option):
    with pytest.raises(ConfigError, match=f"{option} = 0: expected a number from"):
        BoostedRanker(features=[SourceFeature()], **{option: 0})


def test_a_system_without_openmp_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on slim images, where the wheel of LightGBM is there and the runtime it is linked with is not."""

    def missing(name: str, *rest: object) -> object:
        if name.split(".")[0] in ("lightgbm", "implicit"):
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
        return real(name, *rest)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingLibraryError, match=r"LightGBM needs the OpenMP .* apt-get install libgomp1"):
        BoostedRanker(features=[SourceFeature()]).restore({"names": "[]", "trees": ""})
    with pytest.raises(MissingLibraryError, match="implicit needs"):
        AlsRetriever().fit(checkerboard())


@pytest.mark.parametrize("policy", [DiversityReranker(encoder=HashEncoder(), weight=0.05), TailReranker()])
def test_an_item_without_a_score_leaves_the_order_of_the_others(policy):
    data = Dataset.of([Interaction(f"u{u}", f"i{i}") for u in range(8) for i in range(u + 1)])
    part = policy.fit(data)
    ranking = Candidates(np.arange(6, dtype=np.int32), score=np.array([6, 5, 4, 3, 2, 1], np.float32))
    plain = part.rerank(Query(), ranking, 6).items.tolist()
    extra = Candidates(np.arange(7, dtype=np.int32), score=np.array([6, 5, 4, 3, 2, 1, np.nan], np.float32))
    assert [item for item in part.rerank(Query(), extra, 7).items.tolist() if item < 6] == plain
