"""The part of the table of routes that the console brought: signing in, finding, looking back."""

from __future__ import annotations

from zhiyin.serve import finding, signing_in
from zhiyin.serve.call import Param, Route
from zhiyin.serve.messages import FoundItems, SessionState, SignIn, SlateList

__all__ = ["CONSOLE_ROUTES"]

CONSOLE_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/slates",
        "read",
        finding.slates,
        "The newest decisions, of all or of one user",
        None,
        SlateList,
        (Param("user", "Whose"), Param("n", "1 to 200", "integer")),
        problems=("invalid_value",),
    ),
    Route(
        "GET",
        "/v1/search",
        "read",
        finding.search,
        "Items by words of title, attributes and text, as somebody types them, or by id",
        None,
        FoundItems,
        (Param("words", "What is looked for"), Param("n", "1 to 100", "integer")),
        tag="items",
        problems=("invalid_value", "overloaded", "not_ready"),
    ),
    Route(
        "POST",
        "/v1/session",
        "",
        signing_in.sign_in,
        "Sign a browser in: the session is in a cookie that scripts cannot read",
        SignIn,
        SessionState,
        tag="running",
        problems=("unauthenticated", "too_many_tries", "origin_refused", "store_unavailable"),
    ),
    Route(
        "GET",
        "/v1/session",
        "",
        signing_in.session,
        "Who is signed in with this browser",
        None,
        SessionState,
        tag="running",
    ),
    Route(
        "DELETE",
        "/v1/session",
        "",
        signing_in.sign_out,
        "Sign out: the session is refused from now on",
        tag="running",
        problems=("forbidden", "overloaded", "store_busy", "store_unavailable"),
    ),
)
