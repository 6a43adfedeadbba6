"""The fake keeps the four contracts, and shows each fault once it is told to."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import numpy as np
import pytest

from zhiyin.contracts import LanguageModel, LikelihoodModel, RelevanceModel, WritingModel
from zhiyin.errors import LlmError
from zhiyin.llm import FakeModel
from zhiyin.types import Prompt

ASK = Prompt(task="tags", version="1", system="s", user="u")


class Tags(msgspec.Struct):
    tags: list[str]


def test_it_is_all_four_kinds() -> None:
    fake = FakeModel()
    for contract in (LanguageModel, WritingModel, LikelihoodModel, RelevanceModel):
        assert isinstance(fake, contract)


@pytest.mark.parametrize("given", [Tags(["a"]), {"tags": ["a"]}, '{"tags": ["a"]}'])
def test_rules_answer_in_the_type_asked_for(given: Any) -> None:
    fake = FakeModel(complete=lambda prompt, schema: given)
    assert fake.complete(ASK, schema=Tags, timeout=1) == Tags(["a"])
    assert fake.n_asked() == fake.n_asked("tags") == 1 and fake.n_asked("chat") == 0


def test_a_rule_that_answers_in_the_wrong_form_is_an_error() -> None:
    for given in ('{"tags": 3}', {"tags": 3}, "{"):
        with pytest.raises(LlmError):
            FakeModel(complete=lambda prompt, schema, given=given: given).complete(
                ASK, schema=Tags, timeout=1
            )


def test_choices_are_probabilities() -> None:
    fake = FakeModel(choose=lambda prompt, options: [1.0, 3.0])
    assert np.exp(fake.choose(ASK, ["A", "B"], timeout=1)).sum() == pytest.approx(1)
    assert fake.asked[0].texts == ("A", "B")


def test_what_has_no_rule_cannot_be_asked() -> None:
    fake = FakeModel()
    assert fake.log_likelihood("war and peace", ["peace", "soup"], timeout=1).tolist() == [-1, -2]
    for ask in (
        lambda: fake.choose(ASK, ["A"], timeout=1),
        lambda: fake.write(ASK, timeout=1),
        lambda: fake.relevance("q", ["a"], timeout=1),
        lambda: fake.complete(ASK, schema=Tags, timeout=1),
    ):
        with pytest.raises(LlmError, match="no rule"):
            ask()


def test_faults_come_in_their_order_and_end() -> None:
    fake = FakeModel(complete=lambda *_: Tags([]), faults=["error", "crash", "type", "slow"])
    with pytest.raises(LlmError):
        fake.complete(ASK, schema=Tags, timeout=1)
    with pytest.raises(RuntimeError):
        fake.complete(ASK, schema=Tags, timeout=1)
    assert not isinstance(fake.complete(ASK, schema=Tags, timeout=1), Tags)
    with pytest.raises(LlmError, match="slow"):
        fake.complete(ASK, schema=Tags, timeout=0.01)
    assert fake.complete(ASK, schema=Tags, timeout=1) == Tags([])


def test_arrays_can_be_spoilt() -> None:
    fake = FakeModel(faults=["nan", "infinite", "short", "long"])
    first, second, third, fourth = (fake.log_likelihood("", ["a", "b"], timeout=1) for _ in range(4))
    assert np.isnan(first[0]) and np.isinf(second[0]) and len(third) == 1 and len(fourth) == 3


def test_writing_can_be_cut() -> None:
    fake = FakeModel(write=lambda prompt: ["a", "b"], faults=["cut"])
    pieces = fake.write(ASK, timeout=1)
    assert next(pieces) == "a"
    with pytest.raises(LlmError):
        next(pieces)
    assert list(fake.write(ASK, timeout=1)) == ["a", "b"]


def test_a_hanging_model_ends_only_when_it_is_released() -> None:
    fake = FakeModel(always="hang")
    ended: list[str] = []

    def ask() -> None:
        try:
            fake.log_likelihood("", ["a"], timeout=0.001)
        except LlmError as error:
            ended.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive() and not ended
    fake.release()
    thread.join(10)
    assert ended and "hang" in ended[0]
