"""A real small model in this process: typed, exact, private, in time."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pytest

from zhiyin.contracts import LanguageModel, LikelihoodModel, WritingModel
from zhiyin.errors import ConfigError, LlmError
from zhiyin.llm import GgufLanguageModel
from zhiyin.llm.usage import metered
from zhiyin.types import Prompt

ASK = Prompt(
    task="tags", version="1", system="You tag films. Answer in JSON.", user="Star Wars", max_tokens=60
)
LONG = 60.0


class Tags(msgspec.Struct):
    """Bounded, so that even a model that repeats itself comes to an end."""

    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=12)]], msgspec.Meta(max_length=2)]


@pytest.fixture(scope="module")
def local(smollm2: Path) -> Iterator[GgufLanguageModel]:
    language_model = GgufLanguageModel(path=smollm2, n_ctx=1024)
    yield language_model
    language_model.close()


def test_it_keeps_its_contracts(local: GgufLanguageModel) -> None:
    for contract in (LanguageModel, WritingModel, LikelihoodModel):
        assert isinstance(local, contract)
    assert local.identity.startswith("gguf/b179c9523d0e6a0f/")


def test_a_typed_answer_and_its_cost(local: GgufLanguageModel) -> None:
    with metered() as usage:
        answer = local.complete(ASK, schema=Tags, timeout=LONG)
    assert isinstance(answer, Tags) and len(answer.tags) <= 2
    assert usage.tokens_in > 10 and usage.tokens_out > 3


def test_it_writes_in_pieces(local: GgufLanguageModel) -> None:
    pieces = local.write(Prompt("chat", "1", "", "Count: one, two,", max_tokens=5), timeout=LONG)
    assert 1 < len(list(pieces)) <= 6


def test_likelihood_is_that_of_each_token_after_the_last(local: GgufLanguageModel) -> None:
    prefix = "The capital of France is"
    whole, wrong, first = local.log_likelihood(prefix, [" Paris.", " Lyon.", " Paris"], timeout=LONG)
    assert first == pytest.approx(-0.26, abs=0.05)  # as torch says from the same weights
    (last,) = local.log_likelihood(prefix + " Paris", ["."], timeout=LONG)
    assert whole == pytest.approx(first + last, abs=0.05) and whole > wrong + 2


def test_shared_beginnings_and_order_change_nothing(local: GgufLanguageModel) -> None:
    prefix, texts = "Films:\n-", [" Star Trek", " Star Wars", " Star Trek: First Contact", " Babe"]
    together = local.log_likelihood(prefix, texts, timeout=LONG)
    alone = [float(local.log_likelihood(prefix, [text], timeout=LONG)[0]) for text in texts]
    np.testing.assert_allclose(together, alone, atol=0.1)
    assert np.isfinite(local.log_likelihood("", ["", "\n", "星球大战"], timeout=LONG)).all()


def test_choices_are_probabilities(local: GgufLanguageModel) -> None:
    ask = Prompt("verify", "1", "", "Is Paris in France? Answer Yes or No.", max_tokens=1)
    scores = local.choose(ask, ["Yes", "No"], timeout=LONG)
    assert np.exp(scores).sum() == pytest.approx(1, abs=1e-5)


def test_its_port_wants_the_key_that_nobody_else_has(local: GgufLanguageModel) -> None:
    local.log_likelihood("a", [" b"], timeout=LONG)
    address = local._server.listening_address
    assert address.startswith("http://127.0.0.1:")
    request = urllib.request.Request(f"{address}/tokenize", json.dumps({"content": "a"}).encode())
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(request, timeout=10)
    caught.value.close()


def test_a_question_that_takes_too_long_is_left(local: GgufLanguageModel) -> None:
    with pytest.raises(LlmError) as caught:
        local.log_likelihood("word " * 700, [" a", " b"], timeout=0.02)
    assert caught.value.why == "late" and caught.value.passing
    assert local.log_likelihood("The", [" film"], timeout=LONG).shape == (1,)


def test_a_file_that_is_not_there_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZHIYIN_MODELS", str(tmp_path))
    with pytest.raises(ConfigError, match="zhiyin models add smollm2-135m"):
        GgufLanguageModel(path="smollm2-135m").complete(ASK, schema=Tags, timeout=1)
    with pytest.raises(ConfigError, match="no installed model"):
        GgufLanguageModel(path="smolm").complete(ASK, schema=Tags, timeout=1)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(LlmError, match="cannot be loaded"):
        GgufLanguageModel(path=tmp_path / "bad.gguf").log_likelihood("a", ["b"], timeout=5)
