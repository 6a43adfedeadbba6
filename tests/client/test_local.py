"""The service inside of this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zhiyin.client import (
    ApiError,
    Client,
    EventIn,
)
from zhiyin.errors import ConfigError
from zhiyin.serve.bootstrap import prepare


def test_an_event_in_process_is_seen_by_the_running_service(client: Client, local: Client) -> None:
    local.send(EventIn(user="both", item="item-6"))
    assert [event.item for event in client.history("both").events] == ["item-6"]
    assert "item-6" not in {line.id for line in client.recommend("both", n=23).items}


def test_a_closed_client_leaves_no_key_that_works(tmp_path: Path, make_shop: Callable[[Path], Path]) -> None:
    project = make_shop(tmp_path)
    with Client.local(project) as client:
        inside = [key for key in client.keys().keys if key.revoked_at is None]
        assert [key.name.startswith("in process") for key in inside] == [True]
        assert all(key.expires_at is not None for key in inside)
    client.close()
    with Client.local(project) as again:
        assert {key.id for key in inside} <= {
            key.id for key in again.keys().keys if key.revoked_at is not None
        }
    assert prepare(project, now=lambda: 2e9).first_key.startswith("zy_live_"), (
        "the first start still shows one"
    )


def test_a_project_without_an_artefact_says_so(tmp_path: Path) -> None:
    with Client.local(tmp_path) as client:
        assert client.ready().reasons == ["no artefact serves yet"]
        with pytest.raises(ApiError, match="503 not_ready") as caught:
            client.recommend("u1")
    assert caught.value.retry_after_s == 5.0


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a project"):
        Client.local(tmp_path / "nowhere")


def test_the_key_of_this_process_is_renewed(tmp_path: Path, make_shop: Callable[[Path], Path]) -> None:
    from zhiyin.client.local import ADDRESS, LocalService

    time = [2e9]
    service = LocalService(project=make_shop(tmp_path), now=lambda: time[0])
    with Client(ADDRESS, "", transport=service) as client:
        before = client.keys().keys[-1].id
        time[0] += 5 * 3600
        valid = [key.id for key in client.keys().keys if key.revoked_at is None]
    assert len(valid) == 1 and valid != [before]
