from __future__ import annotations

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.split import LeaveLastN
from zhiyin.evaluate.buckets import by_history, by_popularity
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.types import Interaction


def history_data(lengths):
    return Dataset.of([Interaction(f"u{u}", f"i{i}") for u, n in enumerate(lengths) for i in range(n)])


def test_history_edges():
    # histories of 5, 6, 20, 21, 100, 101 events
    questions = Questions.of(history_data([6, 7, 21, 22, 101, 102]), Protocol())
    hits = np.zeros((6, 10), bool)
    hits[:2, 0] = True
    found = by_history(questions, hits, k=10)
    assert [(b.name, b.n) for b in found] == [("0-5", 1), ("6-20", 2), ("21-100", 2), ("> 100", 1)]
    assert [b.metrics["recall@10"].value for b in found] == [1.0, 0.5, 0.0, 0.0]


def test_a_question_is_judged_in_each_tier_by_its_targets_there():
    crowd = [Interaction(f"v{n}", item) for n in range(30) for item in ("hit", "other", "third")]
    asked = [Interaction("u", item) for item in ("other", "third", "hit", "new")]
    data = Dataset.of([*crowd, *asked])
    questions = Questions.of(data, Protocol(splitter=LeaveLastN(n=2, min_history=2), k=(2,)))
    assert len(questions) == 1
    code = data.items.ids.code
    lists = np.array([[code("hit"), -1]], np.int32)
    found = {b.name: b for b in by_popularity(questions, questions.hits(lists), lists, k=2)}
    assert found["cold (0)"].metrics["recall@2"].value == 0.0
    rest = next(bucket for name, bucket in found.items() if name != "cold (0)")
    assert rest.metrics["recall@2"].value == rest.metrics["ndcg@2"].value == 1.0
