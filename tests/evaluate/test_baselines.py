"""The floors, through the real recommender, on data whose rule behaviour can teach."""

from __future__ import annotations

from zhiyin.evaluate import FLOORS, Protocol, evaluate, floors


def test_the_floor_rows_are_always_there_and_learn(parity_data):
    data = parity_data(n_users=120, n_items=40, length=10)
    found = evaluate({}, data, Protocol(k=(10,)))
    assert tuple(row.name for row in found.rows) == FLOORS == tuple(floors())
    assert all(row.floor for row in found.rows)
    recall = {row.name: row.metrics["recall@10"].value for row in found.rows}
    assert min(recall["item-knn"], recall["kernel"], recall["ease"]) > recall["popular"]


def test_a_recommender_of_the_same_name_replaces_a_floor(data, fixed):
    found = evaluate({"popular": fixed(scores=range(20))}, data, Protocol(k=(5,)))
    assert [row.name for row in found.rows] == ["item-knn", "kernel", "ease", "popular"]
    assert not found["popular"].floor
