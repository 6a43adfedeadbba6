"""Who works on what: started by any worker process, seen by all of them, kept after the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from zhiyin.errors import ConfigError
from zhiyin.prepared import prepared
from zhiyin.serve.behind import start_behind
from zhiyin.serve.jobs.messages import Job, JobRequest

__all__ = ["Jobs", "read_job", "write_job"]

OVER = ("done", "failed", "cancelled")
ASK = "job.json"
RESULT = "result.json"
CANCELLED = "cancelled"
KEEP_OF_KIND = 10
"""Ended jobs of one kind whose results are kept."""
PATIENCE_S = 5.0
"""For a process that was told to end."""
ID_LETTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyz-")


class Jobs:
    """The folder `jobs/` of a project: one folder for each job with its state and its result.

    One job runs at a time, whichever worker process was asked: the lock of the folder is handed to the
    child and falls when the child ends, however it ends.
    """

    def __init__(self, folder: Path, project: Path, *, now: Callable[[], float]) -> None:
        self.folder, self.project, self.now = folder, project, now
        self._mine: list[subprocess.Popen[bytes]] = []

    def start(self, request: JobRequest, *, actor: str) -> Job:
        """Begins at once; a ConfigError when another one runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "running.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError("another job runs: wait for it, or cancel it") from error
            self._sweep(request.kind)
            at = self.now()
            name = f"{request.kind}-{int(at * 1000):x}-{secrets.token_hex(3)}"
            folder = self.folder / name
            folder.mkdir()
            job = Job(
                id=name, kind=request.kind, state="waiting", at=at, actor=actor,
                request=msgspec.to_builtins(request),
            )  # fmt: skip
            write_job(folder, job)
            self._spawn(folder, lock.fileno())
        return job

    def _spawn(self, folder: Path, lock: int) -> None:
        with (folder / "log").open("wb") as out:
            process = start_behind(
                [sys.executable, "-m", "zhiyin.serve.jobs.run", str(self.project), str(folder), str(lock)],
                out=out, pass_fds=(lock,), env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
        self._mine.append(process)
        threading.Thread(target=self._reap, args=(process, folder), daemon=True).start()

    def _reap(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        """Says what a child could not say itself."""
        code = process.wait()
        with contextlib.suppress(ValueError):
            self._mine.remove(process)
        with contextlib.suppress(OSError, msgspec.DecodeError):
            job = read_job(folder)
            if job.state not in OVER and not (folder / CANCELLED).exists():
                tail = (folder / "log").read_bytes()[-500:].decode("utf-8", "replace")
                self._end(folder, job, "failed", f"it ended with {code}: {tail}".strip())

    def _end(self, folder: Path, job: Job, state: str, detail: str = "") -> Job:
        job = msgspec.structs.replace(job, state=state, detail=detail, ended_at=self.now())
        write_job(folder, job)
        return job

    def list(self, kind: str = "") -> list[Job]:
        """Newest first."""
        found = []
        for folder in self.folder.glob(f"{kind or '*'}-*-*"):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                found.append(self._seen(folder))
        return sorted(found, key=lambda job: -job.at)

    def get(self, name: str) -> Job | None:
        """One job; None when there is none of that name."""
        folder = self.path(name)
        if folder is None:
            return None
        try:
            return self._seen(folder)
        except (OSError, msgspec.DecodeError):
            return None

    def result(self, name: str) -> bytes | None:
        """What came of it, as JSON; None while there is nothing."""
        folder = self.path(name)
        file = None if folder is None else folder / RESULT
        return file.read_bytes() if file is not None and file.is_file() else None

    def cancel(self, name: str) -> Job | None:
        """Ends it; what it has not published is not missed. One that is over stays as it is."""
        folder, job = self.path(name), self.get(name)
        if folder is None or job is None or job.state in OVER:
            return job
        (folder / CANCELLED).touch()  # a process that has only just begun sees it and ends by itself
        pid = _pid(folder)
        if pid:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGTERM)
        self._await_end()
        return self._end(folder, job, "cancelled")

    def _await_end(self) -> None:
        """Until the lock falls, so that the next job can begin; not for ever."""
        with (self.folder / "running.lock").open("a") as lock:
            until = time.monotonic() + PATIENCE_S
            while time.monotonic() < until:
                with contextlib.suppress(BlockingIOError):
                    return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                time.sleep(0.02)

    def path(self, name: str) -> Path | None:
        """The folder of a job; its name is checked, so that none leads elsewhere."""
        if not name or not set(name) <= ID_LETTERS:
            return None
        folder = self.folder / name
        return folder if folder.is_dir() else None

    def forget(self, user: str) -> int:
        """Removes every ended job whose question or result names a user; how many."""
        named = msgspec.json.encode(user)
        gone = [
            folder
            for folder in self.folder.glob("*-*-*")
            if any(_says(file, named) for file in (*folder.glob("*.json"), *folder.glob("*.jsonl")))
        ]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        return len(gone)

    def stop(self) -> None:
        """Ends what this process has started."""
        for process in list(self._mine):
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)

    def _seen(self, folder: Path) -> Job:
        """The state as written; a job whose process is gone without a word has failed."""
        job = read_job(folder)
        pid = _pid(folder)
        if job.state in OVER or (not pid and self.now() - job.at < 60) or (pid and _alive(pid)):
            return job
        job = read_job(folder)  # it may have ended between the two looks
        return job if job.state in OVER else self._end(folder, job, "failed", "its process is gone")

    def _sweep(self, kind: str) -> None:
        old = [job for job in self.list(kind) if job.state in OVER]
        for job in old[KEEP_OF_KIND - 1 :]:
            shutil.rmtree(self.folder / job.id, ignore_errors=True)


def _says(file: Path, words: bytes) -> bool:
    try:
        return words in file.read_bytes()
    except OSError:
        return False


def write_job(folder: Path, job: Job) -> None:
    """Replaces the state as a whole."""
    fresh = folder / f".{ASK}.{os.getpid()}"
    fresh.write_bytes(msgspec.json.encode(job))
    fresh.replace(folder / ASK)


def read_job(folder: Path) -> Job:
    return msgspec.json.decode((folder / ASK).read_bytes(), type=prepared(Job))


def _pid(folder: Path) -> int:
    try:
        return int((folder / "pid").read_text())
    except (OSError, ValueError):
        return 0


def _alive(pid: int) -> bool:
    """Whether a process lives and is one of ours: numbers of processes come again."""
    try:
        return b"zhiyin.serve.jobs.run" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
