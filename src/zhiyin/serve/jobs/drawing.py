"""The job that draws the map, and the one that looks at the health of the data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.recommender import Recommender
from zhiyin.represent.plane import plane
from zhiyin.serve.access import read_pepper
from zhiyin.serve.artefacts import Artefacts
from zhiyin.serve.jobs.run import Work
from zhiyin.serve.maps import Map, factors, save_map, vectors_of
from zhiyin.serve.own_parts import load_artefact
from zhiyin.store.contract import Store
from zhiyin.store.sqlite_store import SqliteStore
from zhiyin.types import KINDS, Interaction

__all__ = ["draw_map", "opened", "past_of", "serving_now"]

N_LISTS = 300
"""Users whose lists say what is shown how often."""


@contextmanager
def opened(work: Work) -> Iterator[Store]:
    """The store of the project, beside the service."""
    store = SqliteStore.open(work.places.store, pepper=read_pepper(work.places.pepper), verify=False)
    try:
        yield store
    finally:
        store.close()


def serving_now(work: Work, store: Store) -> tuple[Artefacts, str]:
    """The artefacts, and the version that serves."""
    artefacts = Artefacts(folder=work.places.artefacts, store=store)
    current = artefacts.current()
    if current is None:
        raise ConfigError("no artefact serves yet: send items and events, then publish")
    return artefacts, current.version


def draw_map(work: Work) -> dict[str, Any]:
    """Places of all items of the artefact that serves; in how many lists each of them stands."""
    began = time.perf_counter()
    with opened(work) as store:
        artefacts, version = serving_now(work, store)
        work.tell("reading", 0, 0)
        recommender = load_artefact(artefacts.path(version))
        data = store.snapshot()
    vectors = vectors_of(recommender)
    if vectors is not None:
        rows, by = vectors.rows, "text"
    else:
        rows, by = _on_codes(factors(data, seed=work.request.seed), data, recommender), "behaviour"
    places = plane(rows, seed=work.request.seed, progress=lambda done, of: work.tell("drawing", done, of))
    listed, n_lists = _listed(work, recommender, data)
    save_map(work.places.maps, Map(version, places, listed, n_lists, by))
    return {
        "version": version, "items": len(places), "placed": int((places[:, 0] >= 0).sum()), "by": by,
        "lists": n_lists, "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def _on_codes(rows: NDArray[np.float32], data: Dataset, recommender: Recommender) -> NDArray[np.float32]:
    """Rows of the data's items in the order of the artefact's."""
    assert recommender.items_ is not None
    codes = data.items.ids.codes(recommender.items_.ids)
    out = np.zeros((len(codes), rows.shape[1]), np.float32)
    out[codes >= 0] = rows[codes[codes >= 0]]
    return out


def past_of(data: Dataset, user: int, n: int) -> list[Interaction]:
    """The last `n` events of a user (code), oldest first."""
    rows = range(max(int(data.indptr[user]), int(data.indptr[user + 1]) - n), int(data.indptr[user + 1]))
    return [
        Interaction(
            data.users[user], data.items.ids[data.item[row]], KINDS[data.kind[row]],
            None if np.isnan(data.value[row]) else float(data.value[row]),
            None if np.isnan(data.at[row]) else float(data.at[row]),
        )
        for row in rows
    ]  # fmt: skip


def _listed(work: Work, recommender: Recommender, data: Dataset) -> tuple[NDArray[np.int32], int]:
    """(n,) how often each item stands in the first ten of a sample of users, and of how many."""
    assert recommender.items_ is not None
    counts = np.zeros(len(recommender.items_), np.int32)
    random = np.random.default_rng(work.request.seed)
    users = random.permutation(data.n_users)[:N_LISTS]
    for place, user in enumerate(users.tolist()):
        work.tell("asking", place, len(users))
        query = recommender.query(history=past_of(data, user, recommender.n_history))
        counts[recommender.decide(query, 10).ranking.items[:10]] += 1
    return counts, len(users)
