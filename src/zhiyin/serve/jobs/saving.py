"""The job that makes a backup beside the store, as the command does."""

from __future__ import annotations

import time
from typing import Any

from zhiyin.errors import ConfigError
from zhiyin.serve.artefacts import Artefacts
from zhiyin.serve.jobs.drawing import opened
from zhiyin.serve.jobs.run import Work
from zhiyin.store.backup import create_backup

__all__ = ["MOST_BACKUPS", "back_up"]

MOST_BACKUPS = 20
"""Copies beside the store: each is as large as the store, and nobody but the owner may throw one away."""


def back_up(work: Work) -> dict[str, Any]:
    """A copy of the store and of the artefact that serves under `backups/`, without the keys' secret."""
    at = work.now()
    name = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime(at))
    with opened(work) as store:
        artefacts = Artefacts(folder=work.places.artefacts, store=store)
        current = artefacts.current()
        serving = None if current is None else artefacts.path(current.version)
    work.places.backups.mkdir(parents=True, exist_ok=True)
    if sum(place.is_dir() for place in work.places.backups.iterdir()) >= MOST_BACKUPS:
        raise ConfigError(f"{MOST_BACKUPS} backups are there already: move some elsewhere, on the machine")
    work.tell("copying", 0, 0)
    made = create_backup(work.places.store, work.places.backups / name, at=at, artefact=serving)
    size = sum(size for _, size in made.files.values())
    return {"name": name, "seq": made.seq, "files": len(made.files), "bytes": size}
