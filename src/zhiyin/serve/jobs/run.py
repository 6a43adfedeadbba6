"""The process of one job: reads what is asked, works, writes what came of it."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from zhiyin.errors import ZhiyinError
from zhiyin.serve.ground import Places
from zhiyin.serve.jobs.board import CANCELLED, RESULT, read_job, write_job
from zhiyin.serve.jobs.messages import Job, JobRequest

__all__ = ["Work", "main"]

TELL_EVERY_S = 0.5


@dataclass(slots=True)
class Work:
    """What a kind of job is given."""

    places: Places
    folder: Path
    request: JobRequest
    actor: str
    tell: Callable[[str, int, int], None]
    """Stage, how much of it is done, of how much."""
    now: Callable[[], float] = time.time


class Teller:
    """Writes the progress, at most twice a second."""

    def __init__(self, folder: Path, job: Job) -> None:
        self.folder, self.job, self._told_at = folder, job, 0.0

    def __call__(self, stage: str, done: int = 0, of: int = 0) -> None:
        if stage == self.job.stage and time.monotonic() - self._told_at < TELL_EVERY_S:
            return
        self._told_at = time.monotonic()
        self.job = msgspec.structs.replace(self.job, stage=stage, done=done, of=of)
        write_job(self.folder, self.job)


def main(project: Path, folder: Path, lock: int) -> int:
    """0 when it is done; the state says the rest. `lock` is the descriptor that keeps others waiting."""
    from zhiyin.serve.jobs.kinds import KINDS_OF_WORK

    (folder / "pid").write_text(str(os.getpid()))
    if (folder / CANCELLED).exists():
        return 0
    job = msgspec.structs.replace(read_job(folder), state="running")
    write_job(folder, job)
    tell = Teller(folder, job)
    request = msgspec.convert(job.request, JobRequest)
    work = Work(Places(project), folder, request, job.actor, tell)
    state, detail, code = "done", "", 0
    try:
        result: Any = KINDS_OF_WORK[request.kind](work)
        fresh = folder / f".{RESULT}"
        fresh.write_bytes(msgspec.json.encode(result))
        fresh.replace(folder / RESULT)
    except ZhiyinError as error:
        state, detail, code = "failed", str(error), error.exit_code
    except Exception as error:
        state, detail, code = "failed", f"{type(error).__name__}: {error}", 1
        raise
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # who sees that it is over may begin the next at once
        if not (folder / CANCELLED).exists():
            write_job(
                folder,
                msgspec.structs.replace(tell.job, state=state, detail=detail[:4000], ended_at=time.time()),
            )
    return code


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
