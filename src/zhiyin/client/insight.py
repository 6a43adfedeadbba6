"""What can be asked of who looks into the service: map, feed, status, jobs, files, pipeline."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from zhiyin.client.bodies import encoded
from zhiyin.client.exchange import Ask
from zhiyin.serve.insight_messages import (
    BackupList,
    DaysShown,
    ItemExposure,
    Judged,
    Judgement,
    LivePage,
    MapPage,
    PipelineShown,
    PipelineVerdict,
    TomlRequest,
    Uploaded,
)
from zhiyin.serve.jobs.messages import Job, JobKind, JobList, JobRequest
from zhiyin.serve.pulse import Status
from zhiyin.serve.uploads import Upload

__all__ = ["InsightAsks"]


class InsightAsks:
    """One method for each thing that can be looked at or worked on."""

    def item_map(self, *, after: int = 0, limit: int = 20_000, attribute: str = "") -> Ask[MapPage]:
        """Where the items lie, in two dimensions; `next` of the answer goes into `after`."""
        return _got("/v1/map", MapPage, after=after, limit=limit, attribute=attribute)

    def feed(self, *, after: int = 0, since: str = "", n: int = 50) -> Ask[LivePage]:
        """Events and decisions as they happen; `next` and `since` of the answer go into the next call."""
        return _got("/v1/feed", LivePage, after=after, since=since, n=n)

    def status(self, *, window_s: int = 300) -> Ask[Status]:
        """Rates, percentiles, freshness and alerts of the last minutes."""
        return _got("/v1/status", Status, window_s=window_s)

    def exposure(self, item: str) -> Ask[ItemExposure]:
        """How often an item was shown and what followed, and the last lists that it stood in."""
        return Ask("GET", f"/v1/items/{quote(item, safe='')}/exposure", ItemExposure)

    def days(self, a: str = "", b: str = "") -> Ask[DaysShown]:
        """The days of the log; two of them, such as 2026-11-25, side by side."""
        return _got("/v1/days", DaysShown, a=a, b=b)

    def start_job(self, kind: JobKind, /, **options: Any) -> Ask[Job]:
        """Begin work beside the service; `options` are the fields of `JobRequest`."""
        request = JobRequest(kind=kind, **options)
        return Ask("POST", "/v1/jobs", Job, body=encoded(request), repeatable=False)

    def jobs(self, kind: JobKind | Literal[""] = "") -> Ask[JobList]:
        """Jobs, newest first."""
        return _got("/v1/jobs", JobList, kind=kind)

    def job(self, id: str) -> Ask[Job]:
        """How far a job is."""
        return Ask("GET", f"/v1/jobs/{quote(id, safe='')}", Job)

    def job_result(self, id: str) -> Ask[dict[str, Any]]:
        """What came of a job."""
        return Ask("GET", f"/v1/jobs/{quote(id, safe='')}/result", dict[str, Any])

    def cancel_job(self, id: str) -> Ask[Job]:
        """End a job."""
        return Ask("DELETE", f"/v1/jobs/{quote(id, safe='')}", Job)

    def next_pair(self, comparison: str, *, judge: str = "") -> Ask[Judged]:
        """The next pair of lists of a comparison, without saying which is whose."""
        return _got(f"/v1/jobs/{quote(comparison, safe='')}/judgements", Judged, judge=judge)

    def judge(
        self,
        comparison: str,
        number: int,
        choice: Literal["left", "right", "same", "undo"],
        *,
        judge: str = "",
    ) -> Ask[Judged]:
        """Say which list of a pair suits better."""
        body = encoded(Judgement(number=number, choice=choice, judge=judge))
        return Ask("POST", f"/v1/jobs/{quote(comparison, safe='')}/judgements", Judged, body=body)

    def begin_upload(self, name: str, piece: bytes) -> Ask[Uploaded]:
        """Send the first piece of a file that is to be loaded."""
        query = (("name", name),)
        return Ask("POST", "/v1/uploads", Uploaded, body=piece, query=query, repeatable=False)

    def go_on_uploading(self, upload: str, offset: int, piece: bytes) -> Ask[Uploaded]:
        """Send the piece that stands at `offset`; sent twice, it is written once."""
        path, query = f"/v1/uploads/{quote(upload, safe='')}", (("offset", str(offset)),)
        return Ask("POST", path, Uploaded, body=piece, query=query)

    def look_at_upload(self, upload: str) -> Ask[Upload]:
        """The first rows of a file, and what its columns are taken for."""
        return Ask("GET", f"/v1/uploads/{quote(upload, safe='')}", Upload)

    def drop_upload(self, upload: str) -> Ask[None]:
        """Forget a file."""
        return Ask("DELETE", f"/v1/uploads/{quote(upload, safe='')}", None, gone=(None,))

    def pipeline(self) -> Ask[PipelineShown]:
        """What is configured: as TOML, and as the parts of the flow."""
        return Ask("GET", "/v1/pipeline", PipelineShown)

    def check_pipeline(self, toml: str) -> Ask[PipelineVerdict]:
        """Whether a changed pipeline can be used; every mistake with its place."""
        body = encoded(TomlRequest(toml=toml))
        return Ask("POST", "/v1/pipeline/check", PipelineVerdict, body=body)

    def backups(self) -> Ask[BackupList]:
        """Copies that jobs of the kind backup have made."""
        return Ask("GET", "/v1/backups", BackupList)


def _got(path: str, answer: Any, **asked: object) -> Ask[Any]:
    query = tuple((name, str(value)) for name, value in asked.items() if value not in ("", 0))
    return Ask("GET", path, answer, query=query)
