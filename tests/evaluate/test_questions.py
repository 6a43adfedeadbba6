from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.data.split import ColdItems, LeaveLastN, LeaveOneOut
from zhiyin.errors import DataError
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.types import Interaction


def test_a_question_holds_the_history_before_its_target_and_nothing_after(data):
    questions = Questions.of(data, Protocol())
    for position, query in zip(questions.positions, questions.queries()):
        user = data.users.code(query.user)
        assert query.history.items.tolist() == data.history(user).items[:-1].tolist()
        assert query.exclude.tolist() == sorted(query.history.items.tolist())
        assert query.at == 5.0 and query.only is None
        assert questions.target[position] == data.history(user).items[-1]


def test_in_regime_t_the_validation_event_is_in_the_history_but_not_in_the_fit(data):
    fits = [len(Questions.of(data, Protocol(splitter=LeaveOneOut(r))).split.fit) for r in ("T", "T+V")]
    assert fits == [len(data) - 80, len(data) - 40]


def test_unfiltered_and_unnamed(data):
    query = next(Questions.of(data, Protocol(filter_seen=False, known_users=False)).queries())
    assert len(query.exclude) == 0 and query.user is None


def test_several_targets_count_once_each_and_dislikes_can_be_left_out():
    rows = [Interaction("u", item) for item in "abccdd"]
    rows[-1] = Interaction("u", "e", kind="hide")
    data = Dataset.of([*rows, Interaction("v", "a"), Interaction("v", "b"), Interaction("v", "c")])
    splitter = LeaveLastN(n=4)
    every = Questions.of(data, Protocol(splitter=splitter, k=(3,)))
    assert every.n_targets.tolist() == [3]
    liked = Questions.of(data, Protocol(splitter=splitter, k=(3,), relevant_above=0.0))
    assert [data.items.ids[i] for i in liked.target] == ["c", "d"]


def test_hits_and_negatives(data):
    questions = Questions.of(data, Protocol(k=(2,)))
    lists = np.full((len(questions), 2), -1, np.int32)
    lists[:, 1] = questions.target
    assert questions.hits(lists).tolist() == [[False, True]] * len(questions)
    assert (questions.n_negatives == 20 - 5 - 1).all()


def test_a_sample_is_random_seeded_and_keeps_rows_and_questions_together(data):
    some = Questions.of(data, Protocol(max_questions=7, seed=1))
    again = Questions.of(data, Protocol(max_questions=7, seed=1))
    other = Questions.of(data, Protocol(max_questions=7, seed=2))
    assert len(some) == 7 and some.positions.tolist() == again.positions.tolist()
    assert some.positions.tolist() != other.positions.tolist()
    for row, query in enumerate(some.queries()):
        assert some.target[some.row == row] == data.history(data.users.code(query.user)).items[-1]


def test_cold_candidates_are_the_hidden_items_and_no_fit_has_seen_them(data):
    questions = Questions.of(data, Protocol(splitter=ColdItems(share=0.3), candidates="cold", k=(3,)))
    assert len(questions.only) == 6
    assert (questions.split.fit.counts()[questions.only] == 0).all()
    assert np.isin(questions.target, questions.only).all()
    assert all(query.only is questions.only for query in questions.queries())


def test_no_question_at_all_is_an_error_that_shows_the_protocol():
    data = Dataset.of([Interaction("u", "a"), Interaction("v", "b")])
    with pytest.raises(DataError, match="leave-one-out"):
        Questions.of(data, Protocol())


def test_data_without_a_clock_asks_at_no_time(parity_data):
    query = next(Questions.of(parity_data(clock=False), Protocol()).queries())
    assert np.isnan(query.at)


def test_context_of_the_moment_comes_with_the_query():
    rows = [Interaction("u", i, context={"place": p}) for i, p in zip("abcd", ["x", "x", "", "y"])]
    query = next(Questions.of(Dataset.of(rows), Protocol()).queries())
    assert query.context == {"place": "y"}
