"""Which keys may ask about meaning; a part of the table in `test_routes.py`."""

from __future__ import annotations

MEANING_ASKED = {
    ("POST", "/v1/chat"): "read",
    ("GET", "/v1/users/{user:path}/profile"): "read",
    ("PUT", "/v1/users/{user:path}/profile"): "ingest",
    ("DELETE", "/v1/users/{user:path}/profile"): "ingest",
    ("GET", "/v1/items/{item:path}/tags"): "read",
    ("PUT", "/v1/items/{item:path}/tags"): "ingest",
}
