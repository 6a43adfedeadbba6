"""What shown-but-not-clicked items teach: clicks alone against clicks and the impressions without one.

    python bench/bench_shown.py [--seeds 5]

The Open Bandit log: 10,000 impressions each of a shop's men's and women's items under a Thompson policy, from
which is learnt, and as many under a uniform policy, which test: there every item is shown as often to
everybody, so no policy hides what is not liked. The figure is the chance that an impression with a click
scores above one without (AUC over the impressions of one campaign, mean of both), with the interval of a
bootstrap over impressions. Rows:

- clicks: of each item, how often it was clicked
- clicks per impression: the same as `Counters.rate`, drawn towards the mean of all items
- network, random negatives: a `CrossRanker` over who asks and what the item is; behind each click others of
  the shop's items, shown or not
- network, shown negatives: the same behind each click with impressions without one
- both networks also with the rate of the item, taken from the other days

The set comes from $ZHIYIN_DATA.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from zhiyin.rank import CrossRanker
from zhiyin.rank.counters import Counters
from zhiyin.rank.rows import Rows

N_NEGATIVES = 40
CAMPAIGNS = ("men", "women")
Array = NDArray[Any]


@dataclass(frozen=True)
class Log:
    """Impressions of one campaign under one policy, by time."""

    item: NDArray[np.int32]
    click: NDArray[np.bool_]
    day: NDArray[np.int64]
    user: NDArray[np.float32]
    """(n, f) who asks, as ones and zeros."""
    affinity: NDArray[np.float32]
    """(n, items) what the shop knows of this user and each item."""
    about: NDArray[np.float32]
    """(items, g) what an item is."""

    def rows(self, which: NDArray[np.intp], items: NDArray[np.int32], rate: Array | None) -> Array:
        """(m, f) inputs of a ranker: these impressions, as if `items` had been shown."""
        liked = self.affinity[which]
        near = np.take_along_axis(liked, items[:, None], axis=1)
        parts = [near, liked.sum(axis=1, keepdims=True), self.about[items], self.user[which]]
        if rate is not None:
            parts.append(rate[self.day[which], items][:, None])
        return np.hstack(parts).astype(np.float32)


def read(folder: Path, policy: str, campaign: str, levels: Mapping[str, list[str]]) -> Log:
    table = pl.read_parquet(folder / f"{policy}_{campaign}.parquet").sort("timestamp")
    items = pl.read_parquet(folder / f"{policy}_{campaign}_items.parquet").sort("item_id")
    n = len(items)
    user = [one_hot(table[name], known) for name, known in levels.items()]
    words = [name for name in items.columns if items[name].dtype == pl.String]
    about = [items["item_feature_0"].to_numpy()[:, None]]
    about += [one_hot(items[name], sorted(items[name].unique())) for name in words]
    days = table["timestamp"].str.slice(0, 10)
    return Log(
        table["item_id"].to_numpy().astype(np.int32),
        table["click"].to_numpy() > 0,
        days.rank("dense").to_numpy().astype(np.int64) - 1,
        np.hstack(user).astype(np.float32),
        table.select([f"user-item_affinity_{place}" for place in range(n)]).to_numpy().astype(np.float32),
        np.hstack(about).astype(np.float32),
    )


def one_hot(words: pl.Series, known: list[str]) -> Array:
    return np.stack([(words == word).to_numpy() for word in known], axis=1).astype(np.float32)


def rates(log: Log) -> Array:
    """(days, items) the rate of each item, from all days but one."""
    everything = np.arange(len(log.about), dtype=np.int32)
    return np.stack([counted(log, log.day != day).rate(everything) for day in range(log.day.max() + 1)])


def counted(log: Log, which: NDArray[np.bool_]) -> Counters:
    counters = Counters()
    counters.shown(log.item[which])
    counters.clicked(log.item[which & log.click])
    return counters


def lessons(log: Log, *, shown: bool, rate: Array | None, rng: np.random.Generator) -> tuple[Array, int]:
    """Per click one row that is right and N_NEGATIVES that are not, and how many clicks there are."""
    clicks, others = np.flatnonzero(log.click), np.flatnonzero(~log.click)
    blocks = []
    for click in clicks:
        right = log.rows(np.array([click]), log.item[[click]], rate)
        if shown:
            drawn = rng.choice(others, N_NEGATIVES, replace=False)
            wrong = log.rows(drawn, log.item[drawn], rate)
        else:
            pool = np.setdiff1d(np.arange(len(log.about)), log.item[click]).astype(np.int32)
            drawn = rng.choice(pool, N_NEGATIVES, replace=len(pool) < N_NEGATIVES)
            wrong = log.rows(np.full(N_NEGATIVES, click), drawn, rate)
        blocks.append(np.vstack([right, wrong]))
    return np.concatenate(blocks), len(clicks)


def network(fit: Log, test: Log, *, shown: bool, with_rate: bool, seeds: int) -> NDArray[np.float64]:
    """(n,) scores of the test impressions, mean over the seeds."""
    everything = np.arange(len(fit.about), dtype=np.int32)
    learnt = rates(fit) if with_rate else None
    final = None
    if with_rate:
        whole = counted(fit, np.ones(len(fit.item), np.bool_)).rate(everything)
        final = np.tile(whole, (test.day.max() + 1, 1))
    total = np.zeros(len(test.item))
    for seed in range(seeds):
        values, n = lessons(fit, shown=shown, rate=learnt, rng=np.random.default_rng(seed))
        label = np.tile(np.r_[1, np.zeros(N_NEGATIVES)], n).astype(np.int8)
        names = tuple(f"x{place}" for place in range(values.shape[1]))
        rows = Rows(values, names, label, np.full(n, 1 + N_NEGATIVES), n)
        ranker = CrossRanker(features=[]).fit_rows(rows, seed=seed)
        scores = ranker.score_rows(test.rows(np.arange(len(test.item)), test.item, final))
        total += (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    return total / seeds


def scores(fit: Log, test: Log, seeds: int) -> dict[str, NDArray[np.float64]]:
    whole = counted(fit, np.ones(len(fit.item), np.bool_))
    found = {
        "clicks": np.bincount(fit.item[fit.click], minlength=len(fit.about))[test.item].astype(float),
        "clicks per impression": whole.rate(test.item),
    }
    for with_rate in (False, True):
        for shown in (False, True):
            name = f"network, {'shown' if shown else 'random'} negatives{', rate' if with_rate else ''}"
            found[name] = network(fit, test, shown=shown, with_rate=with_rate, seeds=seeds)
    return found


def auc(score: Array, click: NDArray[np.bool_]) -> float:
    """Chance that a clicked impression scores above another; a tie is half right (Mann and Whitney, 1947)."""
    n = int(click.sum())
    above = rankdata(score)[click].sum() - n * (n + 1) / 2
    return float(above / (n * (len(click) - n)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=2000)
    args = parser.parse_args()
    folder = Path(os.environ.get("ZHIYIN_DATA", "")) / "open-bandit"
    if not folder.is_dir():
        sys.exit("skipped: set ZHIYIN_DATA to the folder with open-bandit")
    tables = [pl.read_parquet(folder / f"{p}_{c}.parquet") for p in ("bts", "random") for c in CAMPAIGNS]
    columns = [name for name in tables[0].columns if name.startswith("user_feature")]
    levels = {name: sorted(set().union(*(table[name].unique() for table in tables))) for name in columns}
    found, clicked = [], []
    for campaign in CAMPAIGNS:
        fit, test = (read(folder, policy, campaign, levels) for policy in ("bts", "random"))
        print(f"{campaign}: {fit.click.sum()} clicks to learn from, {test.click.sum()} to tell apart")
        found.append(scores(fit, test, args.seeds))
        clicked.append(test.click)
    rng = np.random.default_rng(0)
    draws = [[rng.integers(0, len(y), len(y)) for y in clicked] for _ in range(args.samples)]

    def figure(name: str, take: list[Any]) -> float:
        pairs = zip(found, clicked, take, strict=True)
        return float(np.mean([auc(each[name][at], y[at]) for each, y, at in pairs]))

    everything = [slice(None)] * len(clicked)
    sampled = {name: np.array([figure(name, draw) for draw in draws]) for name in found[0]}
    for name in found[0]:
        low, high = np.percentile(sampled[name], (2.5, 97.5))
        print(f"{name:<40} AUC {figure(name, everything):.3f} [{low:.3f}, {high:.3f}]")
    pairs = [("clicks per impression", "clicks")]
    pairs += [(f"network, shown negatives{end}", f"network, random negatives{end}") for end in ("", ", rate")]
    for better, worse in pairs:
        low, high = np.percentile(sampled[better] - sampled[worse], (2.5, 97.5))
        gap = figure(better, everything) - figure(worse, everything)
        print(f"{better} - {worse}: {gap:+.3f} [{low:+.3f}, {high:+.3f}]")


if __name__ == "__main__":
    main()
