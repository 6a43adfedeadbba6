"""A small fitted project, and its application in process: even users like even items, odd users odd ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from starlette.applications import Starlette

from zhiyin.config import to_toml
from zhiyin.data.dataset import Dataset
from zhiyin.explain import EvidenceExplainer
from zhiyin.rank import BoostedRanker, EvidenceFeature, SourceFeature
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.serve.app import create_app
from zhiyin.serve.bootstrap import Prepared, prepare
from zhiyin.serve.settings import ServeSettings
from zhiyin.types import Interaction, Item

WORDS = ("red shoes", "blue kettle")
START = 1_700_000_000.0


class Clock:
    """Time that goes on only when told."""

    def __init__(self, at: float = START + 100_000) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def checkerboard(n_users: int = 60, n_items: int = 40, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    events = [
        Interaction(f"u{u}", f"i{item}", at=START + 100.0 * step + u)
        for u in range(n_users)
        for step, item in enumerate(rng.permutation(n_items // 2)[:10] * 2 + u % 2)
    ]
    items = [
        Item(f"i{i}", f"{WORDS[i % 2]} {i}", attributes={"side": WORDS[i % 2], "price": float(i)})
        for i in range(n_items)
    ]
    return Dataset.of(events, items)


def recommender() -> Recommender:
    encoder = HashEncoder()
    return Recommender(
        retrievers={
            "kernel": KernelRetriever(),
            "content": ContentRetriever(encoder=encoder),
            "lexical": LexicalRetriever(),
            "popular": PopularRetriever(),
        },
        ranker=BoostedRanker(
            features=[SourceFeature(), EvidenceFeature()], n_trees=20, min_rows_in_leaf=5, n_threads=1
        ),
        explainer=EvidenceExplainer(),
        encoder=encoder,
    )


def make_project(folder: Path) -> Path:
    """Data, configuration and a fitted artefact, as `zhiyin fit` leaves them."""
    data, parts = checkerboard(), recommender()
    data.save(folder / "data")
    (folder / "zhiyin.toml").write_text(to_toml(parts), encoding="utf-8")
    parts.fit(data).save(folder / "artefact")
    return folder


class InProcess(httpx.BaseTransport):
    """Requests to an application that lives in an event loop of its own thread."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        self.asgi = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.lifespan = app.router.lifespan_context(app)
        self.run(self.lifespan.__aenter__())

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        whole = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await self.asgi.handle_async_request(whole)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

    def close(self) -> None:
        self.run(self.lifespan.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Client(httpx.Client):
    """Asks an application in process; its ground can be looked at."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(transport=InProcess(app), base_url="http://service")
        self.app = app


@contextmanager
def serving(
    folder: Path, clock: Clock | None = None, **settings: object
) -> Iterator[tuple[Client, Prepared]]:
    """The application of one worker, asked in process with the first key; and what the start has made."""
    now = clock or Clock()
    made = prepare(folder, now=now)
    app = create_app(folder, ServeSettings(**{"anonymous_per_s": 0.0, **settings}), now=now)  # type: ignore[arg-type]
    with Client(app) as client:
        if made.first_key:
            client.headers["authorization"] = f"Bearer {made.first_key}"
        yield client, made
