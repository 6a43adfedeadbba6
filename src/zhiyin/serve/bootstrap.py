"""What must be there before the first worker starts: the store, an artefact, a key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.serve.access import first_key, read_pepper
from zhiyin.serve.artefacts import Artefacts
from zhiyin.serve.ground import Places
from zhiyin.serve.refit import refit
from zhiyin.store.contract import Store
from zhiyin.store.sqlite_store import SqliteStore

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What starting has found or made."""

    first_key: str
    """The secret of the first admin key, to be shown once; empty when there were keys already."""
    version: str
    """Of the artefact that serves; empty when there is nothing to fit on yet."""
    counts: dict[str, int]


def prepare(
    project: Path, *, now: Callable[[], float], say: Callable[[str], None] = lambda text: None
) -> Prepared:
    """Loads the imported data into a new store, publishes the fitted artefact or fits one, makes the key.

    Everything is left as it is when it is there already; a start that was killed goes on where it stopped.
    """
    if not project.is_dir():
        raise ConfigError(f"{project}: expected a project. Make one: zhiyin init {project}")
    places = Places(project)
    places.run.mkdir(mode=0o700, exist_ok=True)
    pepper = read_pepper(places.pepper)
    store = SqliteStore.open(places.store, pepper=pepper)
    try:
        data = project / "data"
        if not store.counts()["items"] and data.is_dir() and any(data.iterdir()):
            say(f"loading {data} into {places.store}")
            store.load(Dataset.load(data), at=now())
        version = _artefact(places, store, now, say)
        return Prepared(first_key(store, pepper, at=now()), version, store.counts())
    finally:
        store.close()


def _artefact(places: Places, store: Store, now: Callable[[], float], say: Callable[[str], None]) -> str:
    """The version that serves. What `zhiyin fit` has left is taken the first time, else the log is fitted."""
    artefacts = Artefacts(folder=places.artefacts, store=store)
    fitted, current = places.project / "artefact", artefacts.current()
    if current is not None:
        return current.version
    if fitted.is_dir():
        say(f"publishing {fitted}")
        copy = places.artefacts / ".copy"
        shutil.rmtree(copy, ignore_errors=True)
        places.artefacts.mkdir(parents=True, exist_ok=True)
        shutil.copytree(fitted, copy)
        seq, revision = store.last_seq(), store.last_revision()
        return artefacts.publish(copy, seq=seq, revision=revision, at=now(), actor="server").version
    if not store.counts()["items"]:
        return ""
    say("fitting: there is no artefact yet")
    return refit(places, store, now=now).version
