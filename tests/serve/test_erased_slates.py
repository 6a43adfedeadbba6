"""Answers that one worker has given are gone when another one acknowledges the erasure, and stay gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
from service import Service, serving

Shop = Callable[..., tuple[Path, str]]
N_CONNECTIONS, N_ANSWERS, N_USERS = 6, 8, 3


def erased_at_once(service: Service, user: str, clients: list[httpx.Client]) -> str:
    """Every connection has all its answers, whatever the worker, then the user is erased over the first;
    the id of the last answer."""
    for client in clients:
        for _ in range(N_ANSWERS):
            answer = client.post("/v1/recommend", json={"user": user, "n": 3, "reasons": False})
            answer.raise_for_status()
    clients[0].delete(f"/v1/users/{user}").raise_for_status()
    return str(answer.json()["meta"]["slate_id"])


def test_slates_of_every_worker_go_with_their_user(shop: Shop) -> None:
    folder, key = shop()
    with serving(folder, key) as service, ExitStack() as opened:
        base, headers = service.http.base_url, service.http.headers
        clients = [
            opened.enter_context(httpx.Client(base_url=base, headers=headers)) for _ in range(N_CONNECTIONS)
        ]
        users = [f"zqxgoes{number}" for number in range(N_USERS)]
        for user in users:
            last = erased_at_once(service, user, clients)
            codes = {client.get(f"/v1/trace/{last}").status_code for client in clients}
            assert codes == {404}
        time.sleep(0.6)
        for user in users:
            assert service.http.get(f"/v1/users/{user}/export").json()["slates"] == []
        service.recommend(users[0], n=3)
        time.sleep(0.6)
        assert len(service.http.get(f"/v1/users/{users[0]}/export").json()["slates"]) == 1
        service.http.delete(f"/v1/users/{users[0]}").raise_for_status()
        service.terminate()
    for file in folder.glob("store.db*"):
        assert not any(user.encode() in file.read_bytes() for user in users), file
