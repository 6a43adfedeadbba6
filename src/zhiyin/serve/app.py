"""The ASGI application of one worker: the table of routes behind the guard, on the ground of a project."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as Place
from starlette.types import Scope
from threadpoolctl import threadpool_limits

from zhiyin.serve.access import Access, read_pepper
from zhiyin.serve.admission import Admission
from zhiyin.serve.artefacts import Artefacts
from zhiyin.serve.call import Call, Route, check_names
from zhiyin.serve.console_files import console_places
from zhiyin.serve.exposure import Exposures
from zhiyin.serve.gate import Gate
from zhiyin.serve.ground import Ground, Places, filter_limits
from zhiyin.serve.guard import Guard
from zhiyin.serve.jobs.board import Jobs
from zhiyin.serve.live import Live
from zhiyin.serve.metrics import Metrics
from zhiyin.serve.openapi import document
from zhiyin.serve.problems import PROBLEM_ROUTES, Problem
from zhiyin.serve.pulse import Pulse
from zhiyin.serve.routes import ROUTES
from zhiyin.serve.schedule import Schedule
from zhiyin.serve.service import Service
from zhiyin.serve.settings import ServeSettings
from zhiyin.serve.tagging import Tagging
from zhiyin.serve.tracing import tracing_to
from zhiyin.serve.widget import script_place
from zhiyin.store.sqlite_store import SqliteStore

__all__ = ["create_app", "make_ground"]

OPEN = ("/health/live", "/health/ready")
OFTEN = ("/v1/recommend", "/v1/events", "/v1/rank")
"""Looked at first: a path is tried against one route after the other."""
STATE_EVERY_S = 5.0
NAMED = re.compile(r"\{(\w+)(:path)?\}")
NO_TEXT = re.compile(r"[\ud800-\udfff]")
"""Bytes of an address that are no UTF-8, as `surrogateescape` keeps them."""


def create_app(
    project: Path,
    settings: ServeSettings,
    *,
    now: Callable[[], float] = time.time,
) -> Starlette:
    """The application; its ground is made when it starts and taken down when it stops.

    `app.state.draining` True answers `/health/ready` with 503; `app.state.closing` True ends connections with
    their next answer. Several workers share their counts in the folder PROMETHEUS_MULTIPROC_DIR.
    """
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    metrics = Metrics(folder=Path(shared) if shared else None, version=version("zhiyin"))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        ground = await loop.run_in_executor(None, make_ground, project, settings, metrics, now)
        app.state.ground = ground
        watch = asyncio.create_task(_watch_state(ground, app.state.worker))
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            await loop.run_in_executor(None, _take_down, ground)

    app: Starlette = Starlette(
        routes=[
            *map(_place, sorted(ROUTES, key=lambda route: route.path not in OFTEN)),
            Place("/openapi.json", _openapi, methods=["GET"]),
            script_place(),
            *(console_places() if settings.console else ()),
        ],
        lifespan=lifespan,
        exception_handlers=PROBLEM_ROUTES,
        middleware=[
            Middleware(
                Guard,
                settings=settings,
                watch=metrics,
                log=structlog.get_logger("zhiyin.access"),
                closing=lambda: bool(app.state.closing),
            )
        ],
    )
    app.router.redirect_slashes = False
    app.state.draining = app.state.closing = False
    app.state.worker = 0
    return app


def make_ground(
    project: Path, settings: ServeSettings, metrics: Metrics, now: Callable[[], float] = time.time
) -> Ground:
    """Store, recommender and everything around them; takes as long as loading the artefact."""
    threadpool_limits(1, "blas")  # small products: more threads wait for each other longer than they work
    places = Places(project)
    pepper = read_pepper(places.pepper)
    store = SqliteStore.open(places.store, pepper=pepper, verify=False)  # `prepare` has just read every page
    admission = Admission(max_queue=settings.max_queue, max_ingest=settings.max_ingest, counts=metrics)
    access = Access(
        store=store, pepper=pepper, now=now, tries_per_minute=settings.failed_keys_per_minute, counts=metrics
    )
    artefacts = Artefacts(folder=places.artefacts, store=store)
    live = Live(store=store, artefacts=artefacts, compute=admission.between, now=now, told=metrics)
    service = Service(
        store=store,
        live=live,
        now=now,
        clock=admission.now,
        limits=filter_limits(settings),
        versions={"zhiyin": version("zhiyin")},
    )
    live.start()
    schedule = Schedule(
        places=places, store=store, artefacts=artefacts, settings=settings, now=now, told=metrics
    )
    schedule.start()
    tagging = Tagging(
        places=places, store=store, live=live, now=now, at_once=settings.tags_at_once,
        period_s=settings.tags_every_s, locale=settings.tags_locale.removeprefix("auto"),
        in_lists=settings.tags_in_lists,
    )  # fmt: skip
    tagging.start()
    return Ground(
        places=places,
        settings=settings,
        store=store,
        artefacts=artefacts,
        live=live,
        service=service,
        access=access,
        gate=Gate(access=access, settings=settings, now=now, counts=metrics),
        admission=admission,
        metrics=metrics,
        pepper=pepper,
        now=now,
        readers=ThreadPoolExecutor(4, thread_name_prefix="zhiyin-read"),
        version=version("zhiyin"),
        started_at=now(),
        schedule=schedule,
        tagging=tagging,
        exposures=Exposures(store),
        jobs=Jobs(places.jobs, project, now=now),
        pulse=Pulse(metrics, now),
        tracing=tracing_to(settings.otlp_endpoint, version=version("zhiyin")),
    )


def _take_down(ground: Ground) -> None:
    ground.metrics.ready(False)
    ground.jobs.stop()
    ground.tagging.stop()
    ground.schedule.stop()
    ground.live.stop()
    ground.access.flush()
    ground.admission.close()
    ground.readers.shutdown(wait=True)
    ground.store.close()
    ground.tracing.close()


async def _watch_state(ground: Ground, worker: int) -> None:
    """Numbers that nobody's request changes: sizes, memory, queue."""
    loop = asyncio.get_running_loop()
    while True:
        with suppress(Exception):
            await loop.run_in_executor(ground.readers, _state, ground, worker)
        await asyncio.sleep(STATE_EVERY_S)


def _state(ground: Ground, worker: int) -> None:
    metrics, serving = ground.metrics, ground.live.serving
    metrics.store_state(
        rows=ground.store.counts(),
        last_seq=ground.store.last_seq(),
        writable=not ground.store.writable(),
        free_bytes=shutil.disk_usage(ground.places.project).free,
    )
    metrics.queue_length(ground.admission.queued)
    if serving is not None:
        metrics.serving(serving.publication.version, fitted_at=serving.publication.fitted_at)
    metrics.process_state(worker=worker, at=ground.now())
    metrics.ready(serving is not None)
    ground.pulse.beat()


class _Place(Place):
    """Matches the parts between the slashes as they were sent, and decodes each of them by itself.

    Starlette matches the decoded path, in which user `bob%2Fprofile` is the profile of user `bob`.
    """

    def __init__(self, path: str, *about: Any, **more: Any) -> None:
        super().__init__(path, *about, **more)
        self._parts = [(part, NAMED.fullmatch(part)) for part in path.split("/")[1:]]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if "zhiyin.parts" not in scope:
            scope["zhiyin.parts"] = _parts(scope)
        found = self._found(scope["zhiyin.parts"])
        if found is None:
            return Match.NONE, {}
        match = Match.FULL if scope["method"] in (self.methods or ()) else Match.PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": scope.get("path_params", {}) | found}

    def _found(self, parts: list[str]) -> dict[str, str] | None:
        if len(parts) != len(self._parts):
            return None
        found = {}
        for part, (literal, named) in zip(parts, self._parts, strict=True):
            if named and part and (named[2] or "/" not in part):
                found[named[1]] = part
            elif named or part != literal:
                return None
        return found


def _parts(scope: Scope) -> list[str]:
    """What is between the slashes below the root path, decoded."""
    if raw := scope.get("raw_path"):
        sent = raw.partition(b"?")[0].decode("utf-8", "surrogateescape")
        parts = [unquote(part, errors="surrogateescape") for part in sent.split("/")]
    else:
        parts = scope["path"].split("/")
    root = scope.get("root_path", "")
    below = (n for n in range(1, len(parts) + 1) if "/".join(parts[:n]) == root)
    return parts[next(below, 1) :]


def _place(route: Route) -> Place:
    """A Starlette route with an endpoint of its own, so that it can be told from the others."""

    async def endpoint(request: Request) -> Response:
        return await _answered(route, request)

    return _Place(route.path, endpoint, methods=[route.method], name=f"{route.method} {route.path}")


async def _answered(route: Route, request: Request) -> Response:
    """Key, pace, body, answer: in this order, so that a stranger's body is never read."""
    ground: Ground = request.app.state.ground
    ground.draining = bool(request.app.state.draining)
    grant = None
    if route.scope and not (route.path == "/metrics" and ground.settings.open_metrics):
        grant = ground.gate.enter(request, route.scope)
    elif request.headers.get("authorization"):
        grant = ground.gate.enter(request, "")
    elif route.path not in OPEN:
        ground.gate.anonymous(request)
        grant = ground.gate.glance(request)
    for name, value in request.path_params.items():
        if NO_TEXT.search(value):
            raise Problem("invalid_request", "expected percent-encoded UTF-8", path=name)
    check_names(route, request)
    call = Call(ground, request, grant)
    if route.takes is not None:
        call.body = await request.body()
        if not call.body:
            raise Problem("invalid_json", "expected a body, got none", path="$")
    traceparent = request.headers.get("traceparent", "")
    with ground.tracing.request(f"{route.method} {route.path}", traceparent):
        return await route.answer(call)


async def _openapi(request: Request) -> Response:
    """The document is no secret: it is the same for everybody who runs this version."""
    ground: Ground = request.app.state.ground
    ground.gate.anonymous(request)
    return Response(msgspec.json.encode(document(ROUTES, ground.version)), media_type="application/json")
