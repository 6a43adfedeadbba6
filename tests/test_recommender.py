"""The composed thing on tiny data: even users like even items, odd users odd ones."""

import math
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.decide import Pipeline
from zhiyin.errors import ConfigError, DataError, LlmError, NotFittedError
from zhiyin.explain import EvidenceExplainer
from zhiyin.rank import BoostedRanker, EvidenceFeature, SourceFeature
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import Candidates, Interaction, Item, Query

WORDS = ("red shoes", "blue kettle")


def checkerboard(n_users=60, n_items=20, seed=0):
    rng = np.random.default_rng(seed)
    events = [
        Interaction(f"u{u}", f"i{item}", at=1e6 + 100.0 * step + u)
        for u in range(n_users)
        for step, item in enumerate(rng.permutation(n_items // 2)[:8] * 2 + u % 2)
    ]
    items = [Item(f"i{i}", f"{WORDS[i % 2]} {i}", attributes={"side": WORDS[i % 2]}) for i in range(n_items)]
    return Dataset.of(events, items)


def composed(**options):
    return Recommender(
        retrievers={
            "kernel": KernelRetriever(),
            "content": ContentRetriever(encoder=HashEncoder()),
            "popular": PopularRetriever(),
        },
        ranker=BoostedRanker(
            features=[SourceFeature(), EvidenceFeature()], n_trees=30, min_rows_in_leaf=5, n_threads=1
        ),
        explainer=EvidenceExplainer(),
        encoder=HashEncoder(),
        **options,
    )


@pytest.fixture(scope="module")
def fitted():
    return composed().fit(checkerboard())


def sides(answer):
    return {int(line.item[1:]) % 2 for line in answer}


def test_people_get_their_side_and_nothing_twice_or_seen(fitted):
    for user in ("u0", "u1"):
        answer = fitted.recommend(user, n=2)
        seen = {fitted.items_.ids[code] for code in fitted.query(user).history.items}
        assert sides(answer) == {int(user[1:]) % 2}
        assert not seen & {line.item for line in answer} and len({line.item for line in answer}) == 2
        assert [line.rank for line in answer] == [1, 2] and answer[0].score >= answer[1].score


def test_a_list_is_as_long_as_asked_while_there_are_items(fitted):
    everything = fitted.recommend("u0", n=50)
    assert len(everything) == 12 and len({line.item for line in everything}) == 12
    assert all(a.score >= b.score for a, b in pairwise(everything))


def test_strangers_get_the_popular_and_a_history_makes_it_personal(fitted):
    assert len(fitted.recommend("nobody", n=5)) == 5
    assert len(fitted.recommend(n=5)) == 5
    assert sides(fitted.recommend(history=["i1", "i3", "no such item"], n=3)) == {1}


def test_an_event_changes_the_next_answer():
    recommender = composed().fit(checkerboard())
    recommender.update(Interaction("new", "i2", at=2e6))
    first = recommender.recommend("new", n=3)
    assert sides(first) == {0} and "i2" not in {line.item for line in first}
    for item in ("i1", "i3", "i5"):
        recommender.update(Interaction("new", item, at=3e6))
    assert sides(recommender.recommend("new", n=3)) == {1}
    with pytest.raises(DataError, match=r"'clik'.*did you mean 'click'"):
        recommender.update(Interaction("new", "i1", kind="clik"))


def test_a_new_item_is_recommendable_at_once_and_old_codes_stay():
    recommender = composed().fit(checkerboard())
    before = [line.item for line in recommender.recommend("u1", n=3)]
    recommender.update(Interaction("early", "i99", at=2e6))
    recommender.add_items([Item("i99", "blue kettle 99", attributes={"side": "blue kettle"})])
    found = [line.item for line in recommender.recommend("u1", n=20)]
    assert "i99" in found and set(before) <= set(found)
    assert recommender.query("early").history.items.tolist() == [20], "what came before the item counts now"
    assert "i99" in {line.item for line in recommender.recommend(history=["i1"], only=["i99", "i3"], n=2)}


def test_exclude_only_seen_and_dislikes(fitted):
    seen = [fitted.items_.ids[code] for code in fitted.query("u0").history.items]
    assert {line.item for line in fitted.recommend("u0", only=["i1", "i3", seen[0], "no"], n=9)} == {
        "i1",
        "i3",
    }
    assert "i1" not in {line.item for line in fitted.recommend("u0", exclude=["i1", "no such"], n=50)}
    assert set(seen) <= {line.item for line in fitted.recommend("u0", seen=True, n=50)}
    hidden = [*map(lambda item: Interaction("x", item), seen[:3]), Interaction("x", "i0", kind="hide")]  # noqa: C417
    assert "i0" not in {line.item for line in fitted.recommend(history=hidden, seen=True, n=50)}


@pytest.mark.parametrize("n", [0, -3, 2.5, "3", None, True])
def test_a_list_of_nothing_cannot_be_asked(fitted, n):
    for ask in (fitted.recommend, partial(fitted.similar, "i0")):
        with pytest.raises(ConfigError, match=f"at least 1 item, got {n!r}"):
            ask(n=n)


def test_what_is_no_moment_and_no_event_is_refused_by_name(fitted):
    for at in ("soon", math.inf, True, datetime(2026, 1, 1, tzinfo=UTC)):
        with pytest.raises(DataError, match="column 'at': expected UTC seconds"):
            fitted.recommend("u0", at=at)
    assert fitted.recommend("u0", at=np.float32(1e6)), "numbers of numpy are numbers"
    for event, said in (
        (Interaction("u", "i1", kind="clik"), "did you mean 'click'"),
        (Interaction("u", b"i1"), "column 'item'"),
        (Interaction("u", "i1", at="now"), "column 'at'"),
        (7, "expected an Interaction|column 'item'"),
    ):
        with pytest.raises(DataError, match=said):
            fitted.recommend(history=[event])
        with pytest.raises(DataError, match=said):
            Dataset.of([event])
    with pytest.raises(DataError, match="column 'user'"):
        Dataset.of([Interaction(None, "i1")])


def test_questions_before_fit_say_what_to_do():
    with pytest.raises(NotFittedError, match="fit"):
        composed().recommend("u0")
    with pytest.raises(DataError, match="at least one item"):
        composed().fit(Dataset.of([]))


def test_the_trace_accounts_for_every_stage(fitted):
    trace = fitted.trace("u0", n=3)
    names = [stage.name for stage in trace.stages]
    assert names == ["retrieve", "rank", "cut", "explain"]
    assert trace.stages[2].n_out == 3 == len(trace.recommendations)
    assert all(stage.ms >= 0 for stage in trace.stages) and trace.degraded == ()
    assert trace.recommendations == fitted.recommend("u0", n=3).items
    stranger = fitted.trace(history=["i1", "i3"], n=3)
    assert stranger.recommendations == fitted.recommend(history=["i1", "i3"], n=3).items


def test_reasons_cite_the_users_own_past(fitted):
    own = {fitted.items_.ids[code] for code in fitted.query("u1").history.items}
    reasons = [reason for line in fitted.recommend("u1", n=3) for reason in line.reasons]
    assert reasons and all(set(reason.items) <= own for reason in reasons)


def test_similar_items_are_of_the_same_side(fitted):
    assert sides(fitted.similar("i4", n=4)) == {0}
    with pytest.raises(DataError, match="did you mean one of 'i19'"):
        fitted.similar("i199")


def test_an_item_is_not_similar_to_itself_where_people_come_back():
    log = [Interaction(f"u{u}", f"i{(u + n) % 5}", at=9e4 * n) for u in range(9) for n in range(20)]
    walks = Dataset.of(log)
    made = Recommender(retrievers={"kernel": KernelRetriever()}, repeats=True).fit(walks)
    assert {line.item for line in made.similar("i2", n=9)} == {"i0", "i1", "i3", "i4"}


def test_the_time_of_a_question_is_that_of_the_newest_event():
    recommender = composed().fit(checkerboard())
    recommender.update(Interaction("u0", "i1", at=5e6))
    assert recommender.query("u3").at == 5e6 and recommender.query("u3", at=7.0).at == 7.0
    orderless = Dataset.of([Interaction("u", i) for i in "abc"])
    assert math.isnan(Recommender(retrievers={"popular": PopularRetriever()}).fit(orderless).query("u").at)


def test_fitting_again_gives_the_same_answers_and_another_seed_is_allowed(fitted):
    again = composed().fit(checkerboard())
    assert again.recommend("u5", n=9) == fitted.recommend("u5", n=9)
    assert again.fit(checkerboard()).recommend("u5", n=9) == fitted.recommend("u5", n=9)


def test_saved_and_loaded_answers_are_the_same(fitted, tmp_path):
    version = fitted.save(tmp_path / "artefact")
    loaded = Recommender.load(tmp_path / "artefact")
    assert loaded.version_ == version != ""
    assert loaded.save(tmp_path / "again") == version, "nothing has changed"
    for user in ("u0", "u1", "nobody"):
        assert loaded.recommend(user, n=9) == fitted.recommend(user, n=9)
    loaded.add_items([Item("i99", "red shoes 99")])
    assert "i99" in {line.item for line in loaded.recommend("u0", n=50)}


class Broken:
    """A source or policy whose model server is away, or that misbehaves."""

    def relevance(self, query):
        raise LlmError("no answer within 1 s")

    def rerank(self, query, ranking, n):
        if query.words == "fail":
            raise LlmError("no answer within 1 s")
        items = np.array([*ranking.items[::-1], *ranking.items[:1], 7777], np.int32)
        return Candidates(items, score=np.zeros(len(items), np.float32))

    def explain(self, query, ranking):
        raise LlmError("no answer within 1 s")


def test_a_source_that_fails_costs_its_opinion_not_the_answer():
    recommender = Recommender(
        retrievers={"broken": Broken(), "kernel": KernelRetriever(), "popular": PopularRetriever()},
        explainer=Broken(),
    ).fit(checkerboard())
    answer = recommender.recommend("u0", n=3)
    assert len(answer) == 3 and answer.degraded == ("broken", "explainer")


def test_a_policy_can_permute_but_never_add_or_repeat():
    popular = PopularRetriever().fit(checkerboard())
    pipeline = Pipeline({"popular": popular}, rerankers=(Broken(),), fallback="")
    plain = pipeline.decide(Query(words="fail"), 20)
    turned = pipeline.decide(Query(), 20)
    assert plain.degraded == ("Broken",)
    assert turned.ranking.items.tolist() == plain.ranking.items[::-1].tolist()


def test_one_source_alone_is_served_in_its_own_order():
    class Fixed:
        def relevance(self, query):
            return DenseRelevance(np.array([0.1, 0.9, np.nan, 0.5], np.float32))

    ranking = (
        Pipeline({"fixed": Fixed()}, fallback="").decide(Query(exclude=np.array([3], np.int32)), 9).ranking
    )
    assert ranking.items.tolist() == [1, 0]


def test_pictures_of_a_recommender_escape_what_they_show(fitted):
    assert "KernelRetriever" not in fitted._repr_html_() or "kernel" in fitted._repr_html_()
    assert "60 users" in repr(fitted) and "not fitted" in repr(composed())


def test_words_are_heard_over_the_habit():
    recommender = Recommender(
        retrievers={
            "kernel": KernelRetriever(),
            "lexical": LexicalRetriever(),
            "content": ContentRetriever(encoder=HashEncoder()),
            "popular": PopularRetriever(),
        }
    ).fit(checkerboard())
    assert sides(recommender.recommend("u0", n=2)) == {0}
    assert sides(recommender.recommend("u0", words="blue kettle", n=2)) == {1}
    assert sides(recommender.recommend(words="blue kettle", n=5)) == {1}


def test_a_removed_item_comes_back_only_when_it_is_added_again():
    recommender = composed().fit(checkerboard())
    first = recommender.recommend("u0", n=3).items[0].item
    recommender.remove_items([first, "nobody"])
    assert first not in [line.item for line in recommender.recommend("u0", n=20).items]
    recommender.add_items([recommender.items_.item(recommender.items_.ids.code(first))])
    assert first in [line.item for line in recommender.recommend("u0", n=20).items]


def test_a_removed_item_stays_away_after_saving_and_is_back_after_another_fit(tmp_path):
    recommender = composed().fit(checkerboard())
    kept = recommender.save(tmp_path / "all")
    gone = recommender.recommend("u0", n=3).items[0].item
    recommender.remove_items([gone])
    assert recommender.save(tmp_path / "fewer") != kept
    for histories in (True, False):
        loaded = Recommender.load(tmp_path / "fewer", histories=histories)
        assert gone not in [line.item for line in loaded.recommend(history=["i2"], n=20, seen=True)]
        loaded.add_items([loaded.items_.item(loaded.items_.ids.code(gone))])
        assert gone in [line.item for line in loaded.recommend(history=["i2"], n=20, seen=True)]
    assert not len(Recommender.load(tmp_path / "all").barred_)
    recommender.fit(checkerboard(seed=1))
    assert len(recommender.recommend(n=20)) == 20, "codes of the old catalogue say nothing of the new one"


def test_a_retriever_may_have_any_name(tmp_path):
    names = ["a/b", "a_b", "流行", "..", "x" * 200, "by meaning"]
    recommender = Recommender(retrievers={name: KernelRetriever() for name in names}, fallback="流行")
    recommender.fit(checkerboard()).save(tmp_path / "artefact")
    loaded = Recommender.load(tmp_path / "artefact")
    assert list(loaded.retrievers) == names
    assert loaded.recommend("u3", n=5) == recommender.recommend("u3", n=5)


def test_many_events_at_once_are_the_events_one_by_one():
    one, many = (composed().fit(checkerboard()) for _ in range(2))
    events = [Interaction(f"n{step}", f"i{step % 5}", at=2e6 + step) for step in range(9)]
    for event in events:
        one.update(event)
    codes = many.items_.ids.codes(event.item for event in events)
    at = np.array([event.at for event in events])
    many.update_many(np.append(codes, -1), np.append(at, 3e6), np.ones(10, np.float32))
    asked = {"history": ["i1", "i3"], "n": 6, "at": 2.1e6}
    assert one.recommend(**asked).items == many.recommend(**asked).items
    assert many.histories_.newest < 2e6, "histories are not touched"


def test_without_histories_the_same_question_has_the_same_answer(tmp_path):
    whole = composed().fit(checkerboard())
    whole.add_items([Item("late", "even late", "", {"side": "red shoes"})])
    whole.save(tmp_path / "saved")
    lean = Recommender.load(tmp_path / "saved", histories=False)
    assert lean.histories_.snapshot.n_users == 0 and not len(lean.histories_.snapshot)
    asked = {"history": ["i0", "late", "i2"], "n": 6, "at": 2e6}
    assert lean.recommend(**asked).items == whole.recommend(**asked).items
    assert lean.recommend("u0", n=3).items, "a stranger is answered"
