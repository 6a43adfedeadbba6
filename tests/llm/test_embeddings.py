"""The client of embedding servers, against a real one that answers well, badly, late or never."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from zhiyin.errors import ConfigError, LlmError
from zhiyin.llm import EmbeddingsClient, embeddings
from zhiyin.represent import CachedEncoder, HashEncoder
from zhiyin.represent.endpoint_encoder import EndpointEncoder

KEY = "sk-very-secret-1234567890"
Answer = Callable[["Server", dict[str, Any]], tuple[int, dict[str, str], bytes]]


class Server:
    """A real HTTP server; `answers` are used up one by one, the last for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [well]
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        outer = self

        class Respond(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(question)
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                outer.paths.append(self.path)
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, headers, body = answer(outer, question)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if headers.get("X-Drip"):
                    for at in range(len(body)):
                        try:
                            self.wfile.write(body[at : at + 1])
                            self.wfile.flush()
                        except OSError:
                            return
                        threading.Event().wait(0.05)  # time.sleep is a counter here
                else:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Respond)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def rows_of(question: dict[str, Any]) -> list[dict[str, Any]]:
    vectors = HashEncoder(dim=8).encode(question["input"])
    return [{"index": i, "object": "embedding", "embedding": v.tolist()} for i, v in enumerate(vectors)]


def said(data: object, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


def well(_: Server, question: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return said({"object": "list", "data": rows_of(question), "usage": {}})


def shuffled(_: Server, question: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return said({"data": rows_of(question)[::-1]})


def in_base64(_: Server, question: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    rows = rows_of(question)
    for row in rows:
        row["embedding"] = base64.b64encode(np.array(row["embedding"], "<f4").tobytes()).decode()
    return said({"data": rows})


def status(code: int, **headers: str) -> Answer:
    return lambda *_: said({"error": {"message": f"no, and your key is {KEY}"}}, code, **headers)


def raw(body: bytes) -> Answer:
    return lambda *_: said(body)


def altered(change: Callable[[list[dict[str, Any]]], object]) -> Answer:
    def answer(_: Server, question: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        rows = rows_of(question)
        change(rows)
        return said({"data": rows})

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have slept."""
    slept: list[float] = []
    monkeypatch.setattr(embeddings.time, "sleep", slept.append)
    return slept


@pytest.fixture
def client(
    server: Server, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., EmbeddingsClient]]:
    made: list[EmbeddingsClient] = []
    monkeypatch.setenv("TEST_KEY", KEY)

    def make(**options: Any) -> EmbeddingsClient:
        made.append(
            EmbeddingsClient(**{"base_url": server.url, "name": "bge", "api_key_env": "TEST_KEY", **options})
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[..., EmbeddingsClient]


@pytest.mark.parametrize("answer", [well, shuffled, in_base64], ids=["in order", "out of order", "base64"])
def test_vectors_come_back_in_the_order_of_the_texts(server: Server, client: Make, answer: Answer) -> None:
    server.answers = [answer]
    texts = ["star wars", "流浪地球", "soup"]
    vectors = client().embed(texts)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, HashEncoder(dim=8).encode(texts), atol=1e-6)


def test_what_is_asked(server: Server, client: Make) -> None:
    client(dimensions=8, encoding="base64").embed(["a"])
    assert server.asked == [{"model": "bge", "input": ["a"], "encoding_format": "base64", "dimensions": 8}]
    assert server.paths == ["/v1/embeddings"] and server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_no_texts_are_no_request(server: Server, client: Make) -> None:
    assert client(dimensions=8).embed([]).shape == (0, 8) and server.asked == []


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again_with_growing_waits(
    server: Server, client: Make, waits: list[float], code: int
) -> None:
    server.answers = [status(code), status(code), well]
    assert client().embed(["a"]).shape == (1, 8)
    assert waits == [0.25, 0.5]


def test_the_wait_that_the_server_asks_for_is_kept(server: Server, client: Make, waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    server.answers = [
        status(429, Retry_After="7"),
        status(503, Retry_After=later),
        status(503, Retry_After="soon"),
        well,
    ]
    client().embed(["a"])
    assert waits[0] == 7 and 7 < waits[1] <= 9 and waits[2] == 1.0


def test_too_long_a_wait_is_not_waited(server: Server, client: Make, waits: list[float]) -> None:
    server.answers = [status(429, Retry_After="3600")]
    with pytest.raises(LlmError, match=r"status 429.*wait 3600 s"):
        client().embed(["a"])
    assert waits == [] and len(server.asked) == 1


def test_patience_ends(server: Server, client: Make) -> None:
    server.answers = [status(500)]
    with pytest.raises(LlmError, match=r"127\.0\.0\.1.*status 500.*given up after 3 tries"):
        client(retries=2).embed(["a"])
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("code", "advice"),
    [(401, "TEST_KEY"), (403, "TEST_KEY"), (404, "ends in /v1"), (400, "Check"), (307, "Redirects")],
)
def test_a_refusal_is_final_and_says_what_to_do(server: Server, client: Make, code: int, advice: str) -> None:
    server.answers = [status(code, Location="/elsewhere")]
    with pytest.raises(LlmError, match=f"status {code}") as caught:
        client().embed(["a"])
    assert advice in str(caught.value) and KEY not in str(caught.value) and len(server.asked) == 1


@pytest.mark.parametrize("code", [401, 500])
def test_the_key_stands_in_no_message(server: Server, client: Make, code: int) -> None:
    server.answers = [status(code)]
    with pytest.raises(LlmError) as caught:
        client(retries=0, base_url=server.url.replace("127", "me:hidden@127", 1)).embed(["a"])
    chain = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert KEY not in chain and "hidden" not in str(caught.value) and "***" in chain


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (raw(b'{"data": [{"index": 0, "embedding": [0.1, 0'), "not a list of embeddings"),
        (raw(b""), "not a list of embeddings"),
        (raw(b"<html>busy</html>"), "not a list of embeddings"),
        (raw(b'{"data": "none"}'), "not a list of embeddings"),
        (raw(b'{"data": [{"embedding": "***"}]}'), "not a list of embeddings"),
        (raw(b'{"data": [{"embedding": "AAA="}]}'), "not a list of embeddings"),
        (raw(b"[" * 100_000), "not a list of embeddings"),
        (raw(b'{"data": [{"embedding": [1, NaN]}]}'), "not a list of embeddings"),
        (altered(lambda rows: rows.pop()), "2 texts were sent and 1 vectors"),
        (altered(lambda rows: rows.append(dict(rows[0]))), "2 texts were sent and 3 vectors"),
        (altered(lambda rows: rows[1].update(index=0)), "every index"),
        (altered(lambda rows: rows[1].update(index=7)), "every index"),
        (altered(lambda rows: rows[1].update(embedding=[1.0])), "got lengths [1, 8]"),
        (altered(lambda rows: [row.update(embedding=[]) for row in rows]), "got lengths [0]"),
        (altered(lambda rows: rows[1]["embedding"].__setitem__(0, 1e39)), "not finite"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_named(server: Server, client: Make, answer: Answer, words: str) -> None:
    server.answers = [answer]
    with pytest.raises(LlmError) as caught:
        client().embed(["a", "b"])
    assert words in str(caught.value) and "127.0.0.1" in str(caught.value) and len(server.asked) == 1


def test_vectors_of_another_length_than_asked_are_refused(server: Server, client: Make) -> None:
    with pytest.raises(LlmError, match=r"expected vectors of 4 numbers each, got lengths \[8\]"):
        client(dimensions=4).embed(["a"])


def test_an_endless_answer_is_cut_off(server: Server, client: Make) -> None:
    server.answers = [raw(b" " * 3_000_000)]
    with pytest.raises(LlmError, match="larger than max_answer_bytes = 1000000"):
        client(max_answer_bytes=1_000_000).embed(["a"])


@pytest.mark.parametrize("how", ["silent", "dripping"])
def test_a_server_that_hangs_is_left(server: Server, client: Make, how: str) -> None:
    release = threading.Event()

    def silent(*_: object) -> tuple[int, dict[str, str], bytes]:
        release.wait(20)
        return said(b"")

    server.answers = [silent if how == "silent" else lambda *_: said(b" " * 400, X_Drip="1")]
    try:
        with pytest.raises(LlmError, match=r"ReadTimeout.*given up after 1 tries"):
            client(timeout_s=0.2, retries=0).embed(["a"])
    finally:
        release.set()


def test_nobody_there(client: Make, waits: list[float]) -> None:
    with pytest.raises(LlmError, match=r"ConnectError.*given up after 2 tries"):
        client(base_url="http://127.0.0.1:9/v1", retries=1).embed(["a"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "localhost:8000/v1"}, "like http://host"),
        ({"base_url": "file:///etc/passwd"}, "like http://host"),
        ({"base_url": "http://host:port/v1"}, "not an address"),
        ({"api_key_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_is_sent(
    server: Server, client: Make, options: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        client(**options).embed(["a"])
    assert server.asked == []


def test_a_key_that_no_header_can_carry_is_told_but_not_shown(
    client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", f"{KEY}\nX-Evil: 1")
    with pytest.raises(ConfigError, match="TEST_KEY") as caught:
        client().embed(["a"])
    assert KEY not in str(caught.value)


# -- the encoder over it -----------------------------------------------------------------------------


@pytest.fixture
def encoder(server: Server, waits: list[float]) -> Iterator[Callable[..., EndpointEncoder]]:
    made: list[EndpointEncoder] = []

    def make(**options: Any) -> EndpointEncoder:
        made.append(EndpointEncoder(**{"base_url": server.url, "name": "bge", **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_encoder_gives_unit_rows_and_sends_no_empty_text(
    server: Server, encoder: Callable[..., EndpointEncoder]
) -> None:
    server.answers = [
        altered(lambda rows: [row.update(embedding=[2.0 * x for x in row["embedding"]]) for row in rows])
    ]
    vectors = encoder(batch=2).encode(["a b", "", "c d", "e f"])
    assert not vectors[1].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[[0, 2, 3]], axis=1), 1, atol=1e-5)
    assert [question["input"] for question in server.asked] == [["a b", "c d"], ["e f"]]


def test_items_and_words_have_their_own_prefix(
    server: Server, encoder: Callable[..., EndpointEncoder]
) -> None:
    endpoint = encoder(passage_prefix="passage: ", query_prefix="query: ")
    endpoint.encode(["a"])
    endpoint.encode_words(["b"])
    assert [question["input"] for question in server.asked] == [["passage: a"], ["query: b"]]
    assert endpoint.identity != encoder().identity


def test_the_length_of_vectors_is_asked_once(server: Server, encoder: Callable[..., EndpointEncoder]) -> None:
    endpoint = encoder()
    assert (endpoint.dim, endpoint.dim, endpoint.encode([]).shape) == (8, 8, (0, 8))
    assert len(server.asked) == 1
    assert encoder(dimensions=8).dim == 8 and len(server.asked) == 1


def test_a_server_that_changes_its_vectors_is_refused(
    server: Server, encoder: Callable[..., EndpointEncoder]
) -> None:
    endpoint = encoder()
    endpoint.encode(["a"])
    server.answers = [altered(lambda rows: rows[0].update(embedding=[1.0, 0.0]))]
    with pytest.raises(LlmError, match="2 numbers after vectors of 8"):
        endpoint.encode(["b"])


def test_words_get_one_try_and_a_server_that_failed_is_left_alone(
    server: Server, encoder: Callable[..., EndpointEncoder]
) -> None:
    endpoint = encoder(dimensions=8, rest_s=60.0)
    server.answers = [status(500), well]
    with pytest.raises(LlmError, match="500"):
        endpoint.encode_words(["a"])
    with pytest.raises(LlmError, match="just failed"):
        endpoint.encode_words(["a"])
    assert len(server.asked) == 1
    assert endpoint.encode(["a"]).shape == (1, 8)


def test_a_fault_half_way_keeps_what_came(
    server: Server, encoder: Callable[..., EndpointEncoder], tmp_path: Any
) -> None:
    server.answers = [well, status(400), well]
    cache = CachedEncoder(encoder(dimensions=8), path=tmp_path / "v.sqlite", batch=1)
    with pytest.raises(LlmError):
        cache.encode(["a", "b"])
    assert cache.encode(["a", "b"]).shape == (2, 8)
    cache.close()
    assert [question["input"] for question in server.asked] == [["a"], ["b"], ["b"]]
