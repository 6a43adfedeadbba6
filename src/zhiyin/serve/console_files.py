"""The files of the console, as they lie in the installed package: read once, served from memory.

Their address holds a digest of all of them, so a browser may keep them for ever and still gets a new version
at once: only the page itself, which names the digest, is asked for each time.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as Place

__all__ = ["POLICY", "console_places"]

FOLDER = Path(__file__).parents[1] / "console" / "static"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing but our own files runs, and no text can become markup: the browser itself refuses."""
PAGE_HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class File(NamedTuple):
    """One file, as it is and compressed."""

    content: bytes
    packed: bytes
    media: str


@dataclass(frozen=True, slots=True)
class Files:
    """All of them, by their path below `static/`, with the page that starts them."""

    digest: str
    files: dict[str, File]
    page: str
    """With a place for what the page of the address loads first."""
    base: str


@cache
def files() -> Files:
    """Read on the first request; about 200 kB."""
    found = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES
    }
    found["strings.json"], found["sheets.css"] = _words(found), _sheets(found)
    digest = hashlib.sha256(b"".join(name.encode() + body for name, body in found.items())).hexdigest()[:16]
    base = f"/console/static/{digest}"
    core = [name for name in found if name.endswith(".js") and "/" not in name and name != "early.js"]
    page = (FOLDER / "page.html").read_text("utf-8").replace("{base}", base)
    page = page.replace("{modules}", _preloads(base, core))
    packed = {
        name: File(body, gzip.compress(body, mtime=0), TYPES[Path(name).suffix])
        for name, body in found.items()
    }
    return Files(digest, packed, page, base)


def _preloads(base: str, names: Iterable[str]) -> str:
    return "\n".join(f'<link rel="modulepreload" href="{base}/{name}">' for name in names)


def _sheets(found: dict[str, bytes]) -> bytes:
    """All style sheets as one: what they are made of first, those of the pages last."""
    names = [name for name in found if name.endswith(".css")]
    first = [f"{name}.css" for name in ("tokens", "base", "parts")]
    ordered = sorted(names, key=lambda name: (first.index(name) if name in first else len(first), name))
    return b"\n".join(found.pop(name) for name in ordered)


def _words(found: dict[str, bytes]) -> bytes:
    """The words of the frame and of every page as one file; each lies beside the code that says them."""
    words: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    for name in [name for name in found if name.endswith(".strings.json")]:
        for language, said in json.loads(found.pop(name)).items():
            words[language] |= said
    return json.dumps(words, ensure_ascii=False).encode()


def console_places() -> list[Place]:
    """Routes without a key: the files hold no secret, and everything else they ask for with a session."""
    return [
        Place("/", _home, methods=["GET"]),
        Place("/console/static/{digest}/{name:path}", _file, methods=["GET"]),
        Place("/console", _home, methods=["GET"]),
        Place("/console/{rest:path}", _page, methods=["GET"]),
    ]


async def _home(request: Request) -> Response:
    return RedirectResponse("/console/", 307)


async def _page(request: Request) -> Response:
    """The same for every address below /console: its script reads the address."""
    name = request.path_params["rest"].partition("/")[0] or "try"
    kept = files()
    own = [path for path in kept.files if path.startswith(f"pages/{name}") and path.endswith(".js")]
    page = kept.page.replace("{own}", _preloads(kept.base, own))
    return Response(page, media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)


async def _file(request: Request) -> Response:
    found = files().files.get(request.path_params["name"])
    if found is None:
        return Response("there is no such file", 404, media_type="text/plain")
    current = request.path_params["digest"] == files().digest
    headers = {
        "cache-control": "public, max-age=31536000, immutable" if current else "no-store",
        "vary": "accept-encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(found.packed, media_type=found.media, headers=headers)
    return Response(found.content, media_type=found.media, headers=headers)
