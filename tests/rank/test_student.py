"""The student judges as its teacher did, from texts alone; likeness is what the texts have in common."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError
from zhiyin.rank.likeness import LikenessFeature, term_rows
from zhiyin.rank.student import Lesson, StudentReranker, agreement
from zhiyin.represent import HashEncoder
from zhiyin.types import Candidates, History, Interaction, Item, Query

NAMES = (
    "green tea",
    "black tea",
    "white tea",
    "red kettle",
    "blue kettle",
    "tin kettle",
    "tea kettle",
    "绿茶",
)


@pytest.fixture(scope="module")
def shop() -> Dataset:
    items = [Item(f"i{code}", name) for code, name in enumerate(NAMES)]
    return Dataset.of([Interaction("u", item.id) for item in items], items)


def query(*codes: int, weights: tuple[float, ...] = ()) -> Query:
    liking = np.array(weights or (1.0,) * len(codes), np.float32)
    return Query(History(np.array(codes, np.int32), liking, np.full(len(codes), np.nan)))


def some(*codes: int) -> Candidates:
    return Candidates(np.array(codes, np.int32), score=np.linspace(1, 0, len(codes), dtype=np.float32))


def test_what_shares_words_is_like(shop: Dataset) -> None:
    likeness = LikenessFeature(encoder=HashEncoder()).fit(shop)
    values = likeness.values(query(0), some(3, 1, 0))
    assert likeness.names(some(1)) == tuple(f"likeness.{n}" for n in (
        "decayed", "attention", "max", "last", "terms", "terms_last",
    ))  # fmt: skip
    for column in values.T:
        assert column[0] < column[1] < column[2]


def test_dislikes_and_strangers_say_nothing(shop: Dataset) -> None:
    likeness = LikenessFeature(encoder=HashEncoder()).fit(shop)
    for asked in (query(), query(0, weights=(-1.0,)), query(-1)):
        assert np.isnan(likeness.values(asked, some(1, 2))).all()
    assert likeness.values(query(0), some(999)).shape == (1, 6)


def test_rows_of_terms_have_length_one_and_rare_terms_weigh_more() -> None:
    rows = term_rows(["a b", "a c", "a d", ""])
    length = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    assert length == pytest.approx([1, 1, 1, 0])
    assert term_rows([]).shape[0] == 0


def test_it_comes_back_as_it_was(shop: Dataset) -> None:
    student = StudentReranker(encoder=HashEncoder()).fit(shop)
    student.coefficients_ = np.arange(6, dtype=np.float32)
    again = StudentReranker(encoder=HashEncoder()).restore(student.state())
    again.refresh(shop.items)
    asked, found = query(0, 3), some(1, 2, 4)
    assert np.allclose(again.score(asked, found), student.score(asked, found))


def lessons(shop: Dataset, n: int) -> list[Lesson]:
    """A teacher who likes what shares words with the last event."""
    rng, likeness, found = np.random.default_rng(0), LikenessFeature(encoder=HashEncoder()).fit(shop), []
    for _ in range(n):
        codes = rng.permutation(len(NAMES))
        asked, window = query(*codes[:2].tolist()), some(*codes[2:].tolist())
        found.append(Lesson(asked, window, likeness.values(asked, window)[:, 5]))
    return found


def test_a_student_agrees_with_a_teacher_it_can_understand(shop: Dataset) -> None:
    taught = lessons(shop, 60)
    student = StudentReranker(encoder=HashEncoder()).fit(shop).learn(taught[:40])
    assert agreement(student, taught[40:]) > 0.8
    assert np.isnan(agreement(student, []))


def test_it_permutes_the_window_and_only_where_it_pays(shop: Dataset) -> None:
    student = StudentReranker(encoder=HashEncoder(), window=3, weight=9.0).fit(shop).learn(lessons(shop, 40))
    before = some(3, 4, 1, 2)
    assert student.rerank(query(0), before, 4).items.tolist()[0] == 1
    assert student.rerank(query(0), before, 4).items.tolist()[3] == 2
    assert student.rerank(query(*[0] * 30), before, 4) is before
    assert StudentReranker(encoder=HashEncoder()).fit(shop).rerank(query(0), before, 4) is before


def test_weights_come_from_a_file_or_the_error_names_it(shop: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "student.json"
    file.write_text(json.dumps({"coefficients": [0, 0, 0, 0, 1, 0]}))
    student = StudentReranker(encoder=HashEncoder(), weights=str(file)).fit(shop)
    assert student.score(query(0), some(3, 1)).argmax() == 1
    for broken in ("", "{}", '{"coefficients": [[1]]}', '{"coefficients": ["x"]}'):
        file.write_text(broken)
        with pytest.raises(DataError, match=r"student\.json"):
            StudentReranker(encoder=HashEncoder(), weights=str(file)).fit(shop)
