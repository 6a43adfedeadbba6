"""The guard: names, limits, headers, errors, the log, and where a request really comes from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from zhiyin.serve.guard import Guard
from zhiyin.serve.problems import PROBLEM_ROUTES, Problem
from zhiyin.serve.settings import ServeSettings


class Witness:
    """Stands for metrics and log."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.done: list[tuple[str, str, int]] = []
        self.lines: list[dict[str, Any]] = []

    def request_started(self) -> None:
        self.in_flight += 1

    def request_done(self, *, route: str, method: str, status: int, seconds: float) -> None:
        self.in_flight -= 1
        self.done.append((route, method, status))

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})


async def echo(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body()), "address": request.scope["zhiyin.address"]})


async def item(request: Request) -> Response:
    return JSONResponse({"id": request.path_params["id"]}, headers={"cache-control": "max-age=60"})


async def broken(request: Request) -> Response:
    raise KeyError("/var/lib/shop/secret zy_live_abc")


async def limited(request: Request) -> Response:
    raise Problem("rate_limited", retry_after_s=3)


class Setup:
    """A guarded app and clients of it."""

    def __init__(self, *, closing: bool = False, **settings: Any) -> None:
        self.witness = Witness()
        self.app = Starlette(
            routes=[
                Route("/echo", echo, methods=["GET", "POST"]),
                Route("/items/{id}", item),
                Route("/broken", broken),
                Mount("/inner", routes=[Route("/limited", limited)]),
            ],
            exception_handlers=PROBLEM_ROUTES,  # type: ignore[arg-type]
            middleware=[
                Middleware(
                    Guard, settings=ServeSettings.read(settings), watch=self.witness, log=self.witness,
                    closing=lambda: closing,
                )
            ],
        )  # fmt: skip

    def ask(self, method: str, path: str, *, peer: str = "203.0.113.9", **options: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(peer, 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                return await client.request(method, path, **options)

        return asyncio.run(go())


def test_every_answer_has_a_name_and_safe_headers() -> None:
    setup = Setup()
    for path, status in (("/echo", 200), ("/nothing", 404), ("/broken", 500)):
        answer = setup.ask("GET", path)
        assert answer.status_code == status
        assert answer.headers["x-request-id"].startswith("req_")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert setup.ask("GET", "/items/a").headers["cache-control"] == "max-age=60"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("order-7.a_B", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("a\tb", False),
        ("", False),
    ],
)
def test_a_request_keeps_its_name_if_it_is_harmless(sent: str, kept: bool) -> None:
    answer = Setup().ask("GET", "/echo", headers={"x-request-id": sent})
    assert (answer.headers["x-request-id"] == sent) is kept


def test_a_trace_is_continued_and_nonsense_is_not() -> None:
    setup, trace = Setup(), "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    assert setup.ask("GET", "/echo", headers={"traceparent": trace}).headers["traceparent"] == trace
    assert "traceparent" not in setup.ask("GET", "/echo", headers={"traceparent": "00-zz-1-01"}).headers
    assert [line["trace_id"] for line in setup.witness.lines] == ["ab" * 16, ""]


def test_every_status_is_counted_by_template_and_never_by_path() -> None:
    setup = Setup()
    setup.ask("GET", "/items/u-123")
    setup.ask("HEAD", "/items/u-123")
    setup.ask("DELETE", "/items/u-123")
    setup.ask("BREW", "/items/u-123")
    setup.ask("GET", "/u-123")
    setup.ask("GET", "/broken")
    setup.ask("GET", "/inner/limited")
    assert setup.witness.done == [
        ("/items/{id}", "GET", 200), ("/items/{id}", "HEAD", 200), ("/items/{id}", "DELETE", 405),
        ("/items/{id}", "other", 405), ("unmatched", "GET", 404), ("/broken", "GET", 500),
        ("/inner/limited", "GET", 429),
    ]  # fmt: skip
    assert setup.witness.in_flight == 0
    assert "u-123" not in json.dumps(setup.witness.lines, default=str)


def test_errors_are_problems_that_say_nothing_of_our_insides() -> None:
    setup = Setup()
    answer = setup.ask("GET", "/broken", headers={"x-request-id": "r1"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["request_id"]) == ("internal", "r1")
    assert "shop" not in answer.text and "KeyError" not in answer.text
    logged = [line for line in setup.witness.lines if line["event"] == "failed"]
    assert logged[0]["request_id"] == "r1" and isinstance(logged[0]["exc_info"], KeyError)
    limited = setup.ask("GET", "/inner/limited", headers={"accept-language": "zh-CN"})
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert limited.json()["title"] == "请求过于频繁"


@pytest.mark.parametrize("size", [1024, 1025, 10_000])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not(
    size: int, streamed: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 100):
            yield b"x" * min(100, size - start)

    answer = Setup(max_body_bytes=1024).ask("POST", "/echo", content=pieces() if streamed else b"x" * size)
    if size <= 1024:
        assert answer.json()["bytes"] == size
    else:
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.headers["connection"] == "close"


def test_a_compressed_body_and_too_many_headers_are_refused() -> None:
    setup = Setup(max_headers=20, max_header_bytes=2048)
    assert setup.ask("POST", "/echo", content=b"x", headers={"content-encoding": "gzip"}).status_code == 415
    assert setup.ask("GET", "/echo", headers={f"x-{n}": "1" for n in range(30)}).status_code == 431
    assert setup.ask("GET", "/echo", headers={"x-long": "1" * 3000}).status_code == 431


def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(30)
        yield b"x"

    answer = Setup(body_timeout_s=0.1).ask("POST", "/echo", content=slowly())
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")


def test_connections_end_with_their_answer_while_closing() -> None:
    assert Setup(closing=True).ask("GET", "/echo").headers["connection"] == "close"
    assert "connection" not in Setup().ask("GET", "/echo").headers


def test_pages_of_other_origins_may_call_only_when_named() -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    closed = Setup()
    assert closed.ask("OPTIONS", "/echo", headers=asked).status_code == 403
    setup = Setup(cors_origins=["https://shop.example"])
    preflight = setup.ask("OPTIONS", "/echo", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    for origin in (
        "https://evil.example",
        "https://shop.example.evil.example",
        "null",
        "http://shop.example",
    ):
        answer = setup.ask("GET", "/echo", headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "origin"
        assert setup.ask("OPTIONS", "/echo", headers={**asked, "origin": origin}).status_code == 403


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger's word counts for nothing
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # what the client wrote itself stands left
        ("10.0.0.1", "198.51.100.1, 10.0.0.7", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
    ],
)
def test_only_trusted_proxies_say_where_a_request_comes_from(peer: str, forwarded: str, found: str) -> None:
    setup = Setup(trusted_proxies=["10.0.0.0/8"])
    answer = setup.ask("GET", "/echo", peer=peer, headers={"x-forwarded-for": forwarded})
    assert answer.json()["address"] == found
    assert (
        Setup().ask("GET", "/echo", peer=peer, headers={"x-forwarded-for": "9.9.9.9"}).json()["address"]
        == peer
    )
