"""What counts of one day tell of the next on the MIND cut: how far any recommender of behaviour could come.

    python bench/bench_next_day.py

R@20 over all users, items of their first day left out, without a fit of zhiyin: what was clicked most; the
same mixed with what went with the items of the user (P(j | i), drawn towards how often j was clicked); EASE;
and, as a ceiling, what is clicked most on the second day itself. Then what the copy tells of time. Best
settings are seen on test: these rows say what is there, not what a recommender would reach. The set comes
from $ZHIYIN_DATA.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

N_LIST = 20
BLOCK = 4_000
Array = NDArray[Any]


def clicks(path: Path, n_items: int) -> sp.csr_matrix:
    """(users, items) ones; the ids of this set are their codes."""
    table = pl.read_parquet(path).with_columns(pl.all().cast(pl.Int64))
    user, item = table["user"].to_numpy(), table["item"].to_numpy()
    return sp.csr_matrix((np.ones(len(user)), (user, item)), shape=(int(user.max()) + 1, n_items))


def recall(score: Callable[[Any], Array], first: Any, second: Any) -> float:
    """Mean over users of the share of their second day that stands among the first N_LIST."""
    total = 0.0
    for start in range(0, first.shape[0], BLOCK):
        known = first[start : start + BLOCK]
        scores = score(known)
        scores[known.nonzero()] = -np.inf
        top = np.argpartition(-scores, N_LIST, axis=1)[:, :N_LIST]
        wanted = second[start : start + BLOCK].toarray() > 0
        hits = np.take_along_axis(wanted, top, axis=1).sum(axis=1)
        total += float((hits / np.maximum(wanted.sum(axis=1), 1)).sum())
    return total / first.shape[0]


def same_for_all(column: Array) -> Callable[[Any], Array]:
    return lambda known: np.repeat(column[None], known.shape[0], axis=0)


def ease(first: Any, strength: float) -> Array:
    """(items, items) weights (Steck, WWW 2019)."""
    inverse = np.linalg.inv((first.T @ first).toarray() + strength * np.eye(first.shape[1]))
    weights: Array = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def places(path: Path) -> tuple[Array, Array]:
    """Of items with 100 clicks of users with several: their mean place in the user's row (0 first, 1 last),
    and clicks by item of the first and the last tenth of the users."""
    table = pl.read_parquet(path).with_columns(pl.all().cast(pl.Int64))
    several = table.with_columns(
        place=(pl.int_range(pl.len()) + 0.5).over("user") / pl.len().over("user"), n=pl.len().over("user")
    ).filter(pl.col("n") > 1)
    middle = several.group_by("item").agg(pl.col("place").mean(), pl.len()).filter(pl.col("len") >= 100)
    size = int(table["item"].max()) + 1  # type: ignore[arg-type]
    n_users = int(table["user"].max()) + 1  # type: ignore[arg-type]
    ends = [
        np.bincount(table.filter(part)["item"].to_numpy(), minlength=size).astype(float)
        for part in (pl.col("user") < n_users // 10, pl.col("user") >= n_users - n_users // 10)
    ]
    return middle["place"].to_numpy(), np.stack(ends)


def main() -> None:
    folder = Path(os.environ.get("ZHIYIN_DATA", "")) / "mind-news"
    if not folder.is_dir():
        sys.exit("skipped: set ZHIYIN_DATA to the folder with mind-news")
    n_items = len(pl.read_parquet(folder / "items.parquet"))
    first, second = (clicks(folder / f"{part}.parquet", n_items) for part in ("train", "test"))
    counts, later = (np.asarray(day.sum(axis=0)).ravel() for day in (first, second))
    popular = counts / counts.sum()
    print(f"most clicked on the first day: {recall(same_for_all(popular), first, second):.4f}")
    together = (first.T @ first).toarray()
    np.fill_diagonal(together, 0)
    for drawn in (5, 50):
        given = (together + drawn * popular) / (together.sum(axis=1, keepdims=True) + drawn)
        for share in (0.2, 0.5, 1.0):

            def mixed(known: Any, given: Array = given, share: float = share) -> Array:
                lengths = np.maximum(np.asarray(known.sum(axis=1)), 1)
                found: Array = share * np.asarray(known @ given) / lengths + (1 - share) * popular
                return found

            print(f"share {share} of P(j | i), drawn {drawn}: {recall(mixed, first, second):.4f}")
    for strength in (50, 200, 1000):
        weights = ease(first, strength)
        found = recall(lambda known, weights=weights: np.asarray(known @ weights), first, second)
        print(f"EASE, strength {strength}: {found:.4f}")
    new = np.sort(later[counts == 0])[::-1]
    best = np.sort(later)[::-1][:N_LIST].sum()
    print(f"most clicked of the second day, share of all clicks: {best / later.sum():.3f}")
    print(f"the same among unseen items: {new[:N_LIST].sum() / later.sum():.3f}; {len(new)} of them")
    top = np.argsort(-counts, kind="stable")[:10]
    print(f"most clicked first: {counts[top].astype(int).tolist()}, then {later[top].astype(int).tolist()}")
    top = np.argsort(-later, kind="stable")[:10]
    print(f"most clicked then: {later[top].astype(int).tolist()}, first {counts[top].astype(int).tolist()}")
    place, ends = places(folder / "train.parquet")
    cosine = ends[0] @ ends[1] / np.linalg.norm(ends[0]) / np.linalg.norm(ends[1])
    spread = np.percentile(place, [1, 50, 99]).round(2).tolist()
    print(f"mean place of {len(place)} items: {spread} (1, 50, 99 %)")
    print(f"clicks of the first and the last tenth of the users, cosine: {cosine:.2f}")


if __name__ == "__main__":
    main()
