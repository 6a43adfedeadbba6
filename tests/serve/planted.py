"""`python planted.py serve FOLDER ...`: the service with a fault planted in every worker.

Each fault is one that a careless change could bring; the test of the promise that it breaks must notice it.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette

from zhiyin import artefact, cli
from zhiyin.serve import app, supervisor
from zhiyin.serve.admission import Admission
from zhiyin.serve.connection import Connection
from zhiyin.serve.guard import Guard
from zhiyin.serve.live import Live
from zhiyin.serve.settings import ServeSettings
from zhiyin.store.group_commit import GroupCommit
from zhiyin.store.records import Event, Outcome
from zhiyin.store.sqlite_store import SqliteStore


def acknowledges_early() -> None:
    """An event is accepted when it is in memory."""
    append = SqliteStore.append

    def soon(self: SqliteStore, events: Sequence[Event], *, at: float) -> Future[list[Outcome]]:
        def later() -> None:
            append(self, events, at=at)

        threading.Timer(0.2, later).start()
        done: Future[list[Outcome]] = Future()
        done.set_result([Outcome(status="accepted", event_id=event.event_id) for event in events])
        return done

    SqliteStore.append = soon  # type: ignore[method-assign]


def forgets_ids() -> None:
    """The sender's name of an event gets lost: sending it again makes two of it."""
    append = SqliteStore.append

    def anonymous(self: SqliteStore, events: Sequence[Event], *, at: float) -> Future[list[Outcome]]:
        named = [msgspec.structs.replace(event, words=event.event_id, event_id="") for event in events]
        return append(self, named, at=at)

    SqliteStore.append = anonymous  # type: ignore[method-assign]


def drops_what_is_in_flight() -> None:
    """Stopping ends connections, whatever is on them."""
    Connection.shutdown = lambda self: self.transport.abort()  # type: ignore[method-assign]


def believes_artefacts() -> None:
    """An artefact is loaded without a look at its hashes, and tried before nobody asks."""

    def read(path: Path, name: str, entry: object) -> bytes:
        return (path / name).read_bytes()

    artefact._read_file = read


def serves_before_it_is_loaded() -> None:
    """The version changes first; what it stands for is loaded afterwards."""
    load = Live._loaded

    def named(self: Live, publication: Any) -> Any:
        if self.serving is None:
            return load(self, publication)
        return dataclasses.replace(self.serving, publication=publication)

    Live._loaded = named  # type: ignore[method-assign]


def keeps_old_artefacts() -> None:
    """What is replaced is never let go, and this one is large."""
    install, kept = Live._install, []

    def hoard(self: Live, serving: Any) -> None:
        kept.append((self.serving, b"1" * (40 << 20)))
        install(self, serving)

    Live._install = hoard  # type: ignore[method-assign]


def remembers_histories() -> None:
    """A worker keeps histories in memory and knows only of its own events."""
    known: dict[str, Any] = {}
    history, append = SqliteStore.history, SqliteStore.append

    def remembered(self: SqliteStore, user: str, n: int, *, context: Sequence[str] = ()) -> Any:
        if user not in known:
            known[user] = history(self, user, n, context=context)
        return known[user]

    def forgotten(self: SqliteStore, events: Sequence[Event], *, at: float) -> Future[list[Outcome]]:
        written = append(self, events, at=at)
        written.add_done_callback(lambda _: [known.pop(event.user, None) for event in events])
        return written

    SqliteStore.history, SqliteStore.append = remembered, forgotten  # type: ignore[method-assign]


def lets_encoder_errors_out() -> None:
    """An encoder that is away is everybody's fault."""
    from zhiyin.errors import LlmError
    from zhiyin.retrieve import content, fuse

    class OtherError(Exception):
        pass

    assert content.LlmError is fuse.LlmError is LlmError
    content.LlmError = fuse.LlmError = OtherError  # type: ignore[misc,assignment]


def waits_for_encoders() -> None:
    """Words are encoded with all the patience that item texts have, again for every request."""
    from zhiyin.represent.endpoint_encoder import EndpointEncoder

    EndpointEncoder._opened_for_words = EndpointEncoder._opened  # type: ignore[method-assign]
    EndpointEncoder._refuse_until = lambda self, at: None  # type: ignore[method-assign]


def trusts_numbers() -> None:
    """What should be a number is taken for one."""
    from zhiyin.serve.call import Call

    Call.number = lambda self, name, default, **_: int(  # type: ignore[method-assign]
        self.request.query_params.get(name, default)
    )


def takes_everything() -> None:
    """No request is refused at the door; it waits until its time is over."""
    Admission._admit = lambda self, kind, deadline: None  # type: ignore[method-assign]


def is_slow() -> None:
    """Every answer takes 25 ms to compute: no fault, but a load that is easily too much."""
    from zhiyin.serve.service import Service

    recommend = Service.recommend

    def slow(self: Service, request: Any, **more: Any) -> Any:
        time.sleep(0.025)
        return recommend(self, request, **more)

    Service.recommend = slow  # type: ignore[method-assign]


def is_slow_and_takes_everything() -> None:
    is_slow()
    takes_everything()


def believes_the_disk() -> None:
    """A commit that failed is told as one that did not."""

    def told(self: GroupCommit, batch: Sequence[Any], error: BaseException) -> None:
        self._close_connections()
        for write in batch:
            write.result = [Outcome(status="accepted")]
            write.settle()

    GroupCommit._fail = told  # type: ignore[method-assign]


def erases_by_halves() -> None:
    """Rows are deleted; their copies in the write-ahead log stay."""
    submit = GroupCommit.submit

    def unscrubbed(self: GroupCommit, apply: Any, *, rows: int = 1, scrub: bool = False) -> Any:
        return submit(self, apply, rows=rows)

    GroupCommit.submit = unscrubbed  # type: ignore[method-assign]


def logs_paths() -> None:
    """The access log names the path of a request, and with it users and items."""
    Guard.route = lambda self, scope: scope["path"]  # type: ignore[method-assign]


def logs_keys() -> None:
    """Somebody was looking for a bug."""
    from zhiyin.serve import logs
    from zhiyin.serve.access import Access

    enter = Access.enter

    def chatty(self: Access, header: str | None, **more: Any) -> Any:
        logging.getLogger("zhiyin.serve").warning("header %s", header)
        return enter(self, header, **more)

    logs.redact = logs.one_line = lambda *given: given[-1]  # type: ignore[assignment]
    logs.cleaned = lambda value: value
    Access.enter = chatty  # type: ignore[method-assign]


def create_app(project: Path, settings: ServeSettings) -> Starlette:
    """What a worker serves."""
    plant()
    return app.create_app(project, settings)


def plant() -> None:
    fault = os.environ.get("PLANTED", "")
    if fault:
        globals()[fault.replace(" ", "_")]()


if __name__ == "__main__":
    supervisor.Supervisor = partial(supervisor.Supervisor, app="planted:create_app")  # type: ignore[misc,assignment]
    cli.main()
