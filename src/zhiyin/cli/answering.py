"""Who answers a question of the command line: what the service serves, else what `zhiyin fit` has left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.cli.project import Project
from zhiyin.errors import ArtefactError, ConfigError, ZhiyinError

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender
    from zhiyin.serve.asking import Asker
    from zhiyin.store.sqlite_store import SqliteStore
    from zhiyin.types import History, Query

__all__ = ["Answering", "answering", "opened_store", "serving_artefact"]

N_NAMES = 1000
"""So many names of a store's users are looked through for one that was meant."""


@dataclass(frozen=True, slots=True)
class Answering:
    """A recommender, and whom it knows: the store of a served project, else the log that it was fitted on."""

    recommender: Recommender
    asker: Asker | None = None
    """None: the project has not been served, `artefact/` answers."""

    def query(
        self,
        user: str | None = None,
        *,
        history: Sequence[str] | None = None,
        words: str = "",
        locale: str = "en",
        seen: bool | None = None,
        exclude: Sequence[str] = (),
        where: str = "",
    ) -> Query:
        """A question in codes, as the service would ask it: with the profile that the user has stated."""
        if self.asker is None:
            return self.recommender.query(
                user, history=history, words=words, locale=locale, seen=seen, exclude=exclude, where=where
            )
        from zhiyin.serve.messages import RecommendRequest

        request = RecommendRequest(
            user=user or "", history=None if history is None else list(history), words=words,
            locale=locale, seen=seen, exclude=list(exclude), filter=where,
        )  # fmt: skip
        return self.asker.recommend(request).query

    def past(self, user: str) -> History:
        """What is known of a user's behaviour; empty for a stranger."""
        return self.recommender.query(user).history if self.asker is None else self.asker.past(user)

    def knows(self, user: str) -> bool:
        """Whether this user has done anything, or has stated an interest."""
        return bool(len(self.past(user))) or (
            self.asker is not None and self.asker.store.profile(user) is not None
        )

    def users(self) -> Sequence[str]:
        """Names of users, for a slip of the pen; of a store only the first."""
        if self.asker is not None:
            return [one.id for one in self.asker.store.users(limit=N_NAMES)]
        histories = self.recommender.histories_
        return () if histories is None else histories.snapshot.users


@contextmanager
def answering(project: Path, allow_import: Sequence[str] | None = None) -> Iterator[Answering]:
    """The artefact that serves with what the store knows now, where the project has been served.

    Nothing is written, and a service that runs is not disturbed. Otherwise `artefact/` answers.
    """
    place = Project(project)
    if not place.is_served:
        yield Answering(place.load(allow_import or ()))
        return
    with opened_store(project) as store:
        asker = _asker(project, store)
        yield (
            Answering(place.load(allow_import or ()))
            if asker is None
            else Answering(asker.serving.recommender, asker)
        )


@contextmanager
def opened_store(project: Path) -> Iterator[SqliteStore]:
    """The store of a served project, closed afterwards."""
    from zhiyin.serve.access import read_pepper
    from zhiyin.serve.ground import Places
    from zhiyin.store.sqlite_store import SqliteStore

    if not Project(project).is_served:
        raise ConfigError(
            f"{project} has no store yet, where profiles and tags are kept. Run once: zhiyin serve {project}"
        )
    places = Places(project)
    # where it is missing, as after a restore, the next start makes it and says so
    pepper = read_pepper(places.pepper) if places.pepper.exists() else b""
    store = SqliteStore.open(places.store, pepper=pepper, verify=False)
    try:
        yield store
    finally:
        store.close()


def serving_artefact(project: Path) -> Path | None:
    """Where the artefact lies that serves a project with a store; None when none serves."""
    from zhiyin.serve.artefacts import Artefacts
    from zhiyin.serve.ground import Places

    with opened_store(project) as store:
        artefacts = Artefacts(folder=Places(project).artefacts, store=store)
        current = artefacts.current()
        return None if current is None else artefacts.path(current.version)


def _asker(project: Path, store: SqliteStore) -> Asker | None:
    """Against the artefact that serves, brought up to the store as a worker does; None when none serves."""
    from zhiyin.serve.artefacts import Artefacts
    from zhiyin.serve.asking import Asker
    from zhiyin.serve.ground import Places
    from zhiyin.serve.live import Live

    artefacts = Artefacts(folder=Places(project).artefacts, store=store)
    current = artefacts.current()
    if current is None:
        return None
    live = Live(store=store, artefacts=artefacts, compute=_at_once, now=time.time, told=_Nobody())
    log = logging.getLogger("zhiyin.serve")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what is wrong is said once, as the error of this command
    try:
        live.step()
    finally:
        log.setLevel(level)
    if live.serving is None:
        raise ArtefactError(_fault(artefacts.path(current.version), project))
    return Asker(store, live.serving, time.time())


def _fault(path: Path, project: Path) -> str:
    """Why the artefact that serves could not be taken, and the ways out."""
    from zhiyin.serve.own_parts import load_artefact

    why = "it cannot be brought up to the store"
    try:
        load_artefact(path)
    except ZhiyinError as error:
        why = str(error)
    return (
        f"the artefact that serves {project} cannot be used: {why}. Fit another one: zhiyin refit {project}; "
        f"or go back to the one before: zhiyin artefacts rollback {project}"
    )


def _at_once(change: Callable[[], object]) -> Future[object]:
    """Nobody else reads the recommender here: no change has to wait."""
    done: Future[object] = Future()
    done.set_result(change())
    return done


class _Nobody:
    """Counts nothing of what a worker would."""

    def item_recommendable(self, seconds: float) -> None:
        pass

    def event_counted(self, seconds: float) -> None:
        pass

    def swapped(self, result: str) -> None:
        pass
