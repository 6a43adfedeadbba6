"""Endpoints of every dialect: what is asked, what is understood, what is remembered."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest

from zhiyin.contracts import LanguageModel, LikelihoodModel, RelevanceModel, WritingModel
from zhiyin.errors import LlmError
from zhiyin.llm import EndpointLanguageModel
from zhiyin.llm.usage import metered
from zhiyin.types import Prompt

ASK = Prompt(task="tags", version="1", system="You tag.", user="Star Wars", max_tokens=9)
KEY = "sk-very-secret-1234567890"
Make = Callable[..., EndpointLanguageModel]


class Tags(msgspec.Struct):
    tags: list[str]


@pytest.fixture
def made(model_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setenv("TEST_KEY", KEY)
    kept: list[EndpointLanguageModel] = []

    def make(**options: Any) -> EndpointLanguageModel:
        given = {"base_url": model_server.url, "name": "qwen", "api_key_env": "TEST_KEY", **options}
        kept.append(EndpointLanguageModel(**given))
        return kept[-1]

    yield make
    for one in kept:
        one.close()


def answering(server: Any, *answers: Any) -> None:
    """One answer after the other, the last for ever: data, or (status, data)."""
    left = list(answers)

    def answer(path: str, question: dict[str, Any]) -> Any:
        now = left.pop(0) if len(left) > 1 else left[0]
        now = now(path, question) if callable(now) else now
        status, data = now if isinstance(now, tuple) else (200, now)
        return Planned(status, data if isinstance(data, bytes) else json.dumps(data).encode())

    server.answer = answer


@dataclass
class Planned:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: int = 0
    hang: bool = False


def chat(text: str, **more: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def test_it_is_all_four_kinds(made: Make) -> None:
    for contract in (LanguageModel, WritingModel, LikelihoodModel, RelevanceModel):
        assert isinstance(made(), contract)


def test_answers_of_two_servers_are_kept_apart_unless_a_revision_names_the_model() -> None:
    """Two llama.cpp servers both call their model `default`: one must not be given the other's answers."""
    here, there = ({"base_url": f"http://127.0.0.1:{port}/v1", "name": "default"} for port in (1, 2))

    def identity(server: dict[str, str], **more: Any) -> str:
        return EndpointLanguageModel(**server, **more).identity

    assert identity(here) != identity(there)
    assert identity(here, revision="q4") == identity(there, revision="q4") != identity(here, revision="q8")
    assert identity(here, rerank_url="http://127.0.0.1:3") != identity(here)
    assert identity(here, top_logprobs=5) != identity(here)
    assert identity(here, extra={"a": 1, "b": 2}) == identity(here, extra={"b": 2, "a": 1})


# -- typed answers -----------------------------------------------------------------------------------


def test_a_typed_answer_and_what_was_asked(model_server: Any, made: Make) -> None:
    with metered() as usage:
        assert made(extra={"seed": 3}).complete(ASK, schema=Tags, timeout=5) == Tags(["a"])
    path, question = model_server.asked[0]
    assert path == "/v1/chat/completions" and question["seed"] == 3 and question["max_tokens"] == 9
    assert [message["role"] for message in question["messages"]] == ["system", "user"]
    schema = question["response_format"]["json_schema"]["schema"]
    assert schema["additionalProperties"] is False and schema["required"] == ["tags"]
    assert model_server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert (usage.tokens_in, usage.tokens_out, usage.told) == (7, 3, True)


def test_a_server_without_schemas_is_asked_in_other_ways_and_that_is_remembered(
    model_server: Any, made: Make
) -> None:
    def old(path: str, question: dict[str, Any]) -> Any:
        if question.get("response_format"):
            return 400, {"error": "response_format is not supported"}
        return chat('Sure! Here you are:\n```json\n{"tags": ["b"]}\n```')

    answering(model_server, old)
    endpoint = made()
    assert endpoint.complete(ASK, schema=Tags, timeout=5) == Tags(["b"])
    assert [q.get("response_format", {}).get("type") for _, q in model_server.asked] == [
        "json_schema", "json_object", None,
    ]  # fmt: skip
    assert "JSON Schema" in model_server.asked[2][1]["messages"][0]["content"]
    endpoint.complete(ASK, schema=Tags, timeout=5)
    assert len(model_server.asked) == 4


def test_a_long_question_that_is_refused_does_not_change_what_is_known(model_server: Any, made: Make) -> None:
    answering(model_server, chat('{"tags": []}'), (400, {"error": "too long"}), chat('{"tags": []}'))
    endpoint = made()
    endpoint.complete(ASK, schema=Tags, timeout=5)
    with pytest.raises(LlmError, match="400"):
        endpoint.complete(ASK, schema=Tags, timeout=5)
    endpoint.complete(ASK, schema=Tags, timeout=5)
    assert {q["response_format"]["type"] for _, q in model_server.asked} == {"json_schema"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"tags": ["a"', "no whole JSON"),
        ('{"tags": 3}', "array"),
        ("", "no whole JSON"),
        ("I cannot.", "no whole JSON"),
    ],
)
def test_an_answer_of_another_form_is_named(model_server: Any, made: Make, text: str, words: str) -> None:
    answering(model_server, chat(text))
    with pytest.raises(LlmError, match=words) as caught:
        made().complete(ASK, schema=Tags, timeout=5)
    assert caught.value.why == "form" and "127.0.0.1" in str(caught.value)


def test_a_cut_answer_says_so(model_server: Any, made: Make) -> None:
    answering(model_server, chat('{"tags": ["a"', finish_reason="length"))
    with pytest.raises(LlmError, match="cut at max_tokens = 9"):
        made().complete(ASK, schema=Tags, timeout=5)


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"choices": 3}', b"[" * 100_000, b'{"choices": []}'])
def test_a_body_that_is_no_answer_is_an_error(model_server: Any, made: Make, body: bytes) -> None:
    answering(model_server, (200, body))
    with pytest.raises(LlmError):
        made().complete(ASK, schema=Tags, timeout=5)


@pytest.mark.parametrize(("status", "passing"), [(401, False), (429, True), (500, True), (404, False)])
def test_an_error_says_whether_it_may_pass(model_server: Any, made: Make, status: int, passing: bool) -> None:
    answering(model_server, (status, {"error": f"no, {KEY}"}))
    with pytest.raises(LlmError, match=f"status {status}") as caught:
        made().complete(ASK, schema=Tags, timeout=5)
    assert caught.value.passing is passing and caught.value.status == status
    assert KEY not in str(caught.value)


def test_nobody_there(made: Make) -> None:
    with pytest.raises(LlmError, match="ConnectError") as caught:
        made(base_url="http://127.0.0.1:9/v1").complete(ASK, schema=Tags, timeout=5)
    assert caught.value.passing and caught.value.status == 0


# -- writing -----------------------------------------------------------------------------------------


def events(*data: Any, end: bool = True) -> bytes:
    lines = [b"data: " + (one if isinstance(one, bytes) else json.dumps(one).encode()) for one in data]
    return b"\r\n\r\n".join([b": hello", *lines, *([b"data: [DONE]"] if end else []), b""])


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


def test_pieces_come_and_usage_is_told(model_server: Any, made: Make) -> None:
    last = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    answering(model_server, (200, events(piece("你"), piece("好"), last)))
    with metered() as usage:
        assert list(made().write(ASK, timeout=5)) == ["你", "好"]
    assert (usage.tokens_in, usage.tokens_out) == (5, 2)
    assert model_server.asked[0][1]["stream"] is True


def test_a_stream_without_its_end_mark_is_whole_only_if_it_was_finished(
    model_server: Any, made: Make
) -> None:
    answering(model_server, (200, events(piece("a", "stop"), end=False)))
    assert list(made().write(ASK, timeout=5)) == ["a"]
    answering(model_server, (200, events(piece("a"), end=False)))
    with pytest.raises(LlmError, match="ended in the middle") as caught:
        list(made().write(ASK, timeout=5))
    assert caught.value.passing


@pytest.mark.parametrize("bad", [b"{not json", b'{"error": {"message": "overloaded"}}'])
def test_a_stream_that_goes_wrong_is_an_error(model_server: Any, made: Make, bad: bytes) -> None:
    answering(model_server, (200, events(piece("a"), bad)))
    pieces = made().write(ASK, timeout=5)
    assert next(pieces) == "a"
    with pytest.raises(LlmError):
        list(pieces)


# -- choosing ----------------------------------------------------------------------------------------


def test_choices_come_from_the_first_token(model_server: Any, made: Make) -> None:
    top = [{"token": "B", "logprob": math.log(0.6)}, {"token": " a", "logprob": math.log(0.2)}]
    first = {"token": "B", "logprob": math.log(0.6), "top_logprobs": top}
    answering(model_server, chat("B", logprobs={"content": [first]}))
    scores = made().choose(ASK, ["A", "B", "C"], timeout=5)
    chances = np.exp(scores)
    assert chances.sum() == pytest.approx(1) and chances[1] / chances[0] == pytest.approx(3, rel=1e-4)
    assert chances[2] < chances[0]
    assert model_server.asked[0][1]["max_tokens"] == 1 and model_server.asked[0][1]["logprobs"] is True


def test_without_logprobs_of_chats_completions_are_asked(model_server: Any, made: Make) -> None:
    told = {"tokens": ["Yes"], "token_logprobs": [-0.1], "top_logprobs": [{"Yes": -0.1, "No": -3.0}]}
    text = {"choices": [{"index": 0, "text": "Yes", "logprobs": told}]}
    answering(model_server, lambda path, _: text if path.endswith("/v1/completions") else chat("Yes"))
    endpoint = made()
    assert endpoint.choose(ASK, ["Yes", "No"], timeout=5).argmax() == 0
    endpoint.choose(ASK, ["Yes", "No"], timeout=5)
    assert [path for path, _ in model_server.asked].count("/v1/chat/completions") == 1


def test_a_server_that_says_no_probabilities_is_not_asked_for_ever(model_server: Any, made: Make) -> None:
    answering(model_server, lambda path, _: chat("Yes") if "chat" in path else (404, {}))
    endpoint = made()
    for _ in range(5):
        with pytest.raises(LlmError):
            endpoint.choose(ASK, ["Yes", "No"], timeout=5)
    assert len(model_server.asked) == 6


# -- likelihood --------------------------------------------------------------------------------------

WORTH = {"a": -1.0, "b": -2.0, "c": -4.0}


def worth(text: str) -> list[float]:
    """One token a letter, each with its own log-probability."""
    return [WORTH.get(letter, -0.5) for letter in text]


def vllm(path: str, question: dict[str, Any]) -> Any:
    if "prompt_logprobs" not in question:
        return 400, {}
    rows = [
        {
            "index": n,
            "text": "x",
            "prompt_logprobs": [None, *({"7": {"logprob": w}} for w in worth(text)[1:])],
        }
        for n, text in enumerate(question["prompt"])
    ]
    return {"choices": rows[::-1], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}


def echo(path: str, question: dict[str, Any]) -> Any:
    if not question.get("echo"):
        return 400, {}
    rows = []
    for n, text in enumerate(question["prompt"]):
        numbers = [None, *worth(text)[1:], -9.0]
        told = {
            "token_logprobs": numbers,
            "text_offset": list(range(len(text) + 1)),
            "tokens": list(text + "x"),
        }
        rows.append({"index": n, "text": text + "x", "logprobs": told})
    return {"choices": rows}


def sglang(path: str, question: dict[str, Any]) -> Any:
    if path != "/generate":
        return 404, {}
    none_then = [[[None, 1, None], *([w, 1, None] for w in worth(text)[1:])] for text in question["text"]]
    return [{"text": "x", "meta_info": {"input_token_logprobs": told}} for told in none_then]


@pytest.mark.parametrize("dialect", [vllm, echo, sglang])
def test_whole_texts_are_judged_in_three_dialects(model_server: Any, made: Make, dialect: Any) -> None:
    answering(model_server, dialect)
    endpoint = made()
    for _ in range(2):
        scores = endpoint.log_likelihood("pre ", ["ab", "c", ""], timeout=5)
        assert scores.dtype == np.float32 and scores.tolist() == [-3.0, -4.0, 0.0]
    assert endpoint.log_likelihood("pre", [], timeout=5).shape == (0,)


def test_completions_that_do_not_echo_are_not_taken_for_likelihoods(model_server: Any, made: Make) -> None:
    told = {"token_logprobs": [-1.0], "text_offset": [0], "tokens": ["x"]}
    answering(
        model_server,
        lambda path, q: (
            {"choices": [{"index": n, "text": "x", "logprobs": told} for n in range(len(q["prompt"]))]}
            if path == "/v1/completions"
            else (404, {})
        ),
    )
    with pytest.raises(LlmError):
        made().log_likelihood("pre ", ["ab"], timeout=5)


# -- relevance ---------------------------------------------------------------------------------------


def cohere(path: str, question: dict[str, Any]) -> Any:
    if path != "/v1/rerank":
        return 404, {}
    rows = [{"index": n, "relevance_score": len(text)} for n, text in enumerate(question["documents"])]
    return {"results": rows[::-1]}


def tei(path: str, question: dict[str, Any]) -> Any:
    if path != "/rerank":
        return 404, {}
    return [{"index": n, "score": len(text)} for n, text in enumerate(question["texts"])][::-1]


@pytest.mark.parametrize("dialect", [cohere, tei])
def test_relevance_in_two_dialects(model_server: Any, made: Make, dialect: Any) -> None:
    answering(model_server, dialect)
    assert made(rerank_name="bge").relevance("q", ["abc", "a", "ab"], timeout=5).tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    "rows",
    [
        [{"index": 0, "relevance_score": 1.0}],
        [{"index": 5, "relevance_score": 1.0}, {"index": 0, "relevance_score": 1.0}],
        [{"index": 0}, {"index": 1}],
    ],
)
def test_a_rerank_answer_must_be_about_the_texts(model_server: Any, made: Make, rows: Any) -> None:
    answering(model_server, {"results": rows})
    with pytest.raises(LlmError, match="text"):
        made().relevance("q", ["a", "b"], timeout=5)
