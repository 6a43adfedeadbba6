"""Errors say what, where and the way out; a key goes only where it was meant to go."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from zhiyin.client import (
    ApiError,
    Client,
)
from zhiyin.errors import ConfigError, DataError

SECRET = "zy_live_" + "a" * 38


def test_an_error_says_what_where_and_how_out(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.recommend("u1", n=0)
    error = caught.value
    assert (error.status, error.code, error.path) == (422, "invalid_value", "$.n")
    assert error.detail and error.hint and error.request_id.startswith("req_") and error.retry_after_s is None
    with pytest.raises(ApiError, match=r"invalid_filter(?s:.)*\^"):
        client.recommend("u1", filter="genr = even")


def test_a_wrong_key_is_told_nowhere(service: Any) -> None:
    with (
        Client(service.address, SECRET) as client,
        pytest.raises(ApiError, match="401 unauthenticated") as caught,
    ):
        client.recommend("u1")
    assert SECRET not in f"{client!r} {client.connection!r} {caught.value!r} {caught.value}"


def test_an_empty_id_is_refused_before_it_names_another_route(client: Client) -> None:
    with pytest.raises(DataError, match="expected an id"):
        client.delete_item("")


@pytest.mark.parametrize(
    ("address", "key", "said"),
    [
        ("http://shop.example", SECRET, "in the clear"),
        ("http://10.0.0.7:8765", SECRET, "in the clear"),
        ("ftp://127.0.0.1", SECRET, "expected such as http"),
        ("127.0.0.1:8765", SECRET, "expected such as http"),
        (f"http://{SECRET}@127.0.0.1", SECRET, "no user, password"),
        (f"http://127.0.0.1?key={SECRET}", SECRET, "no user, password"),
        ("https://shop.example", f"{SECRET}\r\nx: y", "line ends"),
        ("https://shop.example", None, "ZHIYIN_KEY"),
    ],
)
def test_a_key_is_not_sent_where_it_could_be_read(
    address: str, key: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZHIYIN_KEY", raising=False)
    with pytest.raises(ConfigError, match=said) as caught:
        Client(address, key)
    assert SECRET not in str(caught.value)


def test_a_key_may_come_from_the_environment(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_KEY", service.key)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Client(service.address) as client:
        assert client.keys().keys
    Client("http://shop.example", SECRET, allow_insecure=True).close()
    Client("http://shop.example", "").close()


def test_redirects_are_not_followed() -> None:
    """A key goes only to the address that it was given for."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"location": "https://elsewhere.example/v1/keys"})

    with (
        Client("https://shop.example", SECRET, transport=httpx.MockTransport(answer)) as client,
        pytest.raises(ApiError, match="redirects are not followed"),
    ):
        client.keys()
    assert asked == ["https://shop.example/v1/keys"]
