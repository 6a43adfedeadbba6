"""The map of an artefact: where its items lie on the plane, drawn by a job, kept beside the artefact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.recommender import Recommender
from zhiyin.represent.items import ItemVectors
from zhiyin.represent.plane import near_places
from zhiyin.types import FloatArray

__all__ = ["Map", "factors", "load_map", "placed", "save_map", "vectors_of", "words_column"]

KEEP = 4
"""Maps that are kept: the newest."""
DIM = 32
MOST_WORDS = 60
"""Different words that an attribute may have to be the one that items are coloured by."""
K_NEW = 5
"""Neighbours that an item which came after the drawing is placed by."""
MOST_NEW = 5_000


@dataclass(frozen=True, slots=True)
class Map:
    """Places by item code, as of when the artefact was fitted."""

    version: str
    places: NDArray[np.int32]
    """(n, 2)"""
    listed: NDArray[np.int32]
    """(n,) in how many of the drawn lists the item stands."""
    n_lists: int
    by: str
    """text | behaviour: what the items were compared by."""


def save_map(folder: Path, drawn: Map) -> Path:
    """Replaces the map of this version; the oldest beyond `KEEP` go."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{drawn.version}.safetensors"
    fresh = folder / f".{file.name}"
    arrays = {"places": drawn.places, "listed": drawn.listed}
    save_file(arrays, fresh, {"by": drawn.by, "n_lists": str(drawn.n_lists)})
    fresh.replace(file)
    for old in sorted(folder.glob("*.safetensors"), key=lambda path: -path.stat().st_mtime)[KEEP:]:
        old.unlink(missing_ok=True)
    return file


def load_map(folder: Path, version: str) -> Map | None:
    """The map of a version; None where none was drawn, or where it cannot be read."""
    from safetensors import safe_open

    file = folder / f"{version}.safetensors"
    if not file.is_file():
        return None
    try:
        arrays = load_file(file)
        with safe_open(file, "numpy") as opened:
            about = opened.metadata() or {}
        return Map(
            version, arrays["places"], arrays["listed"], int(about.get("n_lists", "0")), about.get("by", "")
        )
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def vectors_of(recommender: Recommender) -> ItemVectors | None:
    """What its items are about, if one of its parts reads texts."""
    for part in recommender.parts().values():
        vectors = getattr(part, "vectors_", None)
        if isinstance(vectors, ItemVectors) and not vectors.blank.all():
            return vectors
    return None


def factors(data: Dataset, dim: int = DIM, *, seed: int = 0) -> FloatArray:
    """(n_items, dim) what items are chosen together, for a catalogue without texts: the strongest directions
    of the table of users and items, damped by how much each of them did."""
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import svds

    table = csr_array(
        (np.ones(len(data), np.float32), (data.user, data.item)), shape=(data.n_users, data.n_items)
    )
    table.data[:] = np.minimum(table.data, 1)
    by_user = np.maximum(table.sum(axis=1), 1) ** -0.5
    by_item = np.maximum(table.sum(axis=0), 1) ** -0.5
    scaled = table.multiply(by_user[:, None]).multiply(by_item[None, :]).tocsr()
    k = min(dim, *(side - 1 for side in scaled.shape))
    if k < 1:
        return np.zeros((data.n_items, 1), np.float32)
    start = np.random.default_rng(seed).standard_normal(min(scaled.shape))
    _, strength, right = svds(scaled, k=k, v0=start)
    return np.asarray((right * strength[:, None]).T[:, ::-1], np.float32)


def placed(drawn: Map, recommender: Recommender) -> NDArray[np.int32]:
    """(n_items, 2) for the catalogue as it is now: who came later stands among its nearest neighbours."""
    n = 0 if recommender.items_ is None else len(recommender.items_)
    old = len(drawn.places)
    if n <= old:
        return drawn.places[:n]
    more = np.full((n - old, 2), -1, np.int32)
    vectors = vectors_of(recommender) if drawn.by == "text" else None
    if vectors is not None:
        known = vectors.take(np.arange(min(old, len(vectors)), dtype=np.int32))
        fresh = np.arange(old, min(n, len(vectors), old + MOST_NEW), dtype=np.int32)
        theirs = vectors.take(fresh)
        spoken = theirs.any(axis=1)
        if spoken.any() and len(known):
            close = theirs[spoken] @ known.T
            near = np.argpartition(-close, min(K_NEW, len(known)) - 1, axis=1)[:, :K_NEW]
            more[fresh[spoken] - old] = near_places(drawn.places, near.astype(np.int32))
    return np.concatenate([drawn.places, more])


def words_column(items: Catalogue, asked: str = "") -> tuple[str, tuple[str, ...], NDArray[np.int32]]:
    """(attribute, its words, (n,) the first word of each item as a place among them, -1 = none).

    Without a name, the attribute that says something of most items in few words.
    """
    name = asked if asked in items.words else _telling(items)
    if not name:
        return "", (), np.full(len(items), -1, np.int32)
    column = items.words[name]
    first = np.full(len(items), -1, np.int32)
    filled = np.diff(column.indptr) > 0
    first[filled] = column.codes[column.indptr[:-1][filled]]
    return name, column.values, first


def _telling(items: Catalogue) -> str:
    best, most = "", 0.0
    for name, column in items.words.items():
        if 2 <= len(column.values) <= MOST_WORDS:
            share = float((np.diff(column.indptr) > 0).mean()) if len(items) else 0.0
            if share > most:
                best, most = name, share
    return best
