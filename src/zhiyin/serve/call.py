"""One request on its way: what routes are given, what they give back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from zhiyin.errors import shorten
from zhiyin.prepared import prepared
from zhiyin.serve.access import Grant
from zhiyin.serve.body_faults import told
from zhiyin.serve.known_fields import no_field, with_known
from zhiyin.serve.problems import Problem

if TYPE_CHECKING:
    from zhiyin.serve.ground import Ground

__all__ = ["Call", "Param", "Route", "check_names", "json_answer", "prefers_html"]

T = TypeVar("T")
ENCODER = msgspec.json.Encoder()
PROBED = ("/health/live", "/health/ready", "/metrics")
"""Asked by machines, some of which add names of their own."""
WEIGHT = re.compile(r"(?:^|;)\s*q\s*=\s*([01](?:\.\d*)?)")


@dataclass(slots=True)
class Call:
    """A request that has passed the gate."""

    ground: Ground
    request: Request
    grant: Grant | None
    body: bytes = b""

    @property
    def actor(self) -> str:
        """Who is named in the audit."""
        return "" if self.grant is None else self.grant.key_id

    def path(self, name: str) -> str:
        """A part of the path; ids may hold anything but a slash unless it is percent-encoded."""
        found, limit = str(self.request.path_params[name]), self.ground.settings.max_id
        if len(found) > limit:
            raise Problem(
                "invalid_value", f"{len(found)} characters, the setting max_id allows {limit}", path=name
            )
        return found

    def take(self, kind: type[T]) -> T:
        """The body as `kind`; a fault is a problem with its path."""
        try:
            return msgspec.json.decode(self.body, type=prepared(kind))
        except msgspec.DecodeError as error:
            raise told(error, self.body, kind) from None

    def asked(self, kind: type[T]) -> T:
        """The query string as `kind`; a name that is repeated is a list."""
        fields = kind.__struct_fields__  # type: ignore[attr-defined]
        lists = [name for name in fields if name in ("exclude", "include", "history")]
        given: dict[str, Any] = {}
        for name, value in self.request.query_params.multi_items():
            if name in lists:
                given.setdefault(name, []).append(value)
            elif name in given:
                raise Problem("invalid_value", f"{name!r} is given twice", path=name)
            else:
                given[name] = value
        try:
            return msgspec.convert(given, prepared(kind), strict=False)
        except msgspec.ValidationError as error:
            raise with_known(error, kind) from None

    def number(self, name: str, default: int, *, low: int = 1, high: int = 1000) -> int:
        """A whole number of the query string."""
        text = self.request.query_params.get(name)
        if text is None:
            return default
        if not text.isdecimal() or len(text) > 9 or not low <= int(text) <= high:
            raise Problem("invalid_value", f"expected a whole number from {low} to {high}", path=name)
        return int(text)

    def text(self, name: str, limit: int = 512) -> str:
        """A text of the query string, empty when it is not there."""
        found = self.request.query_params.get(name, "")
        if len(found) > limit:
            raise Problem("invalid_value", f"expected at most {limit} characters", path=name)
        return found

    @property
    def wants_html(self) -> bool:
        """Whether a browser asks: HTML is accepted, and not after JSON."""
        return prefers_html(self.request.headers.get("accept", ""))


Answer = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Param:
    """One name of the query string."""

    name: str
    about: str
    kind: str = "string"
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked: the one table from which routing, access, documents and tests are made."""

    method: str
    path: str
    scope: str
    """Which keys may: read, ingest, admin, erase; empty = everybody."""
    answer: Answer
    summary: str
    takes: Any = None
    """Type of the body."""
    gives: Any = None
    """Type of the answer."""
    params: tuple[Param, ...] = ()
    example: Any = None
    """A body, or None."""
    shown: Any = None
    """An answer."""
    problems: tuple[str, ...] = ()
    """Codes besides those that every route can answer."""
    ndjson: bool = False
    html: bool = False
    raw: bool = False
    """The body is a file, as bytes; the route reads it itself."""
    tag: str = field(default="recommend")


def check_names(route: Route, request: Request) -> None:
    """Refuses a name in the query string that this route does not know: it would be passed over."""
    if route.method != "GET" or route.path in PROBED:
        return
    known = [param.name for param in route.params]
    for name in request.query_params:
        if name not in known:
            raise Problem("invalid_value", no_field(name, known), path=shorten(name, 80))


def prefers_html(accepted: str) -> bool:
    """Of a header Accept: among equal weights the first; a weight of 0 is a refusal (RFC 9110, 12.5.1)."""
    html = data = anything = (0.0, 0)
    for place, part in enumerate(accepted.lower().split(",")):
        media, _, rest = part.partition(";")
        kind, weight = media.strip(), WEIGHT.search(rest)
        rank = (float(weight[1]) if weight else 1.0, -place)
        if kind == "text/html":
            html = max(html, rank)
        elif kind.endswith(("/json", "+json")):
            data = max(data, rank)
        elif kind in ("*/*", "application/*"):
            anything = max(anything, rank)
    return html[0] > 0 and html > (data if "json" in accepted else anything)


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A struct as JSON."""
    return Response(ENCODER.encode(value), status, headers, "application/json")
