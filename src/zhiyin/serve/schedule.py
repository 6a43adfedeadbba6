"""When to fit anew: after so many events, or so many hours with new events; in a process of its own."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from zhiyin.serve.artefacts import Artefacts, Publication
from zhiyin.serve.behind import start_behind
from zhiyin.serve.ground import Places
from zhiyin.serve.settings import ServeSettings
from zhiyin.store.contract import Store

__all__ = ["Schedule", "due", "mine"]

log = logging.getLogger("zhiyin.serve")

DAY_S = 86_400.0


class Told(Protocol):
    """Who counts fits."""

    def refitted(self, result: str) -> None: ...


def due(current: Publication | None, *, seq: int, items: int, at: float, settings: ServeSettings) -> bool:
    """Whether a fit is worth it now. The first one is, as soon as there is an item.

    After a rollback only events that came since count: with those before, the fit that was taken back would
    come again.
    """
    if current is None:
        return items > 0
    new = seq - max(current.seq, current.back_seq)
    by_events = settings.refit_every_events > 0 and new >= settings.refit_every_events
    hours = (at - current.at) / 3600
    by_time = settings.refit_every_hours > 0 and new > 0 and hours >= settings.refit_every_hours
    return by_events or by_time


class Schedule:
    """Of all workers, the one that holds the lock looks after it; when it dies, another one takes over."""

    def __init__(
        self,
        *,
        places: Places,
        store: Store,
        artefacts: Artefacts,
        settings: ServeSettings,
        now: Callable[[], float],
        told: Told,
        period_s: float = 5.0,
        retry_s: float = 600.0,
    ) -> None:
        self.places = places
        self.store = store
        self.artefacts = artefacts
        self.settings = settings
        self.now = now
        self.told = told
        self.period_s = period_s
        self.retry_s = retry_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="zhiyin-schedule", daemon=True)
        self._fit: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0
        self._swept_at = 0.0

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends a fit that runs: what it has not published is not missed."""
        self._stop.set()
        self._thread.join(timeout=10)
        if self._fit is not None and self._fit.poll() is None:
            self._fit.terminate()
            self._fit.wait(timeout=10)

    def _watch(self) -> None:
        self.places.run.mkdir(parents=True, exist_ok=True)
        with (self.places.run / "schedule.lock").open("w") as lock:
            while not self._stop.wait(self.period_s):
                if not mine(lock):
                    continue
                try:
                    self._step()
                except Exception:
                    log.exception("the schedule could not be looked after; it is tried again")

    def _step(self) -> None:
        at = self.now()
        if at - self._swept_at > 3600 and self.settings.slate_days > 0:
            self._swept_at = at
            self._forget(at - self.settings.slate_days * DAY_S)
        if self._fit is not None:
            self._finish(at)
        elif at >= self._not_before and self._due(at):
            self._begin(at)

    def _forget(self, before: float) -> None:
        """Some at a time, so that nobody waits for the disk behind it."""
        while not self._stop.is_set() and self.store.forget_slates(before=before).result():
            self._stop.wait(0.05)

    def _due(self, at: float) -> bool:
        items = self.store.counts()["items"]
        return due(
            self.artefacts.current(), seq=self.store.last_seq(), items=items, at=at, settings=self.settings
        )

    def _begin(self, at: float) -> None:
        log.info("a fit begins")
        command = [sys.executable, "-m", "zhiyin", "refit", str(self.places.project), "--json"]
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        try:
            with (self.places.run / "refit.log").open("wb") as out:
                self._fit = start_behind(command, out=out, env=threads)
        except OSError as error:
            self._failed(at, f"could not begin: {error}")

    def _finish(self, at: float) -> None:
        assert self._fit is not None
        code = self._fit.poll()
        if code is None:
            return
        self._fit = None
        if code:
            self._failed(at, f"ended with {code}: {_last_words(self.places.run / 'refit.log')}")
            return
        self.places.failed_fit.unlink(missing_ok=True)
        self.told.refitted("ok")
        log.info("a fit has ended; its artefact is published")

    def _failed(self, at: float, why: str) -> None:
        self._not_before = at + self.retry_s
        self.told.refitted("failed")
        log.error("a fit %s", why)
        self.places.failed_fit.write_text(f"the last fit {why}", "utf-8")


def mine(lock: IO[str]) -> bool:
    """Whether this process looks after the schedule; the lock stays as long as the file is open."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _last_words(path: Path) -> str:
    """What the command said was wrong; the end of all it said where it did not come to that."""
    said = path.read_bytes()[-20_000:].decode("utf-8", "replace")
    try:
        message: str = json.loads(said[said.rindex("\n{") :])["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return said[-600:].strip()
    return message
