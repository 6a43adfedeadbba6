"""What the service counts, for Prometheus, summed over all workers. No label holds an id of anybody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = [
    "CONTENT_TYPE",
    "COUNTERS",
    "GAUGES",
    "HISTOGRAMS",
    "Family",
    "Metrics",
    "forget_process",
    "prepare_folder",
]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
T = TypeVar("T")
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SLOW = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
FRESH = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0)


class Family(NamedTuple):
    """One metric: `merge` says how the values of several workers become one (for gauges)."""

    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    merge: str = ""
    known: tuple[tuple[str, ...], ...] = ()
    """Values of the labels that are shown as 0 from the start: a rate sees the first increase only then."""


def each(*values: str) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in values)


COUNTERS = {
    "events_ingested": Family(
        "Events by kind and what became of them", ("kind", "result"), known=(("click", "accepted"),)
    ),
    "recommend_degraded": Family(
        "Answers that did without a part", ("reason",), known=each("explainer", "deadline")
    ),
    "recommend_empty": Family("Answers without any item"),
    "fallback": Family("Answers that a fallback had to fill", ("to",), known=each("popular")),
    "admission_rejected": Family(
        "Requests refused because of load", ("class",), known=each("recommend", "ingest")
    ),
    "auth_failures": Family(
        "Requests without a valid key",
        ("reason",),
        known=each("missing", "malformed", "unknown", "expired", "revoked"),
    ),
    "rate_limited": Family("Requests over their pace", ("class",), known=each("key", "address", "events")),
    "artefact_swap": Family(
        "Changes of the artefact by how they ended", ("result",), known=each("ok", "refused", "rolled_back")
    ),
    "refit": Family("Fits behind the service by how they ended", ("result",), known=each("ok", "failed")),
    "erasures": Family("Persons removed"),
}
"""The page shows these with `_total`."""

HISTOGRAMS = {
    "http_request_duration_seconds": Family(
        "Answers by route template, method and status", ("route", "method", "code"), SLOW
    ),
    "event_log_commit_seconds": Family("From taking events to their fsync", (), FAST),
    "recommend_stage_seconds": Family("Time in each stage of an answer", ("stage",), FAST),
    "item_to_recommendable_seconds": Family("From the write of an item to its first chance", (), FRESH),
    "event_to_counters_seconds": Family(
        "From the receipt of an event to the live counters, at most", (), FRESH
    ),
}

GAUGES = {
    "http_requests_in_flight": Family("Requests that have no answer yet", merge="livesum"),
    "admission_queue": Family("Requests that wait to be computed", merge="livesum"),
    "workers": Family("Worker processes that are ready", merge="livesum"),
    "worker_resident_memory_bytes": Family("Memory of a worker", ("worker",), merge="livemostrecent"),
    "artefact_info": Family("1 for the artefact that serves", ("version",), merge="mostrecent"),
    "artefact_fitted_timestamp_seconds": Family("When the serving artefact was fitted", merge="mostrecent"),
    "artefact_age_seconds": Family("Time since the serving artefact was fitted", merge="mostrecent"),
    "store_rows": Family("Rows of the store", ("table",), merge="mostrecent"),
    "store_last_seq": Family("Place of the newest event in the log", merge="mostrecent"),
    "store_writable": Family("1 while writes succeed", merge="livemin"),
    "store_disk_free_bytes": Family("Free space where the store lies", merge="mostrecent"),
    "build_info": Family("1, with the version of zhiyin", ("version",), merge="mostrecent"),
}


def prepare_folder(folder: Path) -> None:
    """Empties the folder that workers share their counts in; before the first of them starts."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()


def forget_process(folder: Path, pid: int) -> None:
    """Removes the live values (such as memory) of a worker that has ended; what it counted stays."""
    for file in folder.glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)


class Metrics:
    """All numbers of the service; the rest of it knows these verbs and not Prometheus.

    With `folder`, values live in files that all workers share, and `page` sums over them. The environment
    must name that folder before prometheus_client is imported for the first time: a worker sees to it.
    """

    def __init__(self, *, folder: Path | None = None, version: str = "") -> None:
        if folder is not None:
            os.environ[FOLDER] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.folder = folder
        self.registry: CollectorRegistry = CollectorRegistry()
        self._version = ""
        self._fitted_at = 0.0
        self._children: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        for name, (text, labels, buckets, merge, known) in {**COUNTERS, **HISTOGRAMS, **GAUGES}.items():
            if merge:
                self._gauges[name] = Gauge(
                    name, text, labels, "zhiyin", registry=self.registry, multiprocess_mode=_mode(merge)
                )
            elif buckets:
                self._histograms[name] = Histogram(
                    name, text, labels, "zhiyin", registry=self.registry, buckets=buckets
                )
            else:
                self._counters[name] = Counter(name, text, labels, "zhiyin", registry=self.registry)
                for values in known:
                    self._count(name, *values, n=0)
        self._set("build_info", 1, version or "unknown")

    def _count(self, name: str, *labels: str, n: float = 1) -> None:
        self._of(self._counters, name, labels).inc(n)

    def _observe(self, name: str, seconds: float, *labels: str) -> None:
        self._of(self._histograms, name, labels).observe(seconds)

    def _set(self, name: str, value: float, *labels: str) -> None:
        self._of(self._gauges, name, labels).set(value)

    def _of(self, families: dict[str, T], name: str, labels: tuple[str, ...]) -> T:
        """The one with these labels; kept, because finding it anew costs more than counting."""
        found: T | None = self._children.get((name, labels))
        if found is None:
            family: Any = families[name]
            found = self._children[(name, labels)] = family.labels(*labels) if labels else family
        return found

    # -- requests ------------------------------------------------------------------------------------
    def request_started(self) -> None:
        self._gauges["http_requests_in_flight"].inc()

    def request_done(self, *, route: str, method: str, status: int, seconds: float) -> None:
        self._gauges["http_requests_in_flight"].dec()
        self._observe("http_request_duration_seconds", seconds, route, method, str(status))

    def auth_failed(self, reason: str) -> None:
        self._count("auth_failures", reason)

    def rate_limited(self, kind: str) -> None:
        self._count("rate_limited", kind)

    def admission_rejected(self, kind: str) -> None:
        self._count("admission_rejected", kind)

    def queue_length(self, n: int) -> None:
        self._set("admission_queue", n)

    # -- answers -------------------------------------------------------------------------------------
    def stage(self, name: str, seconds: float) -> None:
        self._observe("recommend_stage_seconds", seconds, name)

    def degraded(self, reason: str) -> None:
        self._count("recommend_degraded", reason)

    def empty(self) -> None:
        self._count("recommend_empty")

    def fell_back(self, to: str) -> None:
        self._count("fallback", to)

    # -- events, items, store ------------------------------------------------------------------------
    def ingested(self, kind: str, result: str, n: int = 1) -> None:
        """`kind` must be one of the known kinds: a label must not grow with what clients send."""
        self._count("events_ingested", kind, result, n=n)

    def committed(self, seconds: float) -> None:
        self._observe("event_log_commit_seconds", seconds)

    def event_counted(self, seconds: float) -> None:
        self._observe("event_to_counters_seconds", seconds)

    def item_recommendable(self, seconds: float) -> None:
        self._observe("item_to_recommendable_seconds", seconds)

    def store_state(
        self, *, rows: dict[str, int], last_seq: int, writable: bool, free_bytes: int | None = None
    ) -> None:
        for table, n in rows.items():
            self._set("store_rows", n, table)
        self._set("store_last_seq", last_seq)
        self._set("store_writable", 1 if writable else 0)
        if free_bytes is not None:
            self._set("store_disk_free_bytes", free_bytes)

    def erased(self) -> None:
        self._count("erasures")

    # -- artefact, process -----------------------------------------------------------------------------
    def serving(self, version: str, *, fitted_at: float) -> None:
        """The artefact that answers from now on; the one before falls to 0."""
        if self._version and self._version != version:
            self._set("artefact_info", 0, self._version)
        self._version = version
        self._fitted_at = fitted_at
        self._set("artefact_info", 1, version)
        self._set("artefact_fitted_timestamp_seconds", fitted_at)

    def swapped(self, result: str) -> None:
        """`result`: ok, refused, rolled_back."""
        self._count("artefact_swap", result)

    def refitted(self, result: str) -> None:
        """`result`: ok, failed."""
        self._count("refit", result)

    def ready(self, is_ready: bool) -> None:
        self._set("workers", 1 if is_ready else 0)

    def process_state(self, *, worker: int, at: float) -> None:
        """Memory of this process and the age of what it serves at `at`; to be called every few seconds."""
        self._set("worker_resident_memory_bytes", resident_bytes(), str(worker))
        if self._fitted_at:
            self._set("artefact_age_seconds", max(0.0, at - self._fitted_at))

    def page(self) -> bytes:
        """The page for a scraper, over all workers."""
        from prometheus_client import generate_latest

        return generate_latest(self._whole())

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """(name, labels, value) of everything on the page."""
        for family in self._whole().collect():
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value

    def _whole(self) -> CollectorRegistry:
        """The counts of all workers."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        if self.folder is None:
            return self.registry
        whole = CollectorRegistry()
        MultiProcessCollector(whole, path=str(self.folder))  # type: ignore[no-untyped-call]
        return whole


def _mode(merge: str) -> Any:
    """prometheus_client types this as a closed list of words; ours all stand in GAUGES."""
    return merge


def resident_bytes(pid: int | None = None) -> int:
    """Resident memory of a process; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
