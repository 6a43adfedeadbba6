"""Routes that start, watch and end work in the background; and what it works on: files, pipeline, backups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from zhiyin.errors import ConfigError, shorten
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.insight_messages import (
    BackupList,
    BackupShown,
    Fault,
    PipelinePart,
    PipelineShown,
    PipelineVerdict,
    TomlRequest,
    Uploaded,
)
from zhiyin.serve.jobs.messages import JOB_KINDS, Job, JobList, JobRequest
from zhiyin.serve.pipeline import checked, faults_of, present_toml, slots_of
from zhiyin.serve.problems import Problem
from zhiyin.serve.uploads import Uploads

__all__ = [
    "backups", "begin_upload", "cancel_job", "check_pipeline", "drop_upload", "go_on_uploading", "job_result",
    "list_jobs", "look_at_upload", "one_job", "pipeline", "start_job",
]  # fmt: skip

T = TypeVar("T")


# -- jobs ----------------------------------------------------------------------------------------------


async def start_job(call: Call) -> Response:
    """Begins at once, beside the service; one at a time."""
    request = call.take(JobRequest)
    try:
        job = await _read(call, partial(call.ground.jobs.start, request, actor=call.actor))
    except ConfigError as error:
        raise Problem("conflict", str(error), path="$.kind") from error
    call.ground.store.audit(
        at=call.ground.now(), actor=call.actor, action=f"job {request.kind}", target=job.id
    )
    return json_answer(job, 201)


async def list_jobs(call: Call) -> Response:
    """Newest first."""
    kind = call.text("kind", 32)
    if kind and kind not in JOB_KINDS:
        raise Problem("invalid_value", f"expected one of {', '.join(JOB_KINDS)}", path="kind")
    return json_answer(JobList(jobs=await _read(call, partial(call.ground.jobs.list, kind))))


async def one_job(call: Call) -> Response:
    """How far it is."""
    return json_answer(await _job(call))


async def job_result(call: Call) -> Response:
    """What came of it."""
    job = await _job(call)
    found = await _read(call, partial(call.ground.jobs.result, job.id))
    if found is None:
        raise Problem("not_found", f"this job is {job.state} and has no result", path="job")
    return Response(found, media_type="application/json")


async def cancel_job(call: Call) -> Response:
    """Ends it; one that is over stays as it is."""
    job = await _job(call)
    ended = await _read(call, partial(call.ground.jobs.cancel, job.id))
    return json_answer(ended or job)


async def _job(call: Call) -> Job:
    name = call.path("job")
    found = await _read(call, partial(call.ground.jobs.get, name))
    if found is None:
        raise Problem("not_found", f"no job has the id {shorten(repr(name))}", path="job")
    return found


# -- files ---------------------------------------------------------------------------------------------


def _uploads(call: Call) -> Uploads:
    return Uploads(call.ground.places.uploads, call.ground.settings.max_upload_bytes)


async def begin_upload(call: Call) -> Response:
    """A file with its first piece, at most max_body_bytes; further pieces follow."""
    name, piece = call.text("name", 200), await call.request.body()
    id = await _file(call, partial(_uploads(call).begin, name, piece))
    return json_answer(Uploaded(id=id, size=len(piece)), 201)


async def go_on_uploading(call: Call) -> Response:
    """The piece that stands at `offset`; sent twice, it is written once."""
    id, offset = call.path("upload"), call.number("offset", 0, low=0, high=10**9 - 1)
    piece = await call.request.body()
    size = await _file(call, partial(_uploads(call).add, id, offset, piece))
    return json_answer(Uploaded(id=id, size=size))


async def look_at_upload(call: Call) -> Response:
    """Columns, first rows, and what they are taken for."""
    return json_answer(await _file(call, partial(_uploads(call).look, call.path("upload"))))


async def drop_upload(call: Call) -> Response:
    """Forgets it."""
    await _file(call, partial(_uploads(call).remove, call.path("upload")))
    return Response(status_code=204)


async def _file(call: Call, fn: Callable[[], T]) -> T:
    try:
        return await _read(call, fn)
    except ConfigError as error:
        code = "not_found" if "no file has the id" in str(error) else "invalid_value"
        raise Problem(code, str(error), path="upload") from error


# -- pipeline, backups ---------------------------------------------------------------------------------


async def pipeline(call: Call) -> Response:
    """What is configured."""
    return json_answer(await _read(call, partial(_pipeline, call)))


def _pipeline(call: Call) -> PipelineShown:
    ground = call.ground
    serving = ground.live.serving
    toml, source = present_toml(ground.places, None if serving is None else serving.recommender)
    try:
        parts = [PipelinePart(**part) for part in slots_of(checked(ground.places, toml, toml))]
    except ConfigError:
        parts = []
    settings: dict[str, Any] = msgspec.to_builtins(ground.settings)
    return PipelineShown(toml=toml, source=source, parts=parts, serve=settings)


async def check_pipeline(call: Call) -> Response:
    """Whether a changed pipeline can be used; every mistake with its place."""
    return json_answer(await _read(call, partial(_verdict, call, call.take(TomlRequest).toml)))


def _verdict(call: Call, text: str) -> PipelineVerdict:
    serving, places = call.ground.live.serving, call.ground.places
    present, _ = present_toml(places, None if serving is None else serving.recommender)
    faults = faults_of(places, text, present)
    if faults:
        return PipelineVerdict(ok=False, faults=[Fault(**fault) for fault in faults])
    parts = [PipelinePart(**part) for part in slots_of(checked(places, text, present))]
    return PipelineVerdict(ok=True, parts=parts)


async def backups(call: Call) -> Response:
    """Copies that jobs of the kind `backup` have made."""
    return json_answer(await _read(call, partial(_backups, call)))


def _backups(call: Call) -> BackupList:
    folder = call.ground.places.backups
    found = []
    for place in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        if (place / "manifest.json").is_file() or any(place.glob("*.json")):
            size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
            at, whole = place.stat().st_mtime, (place / "artefact").is_dir()
            found.append(BackupShown(name=place.name, at=at, bytes=size, artefact=whole))
    return BackupList(backups=found)


async def _read(call: Call, fn: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(call.ground.readers, fn)
