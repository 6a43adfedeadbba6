"""A student of a teacher who knows what comes next pays; one of a teacher who knows nothing stays outside."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from zhiyin.cli import main
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import LeaveOneOut
from zhiyin.distil import Distilled, discount, gains_of, lessons_of, school, summary
from zhiyin.errors import LlmError
from zhiyin.llm import FakeModel
from zhiyin.rank.student import StudentReranker
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import PopularRetriever
from zhiyin.types import Interaction, Item

COLOURS = ("green", "black", "white", "red")


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Everybody stays with one colour, and the ranking knows only what is popular."""
    items = [Item(f"{colour}{n}", f"{colour} thing {n}") for colour in COLOURS for n in range(5)]
    rng = np.random.default_rng(0)
    events = [
        Interaction(f"u{user}", f"{COLOURS[user % 4]}{n}", at=1e9 + step)
        for user in range(240)
        for step, n in enumerate(rng.permutation(5)[:3])
    ]
    return Dataset.of(events, items)


@pytest.fixture(scope="module")
def made(data: Dataset) -> Recommender:
    split = LeaveOneOut().split(data)
    return Recommender(retrievers={"popular": PopularRetriever()}, encoder=HashEncoder()).fit(split.fit)


def taught(data: Dataset, made: Recommender, teacher: FakeModel) -> tuple[StudentReranker, Distilled]:
    split = LeaveOneOut().split(data)
    student = StudentReranker(encoder=HashEncoder(), window=20).fit(split.fit)
    positions = np.random.default_rng(0).permutation(len(split.holdout)).tolist()
    return student, school(made, split.holdout, positions, teacher, "likelihood", student, n_lessons=40)


def test_a_teacher_who_knows_makes_a_student_who_pays(
    data: Dataset, made: Recommender, tmp_path: Path
) -> None:
    student, found = taught(data, made, FakeModel())
    assert found.agreement > 0.5
    assert student.groups == (0,)
    n, gain, half = found.gains.table()["1-5"]
    assert n > 50 and gain - half > 0
    file = tmp_path / "student.json"
    found.saved(file, student, "fake")
    again = StudentReranker(encoder=HashEncoder(), weights=str(file)).fit(data)
    assert again.coefficients_.tolist() == student.coefficients_.tolist()
    assert json.loads(file.read_text())["groups"] == [0]


def test_a_teacher_who_knows_nothing_leaves_the_gate_closed(data: Dataset, made: Recommender) -> None:
    rng = np.random.default_rng(1)
    noise = FakeModel(log_likelihood=lambda prefix, texts: rng.normal(size=len(texts)).tolist())
    student, found = taught(data, made, noise)
    table = found.gains.table()
    assert student.groups == () or table["1-5"][1] > -table["1-5"][2]


def test_questions_that_fail_give_no_lesson_and_none_at_all_is_an_error(
    data: Dataset, made: Recommender
) -> None:
    holdout = LeaveOneOut().split(data).holdout
    shaky = FakeModel(faults=["error", "", "", "nan"])
    assert len(lessons_of(made, holdout, range(4), shaky, "likelihood")) == 2
    with pytest.raises(LlmError, match="too few"):
        taught(data, made, FakeModel(always="error"))


def test_gains_are_nothing_where_nothing_moves(data: Dataset, made: Recommender) -> None:
    holdout = LeaveOneOut().split(data).holdout
    (same,) = gains_of(made, holdout, range(20), [StudentReranker(encoder=HashEncoder()).fit(data)])
    assert same.gain.tolist() == [0.0] * 20 and set(same.n_history.tolist()) == {2}
    assert summary(same.gain)[:2] == (20, 0.0)
    assert (discount([3, 5], 3), discount([3, 5], 9)) == (1.0, 0.0)


def test_a_model_that_cannot_answer_is_known_before_anything_is_fitted(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data.save(tmp_path / "data")
    (tmp_path / "weights.gguf").write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(Recommender, "fit", lambda *_, **__: pytest.fail("fitted for nothing"))
    with pytest.raises(SystemExit) as ended:
        main(["distil", str(tmp_path), "--model", str(tmp_path / "weights.gguf"), "--way", "likelihood"])
    assert ended.value.code == 1
    assert "pip install 'zhiyin[train]'" in " ".join(capsys.readouterr().err.split())
