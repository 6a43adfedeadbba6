"""Routes by which a browser signs in and out."""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from zhiyin.serve.access import Grant
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.gate import address_of
from zhiyin.serve.messages import SessionState, SignIn
from zhiyin.serve.problems import Problem
from zhiyin.serve.sessions import check_meant, cookie_name, csrf_of, open_session, session_secret
from zhiyin.store.records import KeyRecord

__all__ = ["session", "sign_in", "sign_out"]


async def sign_in(call: Call) -> Response:
    """A key opens any number of sessions, a link one; wrong ones count as wrong keys do."""
    asked, ground, request = call.take(SignIn), call.ground, call.request
    _same_origin(request)
    kind, secret = ("link", asked.link) if asked.link else ("key", asked.key)
    record, grant = ground.access.known(secret, kind, address=address_of(request))
    if kind == "link":
        with ground.admission.ingest():
            first = await asyncio.wrap_future(
                ground.store.revoke_key(record.id, at=ground.now(), actor="link")
            )
        if not first:
            raise Problem("unauthenticated", "this link has been used")
    made, kept = await asyncio.get_running_loop().run_in_executor(
        ground.readers,
        partial(open_session, ground.store, ground.pepper, record, grant,
                at=ground.now(), hours=ground.settings.session_hours),
    )  # fmt: skip
    ground.access.forget()
    answer = json_answer(_state(call, _granted(kept), made))
    answer.set_cookie(
        cookie_name(request), made, max_age=round(3600 * ground.settings.session_hours), path="/",
        httponly=True, samesite="strict", secure=_over_tls(call),
    )  # fmt: skip
    return answer


async def session(call: Call) -> Response:
    """Says who; a stranger is not signed in, which is no fault."""
    secret = session_secret(call.request)
    grant = call.grant if call.grant is not None and call.grant.session else None
    if grant is None:
        return json_answer(SessionState(signed_in=False, version=call.ground.version))
    return json_answer(_state(call, grant, secret))


async def sign_out(call: Call) -> Response:
    """The session ends in every worker within a second; who has none is signed out already."""
    ground, request, grant = call.ground, call.request, call.grant
    answer = Response(status_code=204)
    if grant is not None and grant.session:
        check_meant(request, session_secret(request), ground.pepper)
        with ground.admission.ingest():
            await asyncio.wrap_future(
                ground.store.revoke_key(grant.session, at=ground.now(), actor=grant.key_id)
            )
        ground.access.forget()
    answer.delete_cookie(
        cookie_name(request), path="/", httponly=True, samesite="strict", secure=_over_tls(call)
    )
    return answer


def _state(call: Call, grant: Grant, secret: str) -> SessionState:
    return SessionState(
        signed_in=True, key_id=grant.key_id, name=grant.name, scopes=sorted(grant.scopes),
        expires_at=grant.expires_at, csrf=csrf_of(secret, call.ground.pepper), version=call.ground.version,
    )  # fmt: skip


def _granted(record: KeyRecord) -> Grant:
    return Grant(
        record.parent or record.id, record.name, frozenset(record.scopes), record.id, record.expires_at
    )


def _same_origin(request: Request) -> None:
    """No page of another site signs its visitors in here under somebody else's name."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", "")
    if site not in ("same-origin", "none") or (origin and _host_of(origin) != request.url.netloc):
        raise Problem(
            "origin_refused",
            "a browser signs in from the console's own page",
            hint="Behind a proxy? It must pass the header Host on as the browser sent it.",
        )


def _host_of(origin: str) -> str:
    """Host and port; empty where it cannot be read."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _over_tls(call: Call) -> bool:
    """Whether the browser speaks TLS: with us, or with a proxy that we trust to say so."""
    if call.ground.settings.tls_cert:
        return True
    forwarded = call.request.headers.get("x-forwarded-proto", "")
    return bool(call.ground.settings.trusted_proxies) and forwarded.lower() == "https"
