"""The part of the table of routes that is about meaning."""

from __future__ import annotations

from zhiyin.serve import chat, meaning
from zhiyin.serve.call import Route
from zhiyin.serve.chat_messages import ChatAnswer, ChatRequest
from zhiyin.serve.meaning_messages import ProfileIn, ProfileOut, TagsIn, TagsOut

__all__ = ["MEANING_ROUTES"]

WRITING = ("overloaded", "store_busy", "store_unavailable")
PROFILE = {
    "user": "u1",
    "interests": [{"words": "Sci-Fi", "weight": 0.6, "items": ["film-1"], "source": "history"}],
    "removed": [],
    "edited": False,
    "updated_at": 0.0,
}
TAGS = {"item": "film-1", "tags": ["Animation", "Comedy"], "line": "", "source": "rules"}

MEANING_ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/v1/chat", "read", chat.chat,
        "One turn of a dialogue: a list, and a text about it. Accept: text/event-stream streams both",
        ChatRequest, ChatAnswer, example={"message": "funny films from the 90s, nothing violent"},
        problems=("invalid_filter", "limit_exceeded", "overloaded", "not_ready"),
    ),
    Route(
        "GET", "/v1/users/{user:path}/profile", "read", meaning.get_profile,
        "Interests of a user in words, and the events that they rest on", None, ProfileOut,
        tag="users", shown=PROFILE, problems=("not_ready",),
    ),
    Route(
        "PUT", "/v1/users/{user:path}/profile", "ingest", meaning.put_profile,
        "Say what the interests of a user are: the next list goes by it", ProfileIn, ProfileOut,
        tag="users", example={"interests": [{"words": "space adventures", "weight": 1.0}]}, shown=PROFILE,
        problems=("not_ready", *WRITING),
    ),
    Route(
        "DELETE", "/v1/users/{user:path}/profile", "ingest", meaning.delete_profile,
        "Forget what was said of the interests: the history speaks again", None, ProfileOut,
        tag="users", shown=PROFILE, problems=("not_ready", *WRITING),
    ),
    Route(
        "GET", "/v1/items/{item:path}/tags", "read", meaning.get_tags,
        "What an item is about", None, TagsOut, tag="items", shown=TAGS,
        problems=("not_found", "not_ready"),
    ),
    Route(
        "PUT", "/v1/items/{item:path}/tags", "ingest", meaning.put_tags,
        "Say what an item is about", TagsIn, TagsOut, tag="items",
        example={"tags": ["Animation", "toys"], "line": "Toys come alive"}, shown=TAGS,
        problems=("not_found", "not_ready", *WRITING),
    ),
)  # fmt: skip
