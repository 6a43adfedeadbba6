from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.split import ColdItems
from zhiyin.errors import ZhiyinError
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import ask
from zhiyin.types import Candidates


class Answering:
    def __init__(self, answer):
        self.answer = answer

    def fit(self, data, *, seed=0):
        return self

    def rank(self, query, n):
        return Candidates(np.asarray(self.answer(query), np.int32))


def test_lists_keep_the_order_and_are_padded(data, fixed):
    questions = Questions.of(data, Protocol(k=(5, 18)))
    lists = ask(fixed(scores=-np.arange(20)), questions)
    assert lists.items.shape == (40, 18) and (lists.items[:, 15:] == -1).all()
    assert (np.diff(lists.items[:, :15], axis=1) > 0).all()
    assert (lists.ms > 0).all()


def test_longer_answers_are_cut(data):
    questions = Questions.of(data, Protocol(k=(2,), filter_seen=False))
    assert ask(Answering(lambda q: [3, 2, 1, 0]), questions).items[0].tolist() == [3, 2]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda q: [1, 2, 1], "once"),
        (lambda q: [99], "from 0 to 19"),
        (lambda q: [-1], "from 0 to 19"),
        (lambda q: q.history.items[:1], "query.exclude"),
    ],
)
def test_an_answer_that_breaks_the_protocol_is_refused(data, answer, said):
    questions = Questions.of(data, Protocol())
    questions = Questions.of(data, Protocol(filter_seen=said == "query.exclude"))
    with pytest.raises(ZhiyinError, match=said) as caught:
        ask(Answering(answer), questions, name="odd")
    assert "'odd'" in str(caught.value)


def test_an_item_that_is_no_candidate_is_refused(data):
    questions = Questions.of(data, Protocol(splitter=ColdItems(share=0.3), candidates="cold", k=(3,)))
    known = int(np.setdiff1d(np.arange(20), questions.only)[0])
    with pytest.raises(ZhiyinError, match=r"query\.only"):
        ask(Answering(lambda q: [known] if known not in q.exclude else []), questions)


def test_progress_ends_at_the_end(data, fixed):
    calls = []
    ask(
        fixed(scores=np.zeros(20)),
        Questions.of(data, Protocol()),
        name="x",
        progress=lambda *a: calls.append(a),
    )
    assert calls[-1] == ("x", 40, 40)
