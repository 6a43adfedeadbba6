"""What can be worked on, and what is known of it, as it goes over the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

__all__ = ["JOB_KINDS", "CellFix", "Job", "JobKind", "JobList", "JobRequest"]

JobKind = Literal["map", "evaluate", "ablate", "compare", "preview", "publish", "health", "import", "backup"]
JOB_KINDS: tuple[str, ...] = (
    "map", "evaluate", "ablate", "compare", "preview", "publish", "health", "import", "backup",
)  # fmt: skip

Version = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=512)]


class CellFix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one cell of an uploaded file should have said."""

    row: Annotated[int, Meta(ge=1, le=2**31, description="As the report counts")]
    column: Annotated[str, Meta(min_length=1, max_length=512)]
    value: Annotated[str, Meta(max_length=4096)]


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to be worked on. Which of the other fields count follows from `kind`."""

    kind: JobKind
    artefacts: Annotated[list[Version], Meta(max_length=2, description="compare: the two versions")] = []
    toml: Annotated[str, Meta(max_length=100_000, description="preview, publish: the changed pipeline")] = ""
    users: Annotated[list[Name], Meta(max_length=50, description="preview, compare: whose lists")] = []
    max_questions: Annotated[
        int, Meta(ge=10, le=20_000, description="evaluate, ablate, compare: how many held-out users")
    ] = 500
    n: Annotated[int, Meta(ge=1, le=100, description="Length of the lists")] = 10
    upload: Annotated[str, Meta(max_length=64, description="import: the file")] = ""
    holds: Annotated[Literal["events", "items"], Meta(description="import: what the rows are")] = "events"
    mapping: Annotated[dict[str, str | None], Meta(max_length=100, description="import: role -> column")] = {}
    event_kind: Annotated[str, Meta(max_length=32, description="import: what rows are that do not say")] = ""
    errors: Annotated[
        Literal["raise", "drop"], Meta(description="import: what a cell that cannot be read costs")
    ] = "drop"
    fixes: Annotated[
        list[CellFix], Meta(max_length=1000, description="import: what cells should have said")
    ] = []
    dry_run: Annotated[bool, Meta(description="import: only say what would be written")] = False
    seed: Annotated[int, Meta(ge=0, le=2**31)] = 0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work."""

    id: str
    kind: str
    state: str
    """waiting | running | done | failed | cancelled"""
    at: float
    """When it was asked for, UTC seconds."""
    actor: str = ""
    ended_at: float | None = None
    stage: str = ""
    done: int = 0
    of: int = 0
    """How much of the stage is done, and of how much; 0 = not known."""
    detail: str = ""
    """Why it failed."""
    request: dict[str, Any] = {}


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    jobs: list[Job]
