"""Routes for who runs the service: health, metrics, keys, audit, artefacts, the OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from starlette.responses import Response

from zhiyin.errors import ConfigError, shorten
from zhiyin.serve.access import issue_key
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.messages import (
    ArtefactList,
    ArtefactState,
    AuditPage,
    Health,
    KeyList,
    KeyMade,
    KeyRequest,
    KeyShown,
    RollbackRequest,
)
from zhiyin.serve.metrics import CONTENT_TYPE
from zhiyin.serve.problems import Problem

__all__ = [
    "audit", "keys", "list_artefacts", "live", "make_key", "metrics", "ready", "revoke_key", "roll_back",
]  # fmt: skip

T = TypeVar("T")


async def live(call: Call) -> Response:
    """The process answers."""
    return json_answer(Health(status="ok", version=call.ground.version))


async def ready(call: Call) -> Response:
    """200 when requests may come; 503 with the reasons when not. The disk is asked, nothing is computed."""
    reasons = await _read(call, partial(_not_ready, call))
    if not reasons:
        return json_answer(Health(status="ok", version=call.ground.version))
    known = [text for text, for_all in reasons if for_all or call.grant is not None]
    body = Health(status="not ready", reasons=known, version=call.ground.version)
    return json_answer(body, 503, {"retry-after": "1"})


def _not_ready(call: Call) -> list[tuple[str, bool]]:
    """(reason, whether a stranger may know it)."""
    ground = call.ground
    reasons = []
    if ground.draining:
        reasons.append(("stopping: send requests elsewhere", True))
    if ground.live.serving is None:
        reasons.append(("no artefact serves yet", True))
        with suppress(OSError):
            reasons.append((ground.places.failed_fit.read_text("utf-8"), False))
    fault = ground.store.writable()
    if fault:
        reasons.append((f"the store cannot write: {fault}", False))
    return reasons


async def metrics(call: Call) -> Response:
    """For Prometheus."""
    return Response(await _read(call, call.ground.metrics.page), headers={"content-type": CONTENT_TYPE})


# -- keys ----------------------------------------------------------------------------------------------


async def keys(call: Call) -> Response:
    """All keys, without their secrets."""
    found = await _read(call, call.ground.store.keys)
    rows = [
        KeyShown(
            id=key.id, name=key.name, scopes=key.scopes, created_at=key.created_at, expires_at=key.expires_at,
            revoked_at=key.revoked_at, last_used_at=key.last_used_at, kind=key.kind,
        )
        for key in found
    ]  # fmt: skip
    return json_answer(KeyList(keys=rows))


async def make_key(call: Call) -> Response:
    """A new key; its secret is shown this once."""
    request, ground = call.take(KeyRequest), call.ground
    if "erase" in request.scopes and call.grant is not None and not call.grant.may("erase"):
        raise Problem("forbidden", "only a key that may erase can make another one that may", path="$.scopes")
    at = ground.now()
    expires = None if request.days is None else at + request.days * 86_400
    try:
        secret, record = await _read(
            call,
            partial(
                issue_key, ground.store, ground.pepper, name=request.name, scopes=request.scopes, at=at,
                actor=call.actor, expires_at=expires,
            ),
        )  # fmt: skip
    except ConfigError as error:
        raise Problem("conflict", str(error), path="$.name") from error
    ground.access.forget()
    return json_answer(KeyMade(id=record.id, secret=secret), 201)


async def revoke_key(call: Call) -> Response:
    """The key is refused from now on, in every worker within a second."""
    ground, name = call.ground, call.path("key_id")
    with ground.admission.ingest():
        done = await asyncio.wrap_future(ground.store.revoke_key(name, at=ground.now(), actor=call.actor))
    if not done:
        raise Problem("not_found", f"no valid key has the id {shorten(repr(name))}", path="key_id")
    ground.access.forget()
    return Response(status_code=204)


async def audit(call: Call) -> Response:
    """Who changed what, oldest first."""
    after, limit = call.number("after", 0, low=0, high=10**9 - 1), call.number("limit", 100)
    rows = await _read(call, partial(call.ground.store.audit_rows, after=after, limit=limit))
    return json_answer(AuditPage(rows=rows, next=rows[-1].seq if len(rows) == limit else 0))


# -- artefacts -------------------------------------------------------------------------------------------


async def list_artefacts(call: Call) -> Response:
    """What serves, what served before, what was refused and why."""
    found = await _read(call, call.ground.artefacts.list)
    serving = call.ground.live.serving
    rows = [ArtefactState(version=p.version, state=p.state, at=p.at, detail=p.detail) for p in found]
    current = "" if serving is None else serving.publication.version
    return json_answer(ArtefactList(current=current, artefacts=rows))


async def roll_back(call: Call) -> Response:
    """The one before serves again, or the one named; every worker takes it within seconds."""
    request, ground = call.take(RollbackRequest), call.ground
    try:
        back = await _read(
            call, partial(ground.artefacts.rollback, to=request.to, at=ground.now(), actor=call.actor)
        )
    except ConfigError as error:
        raise Problem("conflict", str(error), path="$.to") from error
    return json_answer(ArtefactState(version=back.version, state=back.state, at=back.at))


async def _read(call: Call, fn: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.ground.readers, fn)
