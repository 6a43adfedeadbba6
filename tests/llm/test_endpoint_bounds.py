"""A key stays with its server, and what a server counts wrongly neither blocks a day nor warns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhiyin.errors import LlmError
from zhiyin.llm import EndpointLanguageModel, GuardedLanguageModel
from zhiyin.llm.usage import metered
from zhiyin.types import Prompt

ASK = Prompt(task="tags", version="1", system="s", user="u", max_tokens=10)

Make = Callable[..., EndpointLanguageModel]


class Tags(msgspec.Struct):
    tags: list[str]


@dataclass
class Planned:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: int = 0
    hang: bool = False


def said(data: object, status: int = 200) -> Planned:
    return Planned(status, json.dumps(data).encode())


def tagged(read: int, written: int) -> Planned:
    usage = {"prompt_tokens": read, "completion_tokens": written}
    message = {"role": "assistant", "content": '{"tags": ["a"]}'}
    return said({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


@pytest.fixture
def made(model_server: Any) -> Iterator[Callable[..., EndpointLanguageModel]]:
    kept: list[EndpointLanguageModel] = []

    def make(**options: Any) -> EndpointLanguageModel:
        kept.append(EndpointLanguageModel(**{"base_url": model_server.url, "name": "a", **options}))
        return kept[-1]

    yield make
    for one in kept:
        one.close()


@pytest.fixture
def other_server(model_server: Any) -> Iterator[Any]:
    server = type(model_server)()
    yield server
    server.stop()


def ranked(path: str, question: Any) -> Any:
    return said(
        {"results": [{"index": n, "relevance_score": 1.0} for n, _ in enumerate(question["documents"])]}
    )


def key_of(server: Any) -> str:
    return str(server.headers[-1].get("authorization", ""))


def test_the_key_goes_to_another_server_only_where_it_is_named_for_it(
    made: Make, model_server: Any, other_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_KEY", "sk-chat")
    monkeypatch.setenv("RANK_KEY", "sk-rank")
    other_server.answer = model_server.answer = ranked
    given = {"api_key_env": "CHAT_KEY"}
    made(**given, rerank_url=other_server.url).relevance("q", ["a"], timeout=5)
    assert key_of(other_server) == ""
    own = made(**given, rerank_url=other_server.url, rerank_api_key_env="RANK_KEY")
    own.relevance("q", ["a"], timeout=5)
    assert key_of(other_server) == "Bearer sk-rank"
    same = model_server.url.replace("/v1", "/rank/v1")
    made(**given, rerank_url=same).relevance("q", ["a"], timeout=5)
    assert key_of(model_server) == "Bearer sk-chat"


def test_a_rerank_server_that_wants_a_key_says_which_setting(
    made: Make, model_server: Any, other_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_KEY", "sk-chat")
    other_server.answer = lambda path, question: said({"error": "no"}, 401)
    llm = made(api_key_env="CHAT_KEY", rerank_url=other_server.url)
    with pytest.raises(LlmError, match="rerank_api_key_env"):
        llm.relevance("q", ["a"], timeout=5)


@pytest.mark.parametrize("counts", [(7, 10**12), (10**15, 3), (-5, 10**12), (10**30, 10**30)])
def test_counts_that_cannot_be_do_not_use_up_the_day(
    made: Make, model_server: Any, tmp_path: Path, counts: tuple[int, int]
) -> None:
    model_server.answer = lambda path, question: tagged(*counts)
    guard = GuardedLanguageModel(language_model=made(), path=tmp_path / "llm.sqlite")
    for user in ("one", "two"):
        asked = Prompt(task="tags", version="1", system="s", user=user, max_tokens=10)
        assert guard.complete(asked, schema=Tags, timeout=5) == Tags(["a"])
    (row,) = guard.usage()
    assert 0 < row.tokens_in + row.tokens_out < 100
    guard.close()


def test_counts_that_can_be_are_told_as_they_are(made: Make, model_server: Any) -> None:
    model_server.answer = lambda path, question: tagged(40, 5000)
    with metered() as told:
        made().complete(ASK, schema=Tags, timeout=5)
    assert (told.tokens_in, told.tokens_out) == (40, 5000)


def test_a_score_beyond_single_precision_is_a_fault_and_no_warning(made: Make, model_server: Any) -> None:
    model_server.answer = lambda path, question: said({"results": [{"index": 0, "relevance_score": 1e39}]})
    with pytest.raises(LlmError, match="0 scores came"):
        made().relevance("q", ["a"], timeout=5)
