"""Routes for who watches the service: what happens just now, and how it is doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from starlette.responses import Response

from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.insight_messages import Decided, Happened, LivePage
from zhiyin.serve.pulse import Alert, Beat, Status, percentiles, series_of
from zhiyin.store.records import Slate

__all__ = ["feed", "status"]

T = TypeVar("T")
N_SHOWN = 5
LIMITS = {
    "failed": 0.0144, "slow_p99_ms": 100.0, "commit_p99_ms": 100.0, "degraded": 0.05, "empty": 0.02,
    "disk": 2e9, "age_s": 7 * 86_400.0, "refused_per_s": 1.0,
}  # fmt: skip
"""As in ops/prometheus/alerts.yml."""


async def feed(call: Call) -> Response:
    """Events behind `after`, and the newest decisions since `since`; the first call gives the last ones."""
    after = call.number("after", 0, low=0, high=10**9 - 1)
    n = call.number("n", 50, high=500)
    since = call.request.query_params.get("since", "")
    return json_answer(await _read(call, partial(_feed, call, after, n, since)))


def _feed(call: Call, after: int, n: int, since: str) -> LivePage:
    store, serving = call.ground.store, call.ground.live.serving

    def title(item: str) -> str:
        return "" if serving is None else serving.title(item)

    last = store.last_seq()
    start = max(after, last - n) if after else max(0, last - n)
    events = [
        Happened(
            seq=row.seq, at=row.at, received_at=row.received_at, user=row.user, session=row.session,
            item=row.item, title=title(row.item), kind=row.kind, value=row.value, slate_id=row.slate_id,
        )
        for row in store.recent(after=start, limit=n)
    ]  # fmt: skip
    slates = [slate for slate in store.slates(limit=min(n, 50)) if slate.id > since]
    decisions = [_decided(slate, title) for slate in slates[::-1]]
    return LivePage(
        events=events,
        decisions=decisions,
        next=events[-1].seq if events else max(after, start),
        since=decisions[-1].slate_id if decisions else since,
        skipped=max(0, start - after) if after else 0,
    )


def _decided(slate: Slate, title: Callable[[str], str]) -> Decided:
    return Decided(
        slate_id=slate.id, at=slate.at, user=slate.user, session=slate.session, surface=slate.surface,
        version=slate.version, n=min(slate.n, len(slate.shown)),
        ms=round(sum(float(stage.get("ms", 0.0)) for stage in slate.stages), 3),
        degraded=slate.degraded,
        shown=[title(line.item) or line.item for line in slate.shown[: min(slate.n, N_SHOWN)]],
    )  # fmt: skip


async def status(call: Call) -> Response:
    """Rates, percentiles and alerts of the last minutes."""
    window = call.number("window_s", 300, low=10, high=3600)
    return json_answer(await _read(call, partial(_status, call, float(window))))


def _status(call: Call, window: float) -> Status:
    ground, at = call.ground, call.ground.now()
    last = ground.pulse.beat()
    beats = ground.pulse.beats(window)
    first = beats[0] if len(beats) > 1 else Beat(at=ground.started_at)
    span = max(last.at - first.at, 1e-9)
    serving = ground.live.serving
    samples = list(ground.metrics.samples())
    gauges = {name: value for name, labels, value in samples if not labels}
    lists = last.lists - first.lists
    found = Status(
        at=at, window_s=round(span, 1), workers=int(gauges.get("zhiyin_workers", 0)),
        artefact="" if serving is None else serving.publication.version,
        artefact_age_s=None if serving is None else round(at - serving.publication.fitted_at, 1),
        fitted_on=0 if serving is None else serving.publication.seq,
        last_seq=ground.store.last_seq(), rows=ground.store.counts(),
        requests_per_s=round((last.requests - first.requests) / span, 3),
        events_per_s=round((last.events - first.events) / span, 3),
        lists_per_s=round(lists / span, 3),
        failed_share=_share(last.failed - first.failed, last.requests - first.requests),
        degraded_share=_share(last.degraded - first.degraded, lists),
        empty_share=_share(last.empty - first.empty, lists),
        refused_per_s=round((last.refused - first.refused) / span, 3),
        latency_ms=percentiles(last.latency, first.latency),
        freshness_ms=percentiles(last.counted, first.counted),
        commit_ms=percentiles(last.committed, first.committed),
        memory_bytes={
            labels["worker"]: value
            for name, labels, value in samples
            if name == "zhiyin_worker_resident_memory_bytes"
        },
        disk_free_bytes=gauges.get("zhiyin_store_disk_free_bytes"),
        counters=_others(samples),
        series=series_of(beats),
        alerts=[],
    )  # fmt: skip
    return _with_alerts(found, ground.store.writable())


def _others(samples: list[tuple[str, dict[str, str], float]]) -> dict[str, float]:
    """Counts by name, summed over their labels."""
    sums: dict[str, float] = {}
    for name, _, value in samples:
        if name.endswith("_total"):
            name = name.removeprefix("zhiyin_").removesuffix("_total")
            sums[name] = sums.get(name, 0.0) + value
    return sums


def _with_alerts(found: Status, fault: str) -> Status:
    import msgspec

    alerts = [
        Alert(code=code, severity=severity, value=value, limit=limit)
        for code, severity, value, limit, wrong in (
            ("failed", "page", found.failed_share, LIMITS["failed"], 1),
            ("slow", "ticket", found.latency_ms["p99"], LIMITS["slow_p99_ms"], 1),
            ("commit_slow", "ticket", found.commit_ms["p99"], LIMITS["commit_p99_ms"], 1),
            ("degraded", "ticket", found.degraded_share, LIMITS["degraded"], 1),
            ("empty", "ticket", found.empty_share, LIMITS["empty"], 1),
            ("refused", "ticket", found.refused_per_s, LIMITS["refused_per_s"], 1),
            ("artefact_old", "ticket", found.artefact_age_s, LIMITS["age_s"], 1),
            ("disk_low", "page", found.disk_free_bytes, LIMITS["disk"], -1),
        )
        if value is not None and value * wrong > limit * wrong
    ]
    if fault:
        alerts.append(Alert(code="store_not_writable", severity="page"))
    if not found.artefact:
        alerts.append(Alert(code="no_artefact", severity="page"))
    return msgspec.structs.replace(found, alerts=alerts)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 5) if whole > 0 else None


async def _read(call: Call, fn: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.ground.readers, fn)
