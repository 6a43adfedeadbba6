"""How the service has been doing lately: a few numbers every five seconds for an hour, over all workers."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import msgspec

from zhiyin.prepared import prepared
from zhiyin.serve.metrics import Metrics

__all__ = ["Alert", "Beat", "Pulse", "Status", "quantile"]

KEPT = 720
LATENCY = "zhiyin_http_request_duration_seconds"
ASKING = ("/v1/recommend", "/v1/rank")
Buckets = dict[float, float]


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start of the service, at one moment."""

    at: float
    requests: float = 0.0
    failed: float = 0.0
    """Answers of 500 and above."""
    lists: float = 0.0
    events: float = 0.0
    degraded: float = 0.0
    empty: float = 0.0
    refused: float = 0.0
    """For load, or over their pace."""
    latency: Buckets = {}
    """Upper edge in seconds -> lists answered in at most that."""
    counted: Buckets = {}
    """The same for events on their way to the live counters."""
    committed: Buckets = {}
    """The same for events on their way to the disk."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that wants to be looked at."""

    code: str
    severity: str
    """page | ticket"""
    value: float | None = None
    limit: float | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the service is doing. Rates and percentiles are of the window; None where nothing happened."""

    at: float
    window_s: float
    workers: int
    artefact: str
    artefact_age_s: float | None
    fitted_on: int
    """Events of the log that the artefact was fitted on."""
    last_seq: int
    rows: dict[str, int]
    requests_per_s: float
    events_per_s: float
    lists_per_s: float
    failed_share: float | None
    degraded_share: float | None
    empty_share: float | None
    refused_per_s: float
    latency_ms: dict[str, float | None]
    freshness_ms: dict[str, float | None]
    commit_ms: dict[str, float | None]
    memory_bytes: dict[str, float]
    disk_free_bytes: float | None
    counters: dict[str, float]
    """Further counts since the start, by name; whatever language models cost is among them."""
    series: dict[str, list[float | None]]
    """Per step of the window: at, requests_per_s, events_per_s, p95_ms."""
    alerts: list[Alert]


class Pulse:
    """Takes a beat now and then; any worker can tell of all, because all write into the same counts."""

    def __init__(self, metrics: Metrics, now: Callable[[], float]) -> None:
        self.metrics, self.now = metrics, now
        self._beats: deque[Beat] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def beat(self) -> Beat:
        """Counts as they are now; kept."""
        beat = beat_of(self.metrics.samples(), self.now())
        with self._lock:
            self._beats.append(beat)
        return beat

    def beats(self, window_s: float) -> list[Beat]:
        """Oldest first; the one before the window is the first, so that there is a difference."""
        with self._lock:
            kept = list(self._beats)
        first = next((place for place, b in enumerate(kept) if b.at >= self.now() - window_s), len(kept))
        return kept[max(0, first - 1) :]


def beat_of(samples: Iterable[tuple[str, dict[str, str], float]], at: float) -> Beat:
    """Adds up what counts."""
    sums: dict[str, float] = dict.fromkeys(
        ("requests", "failed", "lists", "events", "degraded", "empty", "refused"), 0.0
    )
    buckets: dict[str, Buckets] = {"latency": {}, "counted": {}, "committed": {}}
    for name, labels, value in samples:
        if name == f"{LATENCY}_count":
            sums["requests"] += value
            sums["failed"] += value if labels["code"] >= "500" else 0
            sums["lists"] += value if labels["route"] in ASKING else 0
        elif name == f"{LATENCY}_bucket" and labels["route"] in ASKING:
            _add(buckets["latency"], labels["le"], value)
        elif name == "zhiyin_event_to_counters_seconds_bucket":
            _add(buckets["counted"], labels["le"], value)
        elif name == "zhiyin_event_log_commit_seconds_bucket":
            _add(buckets["committed"], labels["le"], value)
        elif name == "zhiyin_events_ingested_total" and labels["result"] == "accepted":
            sums["events"] += value
        elif name in ("zhiyin_admission_rejected_total", "zhiyin_rate_limited_total"):
            sums["refused"] += value
        elif name in ("zhiyin_recommend_degraded_total", "zhiyin_recommend_empty_total"):
            sums[name.removeprefix("zhiyin_recommend_").removesuffix("_total")] += value
    return msgspec.convert({"at": at, **sums, **buckets}, prepared(Beat))


def _add(buckets: Buckets, edge: str, value: float) -> None:
    buckets[float(edge)] = buckets.get(float(edge), 0.0) + value


def quantile(q: float, later: Buckets, earlier: Buckets) -> float | None:
    """Milliseconds under which the share `q` of what came between two counts lies, as Prometheus reckons:
    evenly within a bucket; None where nothing came."""
    edges = sorted(later)
    counts = [later[edge] - earlier.get(edge, 0.0) for edge in edges]
    if not edges or counts[-1] <= 0:
        return None
    wanted, low, below = q * counts[-1], 0.0, 0.0
    for edge, count in zip(edges, counts):
        if count >= wanted:
            if math.isinf(edge):
                return round(low * 1000, 3)
            part = (wanted - below) / max(count - below, 1e-9)
            return round((low + (edge - low) * part) * 1000, 3)
        low, below = edge, count
    return round(low * 1000, 3)


def percentiles(later: Buckets, earlier: Buckets) -> dict[str, float | None]:
    return {f"p{round(100 * q)}": quantile(q, later, earlier) for q in (0.5, 0.95, 0.99)}


def series_of(beats: list[Beat], steps: int = 60) -> dict[str, list[Any]]:
    """At most so many steps of the window."""
    every = max(1, -(-(len(beats) - 1) // steps))
    marks = [*beats[::-every][::-1]]
    pairs = list(pairwise(marks))
    return {
        "at": [round(b.at, 1) for _, b in pairs],
        "requests_per_s": [_rate(a.requests, b.requests, a.at, b.at) for a, b in pairs],
        "events_per_s": [_rate(a.events, b.events, a.at, b.at) for a, b in pairs],
        "p95_ms": [quantile(0.95, b.latency, a.latency) for a, b in pairs],
    }


def _rate(first: float, last: float, start: float, end: float) -> float:
    return round((last - first) / max(end - start, 1e-9), 3)
