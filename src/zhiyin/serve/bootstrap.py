"""What must be there before the first worker starts: the store, an artefact, a key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zhiyin.artefact import read_artefact
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError, ConfigError
from zhiyin.recommender import Recommender
from zhiyin.serve.access import first_key, issue_key, read_pepper
from zhiyin.serve.artefacts import Artefacts
from zhiyin.serve.ground import Places
from zhiyin.serve.own_parts import allowed_modules
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
    project: Path,
    *,
    now: Callable[[], float],
    say: Callable[[str], None] = lambda text: None,
    with_key: bool = True,
) -> Prepared:
    """Loads the imported data into a new store, publishes the fitted artefact or fits one, makes the key.

    Everything is left as it is when it is there already; a start that was killed goes on where it stopped.
    Without `with_key` the first key is left to a start that can show it.
    """
    if not project.is_dir():
        raise ConfigError(f"{project}: expected a project. Make one: zhiyin init {project}")
    places = Places(project)
    places.run.mkdir(mode=0o700, exist_ok=True)
    new_secret = not places.pepper.exists()
    pepper = read_pepper(places.pepper)
    store = SqliteStore.open(places.store, pepper=pepper)
    try:
        data = project / "data"
        if not store.counts()["items"] and data.is_dir() and any(data.iterdir()):
            say(f"loading {data} into {places.store}")
            store.load(Dataset.load(data), at=now())
        version = _artefact(places, store, now, say)
        key = _key(store, pepper, now, new_secret, say) if with_key else ""
        return Prepared(key, version, store.counts())
    finally:
        store.close()


def _artefact(places: Places, store: Store, now: Callable[[], float], say: Callable[[str], None]) -> str:
    """The version that serves. What `zhiyin fit` has left is taken the first time, else the log is fitted."""
    artefacts = Artefacts(folder=places.artefacts, store=store)
    fitted, current = places.project / "artefact", artefacts.current()
    if current is not None and _version(artefacts.path(current.version), say):
        return current.version
    found = _version(fitted, say)
    if found and (current is None or current.version == found):
        say(f"publishing {fitted}")
        copy = places.artefacts / ".copy"
        shutil.rmtree(copy, ignore_errors=True)
        places.artefacts.mkdir(parents=True, exist_ok=True)
        if current is None:  # who did what belongs to the store alone, from which it can be erased
            modules = allowed_modules(places.project)
            made = Recommender.load(fitted, allow_import=modules, histories=False)
            created = str(read_artefact(fitted).info.get("created_at", ""))
            made.save(copy, created_at=created, histories=False)
            seq, revision = store.last_seq(), store.last_revision()
        else:  # as a backup has left it: what it holds is known
            shutil.copytree(fitted, copy)
            seq, revision = current.seq, current.revision
        return artefacts.publish(copy, seq=seq, revision=revision, at=now(), actor="server").version
    if not store.counts()["items"]:
        return ""
    say("fitting: there is no artefact that can serve")
    return refit(places, store, now=now).version


def _version(folder: Path, say: Callable[[str], None]) -> str:
    """The version of an artefact that can be read; empty when it is missing, damaged or of another format."""
    try:
        return read_artefact(folder).version if folder.is_dir() else ""
    except ArtefactError as error:
        say(str(error))
        return ""


def _key(
    store: Store, pepper: bytes, now: Callable[[], float], new_secret: bool, say: Callable[[str], None]
) -> str:
    """The first admin key; another one where the store came without the secret that its keys are known by."""
    if new_secret and store.keys():
        say("the secret of this store's keys is not here: they are not known, a new one follows")
        scopes = ("admin", "erase")
        name = f"restored {int(now())}"
        return issue_key(store, pepper, name=name, scopes=scopes, at=now(), actor="server")[0]
    return first_key(store, pepper, at=now())
