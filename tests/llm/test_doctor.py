"""`zhiyin doctor` asks a configured model one word: what it says of it, and that the key is nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zhiyin.cli import main
from zhiyin.cli.check_llm import language_model

KEY = "sk-very-secret-9"
TOP = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -3.0}]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))

    def make(base_url: str) -> Path:
        (tmp_path / "zhiyin.toml").write_text(
            'fallback = "popular"\n[retrievers.popular]\ntype = "popular"\n[llm]\ntype = "endpoint"\n'
            f'base_url = "{base_url}"\nname = "m"\napi_key_env = "SHOP_KEY"\n'
        )
        return tmp_path

    return make


def answers(kind: type) -> Callable[[str, dict[str, Any]], Any]:
    """A server that chats with probabilities and reranks, and knows nothing of texts."""

    def answer(path: str, question: dict[str, Any]) -> Any:
        first = {"token": "A", "logprob": -0.1, "top_logprobs": TOP}
        chat = {"message": {"content": '{"ready": "yes"}'}, "finish_reason": "stop"}
        if path.endswith("/chat/completions"):
            told: dict[str, Any] = {"choices": [{**chat, "logprobs": {"content": [first]}}]}
        elif path.endswith("/rerank"):
            told = {"results": [{"index": n, "relevance_score": 0.5} for n in (0, 1)]}
        else:
            return kind(status=404)
        return kind(body=json.dumps(told).encode())

    return answer


def test_it_says_what_a_model_can_do(
    model_server: Any, project: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    model_server.answer = answers(type(model_server.answer("", {})))
    folder = project(model_server.url)
    with pytest.raises(SystemExit):
        main(["doctor", str(folder), "--json"])
    said = capsys.readouterr().out
    found = next(one for one in json.loads(said)["findings"] if one["name"] == "language model")
    assert found["status"] == "ok" and found["facts"]["reached"] and found["facts"]["ms"] > 0
    assert found["facts"]["can"] == {"first tokens": True, "texts": False, "rerank": True}
    assert f"m at {model_server.url}" in found["said"] and KEY not in said
    assert model_server.headers[0]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("fault", "way_out"),
    [
        ({"status": 401, "body": f"bad key {KEY}".encode()}, "key in SHOP_KEY is not accepted"),
        ({"status": 404}, "base_url end in /v1"),
        ({"status": 500}, "start the server"),
        ({"body": b'{"choices": [{"message": {"content": "yes!"}}]}'}, "JSON schema"),
    ],
)
def test_a_fault_has_its_way_out_and_no_key(
    model_server: Any, project: Callable[[str], Path], fault: dict[str, Any], way_out: str
) -> None:
    kind = type(model_server.answer("", {}))
    model_server.answer = lambda path, question: kind(**fault)
    found = language_model(project(model_server.url))
    assert found.status == "fail" and way_out in found.way_out
    assert KEY not in repr(found)


def test_a_server_that_is_not_there_or_no_model_at_all(
    project: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = language_model(project("http://user:word@127.0.0.1:9/v1"))
    assert found.status == "fail" and "start the server" in found.way_out and "word" not in found.said
    monkeypatch.delenv("SHOP_KEY")
    assert "SHOP_KEY" in repr(language_model(tmp_path))
    (tmp_path / "zhiyin.toml").write_text('fallback = "p"\n[retrievers.p]\ntype = "popular"\n')
    assert language_model(tmp_path).said.startswith("none")
