"""What is told to who looks into the service, as types: map, live feed, pipeline, files, judgements."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "BackupList",
    "BackupShown",
    "Category",
    "DaySide",
    "DaysShown",
    "Decided",
    "ExposureDay",
    "Fault",
    "Happened",
    "ItemExposure",
    "ItemMoved",
    "Judged",
    "Judgement",
    "LivePage",
    "MapPage",
    "Pair",
    "PipelinePart",
    "PipelineShown",
    "PipelineVerdict",
    "StoodIn",
    "Tally",
    "TomlRequest",
    "Uploaded",
]  # fmt: skip


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: every field is always there."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request: an unknown field is a mistake."""


# -- one item ------------------------------------------------------------------------------------------


class ExposureDay(_Answer, frozen=True, kw_only=True):
    """What happened to an item on one day (UTC)."""

    day: str
    shown: int
    followed: int
    """Events that name the list in which it was shown."""
    chosen: int
    """All events but impressions."""


class StoodIn(_Answer, frozen=True, kw_only=True):
    """A list that an item stood in."""

    slate_id: str
    user: str
    session: str
    at: float
    rank: int


class ItemExposure(_Answer, frozen=True, kw_only=True):
    """How often an item was shown, and what followed."""

    item: str
    events: int
    """Of the log, the newest: what was looked through."""
    kinds: dict[str, int]
    """How often each kind of event names the item, the most frequent first."""
    shown: int
    followed: int
    rate: float | None
    """Events that followed for each time that it was shown: at most one for each impression counts."""
    low: float | None
    high: float | None
    """95 % interval of the rate (Wilson 1927), where it is a share."""
    days: list[ExposureDay]
    """The last 60 at most, up to its newest event."""
    lists: int
    """The newest decisions: so many were looked through."""
    listed: int
    """On whose first page it stood."""
    stood_in: list[StoodIn]
    """The newest of these."""


# -- days ------------------------------------------------------------------------------------------


class DaySide(_Answer, frozen=True, kw_only=True):
    """One day (UTC)."""

    day: str
    kinds: dict[str, int]
    shown: int
    followed: int
    """Events that name the list in which the item was shown."""
    rate: float | None
    """Events that followed for each time that something was shown."""
    low: float | None
    high: float | None
    """95 % interval (Wilson 1927), where the rate is a share."""
    items_shown: int
    top_share: float | None
    """Share of what was shown that the ten items shown most have."""


class ItemMoved(_Answer, frozen=True, kw_only=True):
    """An item on both days; rank 0 = it was not chosen."""

    id: str
    title: str
    chosen_a: int
    chosen_b: int
    rank_a: int
    rank_b: int


class DaysShown(_Answer, frozen=True, kw_only=True):
    """The days of the log, and two of them side by side."""

    events: int
    """Of the log, the newest: what was looked through."""
    days: list[ExposureDay]
    """The newest first."""
    a: DaySide | None
    b: DaySide | None
    difference: float | None
    """Rate of b less that of a."""
    low: float | None
    high: float | None
    """95 % interval of the difference (Newcombe 1998)."""
    moved: list[ItemMoved]
    """Those whose share of the day's choices has changed most, first."""


# -- map -----------------------------------------------------------------------------------------------


class Category(_Answer, frozen=True, kw_only=True):
    """A word that items are coloured by, and how many have it first."""

    name: str
    items: int


class MapPage(_Answer, frozen=True, kw_only=True):
    """Items as columns of one length; places are whole numbers from 0 to 65535, -1 = nowhere."""

    version: str
    """Of the artefact; empty while nothing serves."""
    drawn: bool
    """False: no map was drawn yet; a job of the kind `map` draws it."""
    by: str = ""
    """text | behaviour: what the items were compared by."""
    attribute: str = ""
    attributes: list[str] = []
    """Those that items can be coloured by."""
    categories: list[Category] = []
    lists: int = 0
    """Of how many drawn lists `listed` counts."""
    total: int = 0
    next: int = 0
    """Goes into `after`; 0 at the end."""
    ids: list[str] = []
    titles: list[str] = []
    x: list[int] = []
    y: list[int] = []
    category: list[int] = []
    """Place in `categories`; -1 = none."""
    popularity: list[float] = []
    listed: list[int] = []
    """In how many of the drawn lists it stands."""
    shown: list[int] = []
    """Impressions since ever."""


# -- live ----------------------------------------------------------------------------------------------


class Happened(_Answer, frozen=True, kw_only=True):
    """One event of the log."""

    seq: int
    at: float | None
    received_at: float
    user: str
    session: str
    item: str
    title: str
    kind: str
    value: float | None
    slate_id: str


class Decided(_Answer, frozen=True, kw_only=True):
    """One answer as it was given."""

    slate_id: str
    at: float
    user: str
    session: str
    surface: str
    version: str
    n: int
    ms: float
    degraded: list[str]
    shown: list[str]
    """Titles of the first lines."""


class LivePage(_Answer, frozen=True, kw_only=True):
    """Oldest first. `next` goes into `after`, `since` into `since`."""

    events: list[Happened]
    decisions: list[Decided]
    next: int
    since: str
    skipped: int
    """Events between `after` and the first of these that were too many to tell."""


# -- pipeline ------------------------------------------------------------------------------------------


class PipelinePart(_Answer, frozen=True, kw_only=True):
    """One part of the flow."""

    slot: str
    name: str
    type: str
    about: str
    options: dict[str, Any]
    changed: list[str]
    """Options that are not at their default."""


class PipelineShown(_Answer, frozen=True, kw_only=True):
    """What is configured, as text and as a structure."""

    toml: str
    source: str
    """file | artefact | default"""
    parts: list[PipelinePart]
    serve: dict[str, Any] = {}
    """Settings of the service."""


class TomlRequest(_Strict, frozen=True, kw_only=True):
    """A changed pipeline."""

    toml: Annotated[str, Meta(max_length=100_000)]


class Fault(_Answer, frozen=True, kw_only=True):
    """One mistake and where it is."""

    path: str
    message: str


class PipelineVerdict(_Answer, frozen=True, kw_only=True):
    """`ok`, or every mistake at once."""

    ok: bool
    faults: list[Fault] = []
    parts: list[PipelinePart] = []


class BackupShown(_Answer, frozen=True, kw_only=True):
    """One copy that was made over HTTP."""

    name: str
    at: float
    bytes: int
    artefact: bool


class BackupList(_Answer, frozen=True, kw_only=True):
    """Newest first."""

    backups: list[BackupShown]


# -- files ---------------------------------------------------------------------------------------------


class Uploaded(_Answer, frozen=True, kw_only=True):
    """How much of a file is here."""

    id: str
    size: int


# -- judging -------------------------------------------------------------------------------------------


class Pair(_Answer, frozen=True, kw_only=True):
    """Two lists for one past, without saying which is whose."""

    number: int
    history: list[str]
    left: list[str]
    right: list[str]


class Judgement(_Strict, frozen=True, kw_only=True):
    """Which of the two lists suits the past better."""

    number: Annotated[int, Meta(ge=0, le=10_000)]
    choice: Literal["left", "right", "same", "undo"]
    judge: Annotated[str, Meta(max_length=64, description="Who judges; the key's name without it")] = ""


class Tally(_Answer, frozen=True, kw_only=True):
    """What the judgements say."""

    a: int
    b: int
    same: int
    share_b: float | None
    """Of the judgements that chose, those for the second artefact."""
    low: float | None
    high: float | None
    """95 % interval (Wilson 1927)."""
    judges: int
    twice: int
    """Pairs that more than one judge has judged."""
    agreement: float | None
    """Share of judges' pairs of judgements on these that are equal."""


class Judged(_Answer, frozen=True, kw_only=True):
    """The next pair for this judge, and how it stands."""

    pair: Pair | None
    """None: all are judged."""
    done: int
    of: int
    tally: Tally | None
    """Only when all are judged, lest it sways the judge."""
