"""Public data sets that were converted to one uniform Parquet form: the ground of every benchmark."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from zhiyin.data.catalogue import Ids
from zhiyin.data.columns import catalogue_of, dataset_of, number, word_columns
from zhiyin.data.dataset import Dataset
from zhiyin.data.titles import readable
from zhiyin.errors import ConfigError, DataError, nearest

__all__ = ["BENCH_SETS", "load_bench"]

VARIABLE = "ZHIYIN_DATA"


def load_bench(name: str, root: str | Path | None = None) -> Dataset:
    """One set of `BENCH_SETS` from the folder `root` (default: $ZHIYIN_DATA); rows keep the file's order.

    These sets are licensed for research and are no part of zhiyin: the folder has to be there.
    """
    if name not in BENCH_SETS:
        raise ConfigError(f"no benchmark set is called {name!r}: {nearest(name, BENCH_SETS)}")
    root = root or os.environ.get(VARIABLE)
    if not root:
        raise DataError("a folder with benchmark sets", hint=f"set {VARIABLE} to it, or pass root=")
    folder = Path(root) / name
    if not folder.is_dir():
        raise DataError(f"the set {name!r} as a folder", file=folder, hint=f"is {VARIABLE} right?")
    return BENCH_SETS[name](folder)


def read(folder: Path, table: str) -> pl.DataFrame:
    path = folder / f"{table}.parquet"
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError("a readable Parquet file", file=path, hint=str(error).splitlines()[0]) from error


def ordered(folder: Path) -> pl.DataFrame:
    return read(folder, "interactions").sort("order", maintain_order=True)


def ml_100k(folder: Path) -> Dataset:
    items = read(folder, "items").with_columns(
        year=pl.col("release_year").cast(pl.Float64, strict=False).fill_null(float("nan")),
        title=readable(pl.col("title").str.replace("^unkonwn$", "unknown"))
        + pl.when(pl.col("release_year").str.contains(r"^\d{4}$"))
        .then(pl.format(" ({})", "release_year"))
        .otherwise(pl.lit("")),
    )
    people = read(folder, "users")
    return dataset_of(
        read(folder, "interactions"),
        catalogue_of(items, title="title", words={"genres": " "}, numbers=["year"]),
        kind="rating",
        users=Ids(people["user"].to_list()),
        user_words=word_columns(people, {"gender": None, "occupation": None}),
        user_numbers={"age": number(people["age"])},
        name=folder.name,
    )


def ml_1m(folder: Path) -> Dataset:
    items = read(folder, "items").with_columns(
        title=readable(pl.col("title")), year=pl.col("title").str.extract(r"\((\d{4})\)$")
    )
    catalogue = catalogue_of(items, title="title", words={"genres": " "}, numbers=["year"])
    return dataset_of(ordered(folder), catalogue, kind="rating", name=folder.name)


def amazon_beauty(folder: Path) -> Dataset:
    items = read(folder, "items").rename({"category_ids": "categories"})
    catalogue = catalogue_of(items, title="text", words={"categories": None})
    return dataset_of(ordered(folder), catalogue, kind="review", name=folder.name)


def amazon_games(folder: Path) -> Dataset:
    return dataset_of(
        ordered(folder), catalogue_of(read(folder, "items"), title="title"), kind="review", name=folder.name
    )


def mind_news(folder: Path) -> Dataset:
    """Train, then test; the context `part` says which (see `MarkedSplit`)."""
    parts = [read(folder, part).with_columns(part=pl.lit(part)) for part in ("train", "test")]
    words: dict[str, str | None] = {"category": None, "subcategory": None}
    catalogue = catalogue_of(read(folder, "items"), title="title", text="abstract", words=words)
    return dataset_of(pl.concat(parts), catalogue, kind="click", context=["part"], name=folder.name)


def foursquare(folder: Path) -> Dataset:
    events = read(folder, "interactions").with_columns(at=pl.col("minute") * 60.0)
    catalogue = catalogue_of(read(folder, "items"), numbers=["lat", "lon"])
    return dataset_of(events, catalogue, kind="view", name=folder.name)


def douban(folder: Path) -> Dataset:
    words: dict[str, str | None] = dict.fromkeys(("genres", "tags", "actors", "directors", "regions"), "/")
    catalogue = catalogue_of(
        read(folder, "items"), title="title", text="storyline", words=words, numbers=["year"]
    )
    events = read(folder, "interactions").with_columns(pl.col("at").str.to_datetime("%Y-%m-%d %H:%M:%S"))
    return dataset_of(events, catalogue, kind="rating", name=folder.name)


def frappe(folder: Path) -> Dataset:
    unknown = pl.when(pl.col(pl.String) == "unknown").then(None).otherwise(pl.col(pl.String)).name.keep()
    items = read(folder, "items").with_columns(unknown)
    items = items.with_columns(text=pl.coalesce("description", "short desc"))
    words: dict[str, str | None] = dict.fromkeys(("category", "language", "developer"))
    catalogue = catalogue_of(items, title="title", text="text", words=words, numbers=["rating"])
    events = read(folder, "interactions").rename({"cnt": "value"}).with_columns(unknown)
    context = [name for name in events.columns if name not in {"user", "item", "value"}]
    return dataset_of(events, catalogue, kind="click", context=context, name=folder.name)


def lastfm(folder: Path) -> Dataset:
    """Artists; the tags that people gave most often (at most ten each) are words, sound is numbers."""
    items = read(folder, "items")
    tags = (
        read(folder, "tags")
        .group_by("item", "tag", maintain_order=True)
        .len()
        .sort("len", descending=True, maintain_order=True)
        .group_by("item", maintain_order=True)
        .agg(pl.col("tag").head(10).alias("tags"))
    )
    items = items.join(tags, on="item", how="left", maintain_order="left")
    skip = {"item", "title", "tags", "key", "mode", "count"}
    catalogue = catalogue_of(
        items,
        title="title",
        words={"tags": None},
        numbers=[name for name in items.columns if name not in skip],
    )
    events = read(folder, "interactions").rename({"plays": "value"})
    return dataset_of(events, catalogue, kind="play", name=folder.name)


def filmtrust(folder: Path) -> Dataset:
    return dataset_of(read(folder, "interactions"), kind="rating", name=folder.name)


BENCH_SETS: dict[str, Callable[[Path], Dataset]] = {
    "ml-100k": ml_100k,
    "ml-1m": ml_1m,
    "amazon-beauty": amazon_beauty,
    "amazon-games": amazon_games,
    "mind-news": mind_news,
    "foursquare-nyc": foursquare,
    "douban-zh": douban,
    "frappe": frappe,
    "lastfm": lastfm,
    "filmtrust": filmtrust,
}
"""Name of each set that `load_bench` can read, and its reader."""
