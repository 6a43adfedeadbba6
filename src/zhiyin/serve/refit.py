"""A new artefact from the log: fitted beside the service, checked, published or refused."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from zhiyin.data.dataset import Dataset
from zhiyin.defaults import configured_recommender
from zhiyin.errors import ArtefactError, ConfigError, DataError
from zhiyin.recommender import Progress, Recommender
from zhiyin.serve.artefacts import Artefacts, Publication
from zhiyin.serve.checks import Checks
from zhiyin.serve.ground import Places
from zhiyin.serve.own_parts import allowed_modules, load_artefact
from zhiyin.store.contract import Store

__all__ = ["refit"]


def refit(
    places: Places,
    store: Store,
    *,
    now: Callable[[], float],
    actor: str = "server",
    seed: int = 0,
    allow_import: Sequence[str] = (),
    checks: Checks | None = None,
    progress: Progress | None = None,
) -> Publication:
    """Fits zhiyin.toml (or the default) on the log, checks, publishes; workers take it by themselves.

    One that does not pass is kept on record as refused, with the reasons that the ConfigError tells.
    Only one fit of a project runs at a time.
    """
    with _alone(places):
        artefacts = Artefacts(folder=places.artefacts, store=store)
        seq, revision = store.last_seq(), store.last_revision()
        data = store.snapshot()
        if not data.n_items:
            raise DataError(
                "at least one item", file=places.store, hint="send items, or import a data set, first"
            )
        modules = (*allow_import, *allowed_modules(places.project))
        recommender = configured_recommender(places.project, data, allow_import=modules)
        recommender = recommender.fit(data, seed=seed, progress=progress)
        fresh = places.artefacts / f".fitting-{os.getpid()}"
        places.artefacts.mkdir(parents=True, exist_ok=True)
        try:
            at = now()
            created = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            version = recommender.save(fresh, created_at=created, histories=False)
            return publish(
                artefacts, fresh, version, data, seq=seq, revision=revision, at=at, actor=actor, checks=checks
            )
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def publish(
    artefacts: Artefacts,
    fresh: Path,
    version: str,
    data: Dataset,
    *,
    seq: int,
    revision: int,
    at: float,
    actor: str,
    checks: Checks | None = None,
) -> Publication:
    """Loads what was written, as a worker would, and publishes it or refuses it."""
    serving = artefacts.current()
    old = None if serving is None else _loaded(artefacts.path(serving.version))
    faults = (checks or Checks()).faults(load_artefact(fresh), data, old)
    if faults:
        artefacts.refuse(version, "; ".join(faults), at=at, actor=actor)
        raise ConfigError(
            f"artefact {version} was not published: {'; '.join(faults)}. The one before goes on serving"
        )
    return artefacts.publish(fresh, seq=seq, revision=revision, at=at, actor=actor)


def _loaded(folder: Path) -> Recommender | None:
    """What serves now, to compare with; None when it is gone, damaged or of another format."""
    try:
        return load_artefact(folder)
    except (ArtefactError, OSError):
        return None


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    places.run.mkdir(parents=True, exist_ok=True)
    with (places.run / "refit.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"{places.project}: expected no other fit at the same time; wait for the one that runs"
            ) from error
        yield
