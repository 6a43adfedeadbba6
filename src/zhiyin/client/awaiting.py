"""The client whose calls are awaited: the same calls, the same decisions."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import httpx

from zhiyin.client.asks import Asks, Parts, Walk
from zhiyin.client.connection import MOST_ANSWER_BYTES, Connection, lost, reply, settings_of, too_large
from zhiyin.client.exchange import Ask, Attempt, Exchange, Lost, Reply, Step
from zhiyin.client.signatures import signed_as

if TYPE_CHECKING:
    from zhiyin.serve.settings import ServeSettings

__all__ = ["AsyncClient"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


def _answer(
    build: Callable[Concatenate[Asks, P], Ask[T]],
) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    async def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.ask(build(self.asks, *args, **kwargs))

    signed_as(call, build, "Ask", "{}")
    return call


def _rows(
    build: Callable[Concatenate[Asks, P], Walk[T, R]],
) -> Callable[Concatenate[AsyncClient, P], AsyncIterator[R]]:
    def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        return self._walked(build(self.asks, *args, **kwargs))

    signed_as(call, build, "Walk", "AsyncIterator[{}]")
    return call


def _together(
    build: Callable[Concatenate[Asks, P], Parts[T]],
) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    async def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        parts = build(self.asks, *args, **kwargs)
        return parts.joined([await self.ask(ask) for ask in parts.asks])

    signed_as(call, build, "Parts", "{}")
    return call


class AsyncClient:
    """`Client` for asyncio: its options, its calls, awaited; rows and pages with `async for`."""

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout_s: float = 5.0,
        retries: int = 2,
        total_s: float | None = None,
        seed: int | None = None,
        max_batch: int = 1000,
        allow_insecure: bool = False,
        verify: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = Connection.to(base_url, key, allow_insecure=allow_insecure)
        self.asks = Asks(max_batch=max_batch)
        self.exchange = Exchange(
            clock=clock, timeout_s=timeout_s, retries=retries, seed=seed,
            total_s=timeout_s * (retries + 1) if total_s is None else total_s,
        )  # fmt: skip
        self.sleep = sleep
        self._http = httpx.AsyncClient(transport=transport, **settings_of(verify))  # type: ignore[arg-type]

    @classmethod
    def local(
        cls,
        project: str | Path,
        *,
        settings: ServeSettings | None = None,
        timeout_s: float = 60.0,
        retries: int = 0,
    ) -> AsyncClient:
        """The same calls on a project in this process; it starts meanwhile, the first call waits."""
        from zhiyin.client.local import ADDRESS, LocalService

        service = LocalService(project=Path(project), settings=settings)
        return cls(ADDRESS, "", timeout_s=timeout_s, retries=retries, transport=service)

    def __repr__(self) -> str:
        return f"AsyncClient({self.connection.base_url!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the connections; a local service stops."""
        await self._http.aclose()

    async def ask(self, ask: Ask[T]) -> T:
        """Sends one request, again where that is safe, and returns its answer or raises ApiError."""
        steps, came = self.exchange.run(ask), None
        try:
            while True:
                came = await self._taken(steps.send(came))
        except StopIteration as end:
            answer: T = end.value
            return answer

    async def _taken(self, step: Step) -> Reply | Lost | None:
        if isinstance(step, Attempt):
            return await self._tried(step)
        await self.sleep(step.seconds)
        return None

    async def _tried(self, step: Attempt) -> Reply | Lost:
        method, url, headers = self.connection.request(step.ask)
        body = bytearray()
        try:
            async with (
                asyncio.timeout(step.timeout_s),
                self._http.stream(
                    method, url, params=step.ask.query or None, content=step.ask.body, headers=headers,
                    timeout=step.timeout_s,
                ) as response,
            ):  # fmt: skip
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MOST_ANSWER_BYTES:
                        raise too_large()
                return reply(response, bytes(body))
        except httpx.HTTPError as error:
            return lost(error)
        except TimeoutError:
            return Lost("timeout", "the answer did not end in time", False)

    async def _walked(self, walk: Walk[T, R]) -> AsyncIterator[R]:
        for row in walk.before:
            yield row
        following = walk.first
        while following is not None:
            page = await self.ask(following)
            for row in walk.rows(page):
                yield row
            following = walk.following(page)

    recommend = _answer(Asks.recommend)
    pages = _rows(Asks.pages)
    rank = _answer(Asks.rank)
    similar = _answer(Asks.similar)
    explain = _answer(Asks.explain)
    why_not = _answer(Asks.why_not)
    trace = _answer(Asks.trace)
    search = _answer(Asks.search)
    slates = _answer(Asks.slates)
    send = _together(Asks.send)
    put_item = _answer(Asks.put_item)
    put_items = _together(Asks.put_items)
    patch_item = _answer(Asks.patch_item)
    get_item = _answer(Asks.get_item)
    delete_item = _answer(Asks.delete_item)
    delete_items = _answer(Asks.delete_items)
    items = _rows(Asks.items)
    put_user = _answer(Asks.put_user)
    put_users = _together(Asks.put_users)
    patch_user = _answer(Asks.patch_user)
    get_user = _answer(Asks.get_user)
    users = _rows(Asks.users)
    history = _answer(Asks.history)
    export = _answer(Asks.export)
    profile = _answer(Asks.profile)
    put_profile = _answer(Asks.put_profile)
    delete_profile = _answer(Asks.delete_profile)
    tags = _answer(Asks.tags)
    put_tags = _answer(Asks.put_tags)
    chat = _answer(Asks.chat)
    erase = _answer(Asks.erase)
    live = _answer(Asks.live)
    ready = _answer(Asks.ready)
    metrics = _answer(Asks.metrics)
    openapi = _answer(Asks.openapi)
    keys = _answer(Asks.keys)
    make_key = _answer(Asks.make_key)
    revoke_key = _answer(Asks.revoke_key)
    audit = _rows(Asks.audit)
    artefacts = _answer(Asks.artefacts)
    rollback = _answer(Asks.rollback)
    item_map = _answer(Asks.item_map)
    feed = _answer(Asks.feed)
    status = _answer(Asks.status)
    exposure = _answer(Asks.exposure)
    days = _answer(Asks.days)
    start_job = _answer(Asks.start_job)
    jobs = _answer(Asks.jobs)
    job = _answer(Asks.job)
    job_result = _answer(Asks.job_result)
    cancel_job = _answer(Asks.cancel_job)
    next_pair = _answer(Asks.next_pair)
    judge = _answer(Asks.judge)
    begin_upload = _answer(Asks.begin_upload)
    go_on_uploading = _answer(Asks.go_on_uploading)
    look_at_upload = _answer(Asks.look_at_upload)
    drop_upload = _answer(Asks.drop_upload)
    pipeline = _answer(Asks.pipeline)
    check_pipeline = _answer(Asks.check_pipeline)
    backups = _answer(Asks.backups)
