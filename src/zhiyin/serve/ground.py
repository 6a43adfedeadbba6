"""What all routes of a worker stand on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.data.filters import FilterLimits
from zhiyin.serve.problems import FILTER_SETTINGS
from zhiyin.serve.settings import ServeSettings

if TYPE_CHECKING:
    from zhiyin.serve.access import Access
    from zhiyin.serve.admission import Admission
    from zhiyin.serve.artefacts import Artefacts
    from zhiyin.serve.exposure import Exposures
    from zhiyin.serve.gate import Gate
    from zhiyin.serve.jobs.board import Jobs
    from zhiyin.serve.live import Live
    from zhiyin.serve.metrics import Metrics
    from zhiyin.serve.pulse import Pulse
    from zhiyin.serve.schedule import Schedule
    from zhiyin.serve.service import Service
    from zhiyin.serve.tagging import Tagging
    from zhiyin.serve.tracing import Tracing
    from zhiyin.store.contract import Store

__all__ = ["Ground", "Places", "filter_limits"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a served project keeps what."""

    project: Path

    @property
    def store(self) -> Path:
        return self.project / "store.db"

    @property
    def pepper(self) -> Path:
        return self.project / "secret.key"

    @property
    def artefacts(self) -> Path:
        return self.project / "artefacts"

    @property
    def run(self) -> Path:
        """Files of the running service: pid, metrics, locks."""
        return self.project / "run"

    @property
    def failed_fit(self) -> Path:
        """Why the last fit behind the answers failed; gone once one has succeeded."""
        return self.run / "refit.failed"

    @property
    def jobs(self) -> Path:
        """Work in the background, and what came of it."""
        return self.project / "jobs"

    @property
    def maps(self) -> Path:
        """Where items lie on the plane, by artefact."""
        return self.project / "maps"

    @property
    def uploads(self) -> Path:
        """Files that wait to be loaded."""
        return self.project / "uploads"

    @property
    def backups(self) -> Path:
        """Copies that were asked for over HTTP."""
        return self.project / "backups"


@dataclass(slots=True)
class Ground:
    """Made when a worker starts, taken down when it stops."""

    places: Places
    settings: ServeSettings
    store: Store
    artefacts: Artefacts
    live: Live
    service: Service
    access: Access
    gate: Gate
    admission: Admission
    metrics: Metrics
    pepper: bytes
    now: Callable[[], float]
    readers: ThreadPoolExecutor
    """For reads and writes that wait for the disk and need no recommender."""
    schedule: Schedule
    tagging: Tagging
    exposures: Exposures
    tracing: Tracing
    jobs: Jobs
    pulse: Pulse
    version: str
    started_at: float
    draining: bool = False


def filter_limits(settings: ServeSettings) -> FilterLimits:
    """The service's limits in the words of the filter."""
    return FilterLimits(**{limit: getattr(settings, name) for limit, name in FILTER_SETTINGS.items()})
