"""Events that wait for their item: in the order they came, no more than there is room for."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.serve import waiting
from zhiyin.serve.waiting import Waiting


def add(rows: Waiting, *keys: int) -> None:
    n = len(keys)
    rows.add(np.array(keys), np.arange(n, dtype=float), np.ones(n, np.float32), np.zeros(n, np.int8))


def test_what_is_taken_waits_no_longer() -> None:
    rows = Waiting()
    for keys in ((3, 4), (4,), (5, 3, 4)):
        add(rows, *keys)
    taken = rows.take(rows.rows["key"] == 4)
    assert taken["key"].tolist() == [4, 4, 4] and taken["at"].tolist() == [1.0, 0.0, 2.0]
    assert rows.rows["key"].tolist() == [3, 5, 3]
    add(rows, 6)
    assert rows.rows["key"].tolist() == [3, 5, 3, 6]


@pytest.mark.parametrize("piece", [1, 3, 7, 40])
def test_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(waiting, "MOST", 10)
    rows, log = Waiting(), list(range(100))
    for start in range(0, 100, piece):
        add(rows, *log[start : start + piece])
        kept = rows.rows["key"].tolist()
        done = log[: start + piece]
        assert len(kept) <= 10 and kept == done[len(done) - len(kept) :]
        assert len(kept) >= min(5, len(done))
