"""A typed client of the service, over HTTP or in process: what is asked and answered are its own messages.

`Client` waits, `AsyncClient` is awaited. `Client.local(project)` needs no server.
"""

from __future__ import annotations

from zhiyin.client.asks import named
from zhiyin.client.awaiting import AsyncClient
from zhiyin.client.blocking import Client
from zhiyin.errors import ApiError
from zhiyin.serve.ingest import EventIn
from zhiyin.serve.messages import Boost, Cap, Exploration, HistoryEvent, ItemIn, Pin, UserIn, WhatIf

__all__ = [
    "ApiError", "AsyncClient", "Boost", "Cap", "Client", "EventIn", "Exploration", "HistoryEvent", "ItemIn",
    "Pin", "UserIn", "WhatIf", "named",
]  # fmt: skip
