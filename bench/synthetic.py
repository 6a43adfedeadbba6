"""A made-up shop of any size: clusters of taste, Zipf popularity, titles by cluster, prices, a clock.

    python bench/synthetic.py [--items 100000] [--users 200000] [--events 5000000] [--save PATH]

Every user likes a few clusters, stays with one for some events and takes its items by popularity, so that
collaborative sources, texts and attributes all have something true to find. One seed, one shop.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Categories, Ids
from zhiyin.data.dataset import Dataset
from zhiyin.types import KINDS, IntArray, Item

__all__ = ["Shop", "new_items", "synthetic"]

DAY = 86400.0
NEWEST_AT = 1_700_000_000.0
"""UTC seconds of the end of the log."""
SYLLABLES = [first + vowel for first in "bdfghklmnprstvwz" for vowel in "aeio"]


@dataclass(frozen=True, slots=True)
class Shop:
    """What a shop is made of; the defaults are the one of the service bench."""

    n_items: int = 100_000
    n_users: int = 200_000
    n_events: int = 5_000_000
    items_per_cluster: int = 250
    zipf: float = 0.9
    """Popularity of the item of place r: (r + 20) ** -zipf."""
    n_tastes: int = 3
    """Clusters that a user likes."""
    stay: float = 0.75
    """Chance that the next event is of the same cluster as the last."""
    stray: float = 0.15
    """Share of the events that follow the crowd instead of the user's taste."""
    n_days: float = 365.0
    n_cold: int = 0
    """Items at the end of the catalogue that nobody has chosen."""

    @property
    def n_clusters(self) -> int:
        return max(2, self.n_items // self.items_per_cluster)


def synthetic(shop: Shop | None = None, *, seed: int = 0) -> Dataset:
    """The whole shop; its catalogue is `.items`. 5 M events take about ten seconds."""
    shop = shop or Shop()
    random = np.random.default_rng(seed)
    cluster = random.integers(0, shop.n_clusters, shop.n_items).astype(np.int32)
    popularity = (random.permutation(shop.n_items) + 20.0) ** -shop.zipf
    popularity[shop.n_items - shop.n_cold :] = 0
    user = _users(shop, random)
    return Dataset.build(
        users=Ids(f"u{code}" for code in range(shop.n_users)),
        items=_catalogue(shop, cluster, random),
        user=user,
        item=_chosen(shop, user, cluster, popularity, random),
        kind=np.full(len(user), KINDS.index("click"), np.int8),
        value=np.full(len(user), np.nan, np.float32),
        at=_times(shop, user, random),
        name="synthetic",
    )


def new_items(data: Dataset, n: int, *, seed: int = 1, start: int = 0) -> list[Item]:
    """Items that the shop does not have: titles and attributes like those of items that are there."""
    random = np.random.default_rng(seed)
    made = []
    for place, code in enumerate(random.integers(0, len(data.items), n)):
        like = data.items.item(int(code))
        words = like.title.split()
        random.shuffle(words)
        attributes = {
            **like.attributes,
            "price": round(float(random.lognormal(3, 0.5)), 2),
        }
        made.append(Item(f"new{start + place}", " ".join(words), like.text, attributes))
    return made


def _users(shop: Shop, random: np.random.Generator) -> IntArray:
    """(n_events,) user codes, ascending: at least three events each, a few users with many more."""
    share = random.lognormal(0, 0.8, shop.n_users)
    extra = max(0, shop.n_events - 3 * shop.n_users)
    counts = np.full(shop.n_users, min(3, shop.n_events // shop.n_users), np.int64)
    counts += np.floor(share / share.sum() * extra).astype(np.int64)
    lucky = random.integers(0, shop.n_users, shop.n_events - int(counts.sum()))
    counts += np.bincount(lucky, minlength=shop.n_users)
    return np.repeat(np.arange(shop.n_users, dtype=np.int32), counts)


def _chosen(
    shop: Shop,
    user: IntArray,
    cluster: IntArray,
    popularity: NDArray[np.float64],
    random: np.random.Generator,
) -> IntArray:
    """(n_events,) item codes: the user's cluster of the moment, in it by popularity."""
    n = len(user)
    tastes = random.integers(0, shop.n_clusters, (shop.n_users, shop.n_tastes), dtype=np.int32)
    switches = random.random(n) >= shop.stay
    switches[0] = True
    switches[1:] |= user[1:] != user[:-1]
    since = np.maximum.accumulate(np.where(switches, np.arange(n), 0))
    slot = random.integers(0, shop.n_tastes, n)[since]
    wanted = tastes[user, slot]
    order = np.argsort(cluster, kind="stable").astype(np.int32)
    mass = np.concatenate(([0.0], np.cumsum(popularity[order])))
    bounds = np.searchsorted(cluster[order], np.arange(shop.n_clusters + 1))
    low, high = mass[bounds[wanted]], mass[bounds[wanted + 1]]
    strays = (random.random(n) < shop.stray) | (high <= low)
    low, high = np.where(strays, 0.0, low), np.where(strays, mass[-1], high)
    place = np.searchsorted(mass, low + random.random(n) * (high - low), side="right") - 1
    return order[np.clip(place, 0, len(order) - 1)]


def _times(shop: Shop, user: IntArray, random: np.random.Generator) -> NDArray[np.float64]:
    """(n_events,) UTC seconds, ascending within a user, whole."""
    at = NEWEST_AT - shop.n_days * DAY * random.random(len(user))
    return np.floor(at[np.lexsort((at, user))])


def _words(n: int, random: np.random.Generator) -> NDArray[np.str_]:
    """(n,) different made-up words of two or three syllables."""
    syllables = np.array(SYLLABLES)
    found: dict[str, None] = {}
    while len(found) < n:
        drawn = syllables[random.integers(0, len(syllables), (2 * n, 3))]
        found.update(dict.fromkeys("".join(row) for row in drawn))
    return np.array(list(found)[:n])


def _catalogue(shop: Shop, cluster: IntArray, random: np.random.Generator) -> Catalogue:
    n = shop.n_items
    words = _words(30 * shop.n_clusters + 500, random)
    own, common = words[500:].reshape(shop.n_clusters, 30), words[:500]
    drawn = np.column_stack(
        (own[cluster[:, None], random.integers(0, 30, (n, 9))], common[random.integers(0, 500, n)])
    ).tolist()
    genre = np.column_stack((cluster // 4, random.integers(0, shop.n_clusters // 4 + 1, n))).astype(np.int32)
    genre.sort(axis=1)
    two = genre[:, 0] != genre[:, 1]
    kept = np.column_stack((np.ones(n, np.bool_), two))
    genres = (*(f"genre {name}" for name in own[::4, 0]), "genre other")
    brand = (cluster * 8 + random.integers(0, 8, n)).astype(np.int32)
    price = np.round(
        np.exp(2.5 + 1.5 * random.random(shop.n_clusters)[cluster] + random.normal(0, 0.4, n)), 2
    )
    return Catalogue(
        ids=Ids(f"i{code}" for code in range(n)),
        titles=tuple(f"{row[0]} {row[1]} {row[9]} {row[2]}".title() for row in drawn),
        texts=tuple(" ".join(row[3:9]) for row in drawn),
        words={
            "brand": Categories(
                tuple(f"{name}co" for name in own[:, :8].ravel()), np.arange(n + 1, dtype=np.int64), brand
            ),
            "genre": Categories(
                genres, np.concatenate(([0], np.cumsum(1 + two))).astype(np.int64), genre[kept]
            ),
        },
        numbers={"price": price},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="")
    args = parser.parse_args()
    start = time.perf_counter()
    data = synthetic(Shop(args.items, args.users, args.events), seed=args.seed)
    print(f"{data!r} in {time.perf_counter() - start:.1f} s")
    if args.save:
        data.save(args.save)


if __name__ == "__main__":
    main()
