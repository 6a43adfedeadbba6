"""MIND, the news data of Microsoft: who clicked which article, and what was shown with it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.columns import catalogue_of, dataset_of
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError

__all__ = ["load_mind", "read_impressions"]

BEHAVIOURS = ("impression", "user", "at", "history", "shown")
NEWS = ("item", "category", "subcategory", "title", "abstract")
CLOCK = "%m/%d/%Y %I:%M:%S %p"


def load_mind(folder: str | Path, test: str | Path | None = None, *, name: str = "mind") -> Dataset:
    """Clicks on articles. With the folder of a later day as `test`, the context `part` says which is which.

    What a user had clicked before the file begins has no time of its own: it takes the time of the user's
    first impression and stands before it. The context `impression` leads from a click back to its slate.
    """
    parts = {"train": Path(folder)} | ({"test": Path(test)} if test is not None else {})
    clicks = pl.concat([clicks_of(path, part) for part, path in parts.items()])
    earlier = pl.col("impression") == ""
    known = pl.struct("user", "item").is_first_distinct()
    clicks = clicks.filter(~earlier | known).sort("at", maintain_order=True)
    context = ["impression", *(["part"] if test is not None else [])]
    return dataset_of(clicks, news_of(list(parts.values())), kind="click", context=context, name=name)


def read_impressions(folder: str | Path) -> pl.DataFrame:
    """Every article of every slate, in order: `impression`, `user`, `at` (seconds), `item`, `clicked`."""
    shown = behaviours(Path(folder)).with_columns(pl.col("shown").str.split(" ")).explode("shown")
    shown = shown.filter(pl.col("shown").fill_null("") != "")
    return shown.select(
        "impression",
        "user",
        "at",
        item=pl.col("shown").str.replace(r"-[01]$", ""),
        clicked=pl.col("shown").str.ends_with("-1"),
    )


def clicks_of(folder: Path, part: str) -> pl.DataFrame:
    """The history of each user before the first impression, then the clicks."""
    past = behaviours(folder).unique("user", keep="first", maintain_order=True)
    past = past.with_columns(pl.col("history").str.split(" ")).explode("history")
    past = past.filter(pl.col("history").fill_null("") != "")
    before = past.select(
        pl.lit("").alias("impression"), "user", "at", pl.col("history").alias("item"), part=pl.lit("train")
    )
    clicked = read_impressions(folder).filter("clicked").drop("clicked").with_columns(part=pl.lit(part))
    return pl.concat([before, clicked])


def behaviours(folder: Path) -> pl.DataFrame:
    frame = tsv(folder / "behaviors.tsv", BEHAVIOURS)
    when = frame["at"].str.strip_chars().str.to_datetime(CLOCK, strict=False, time_unit="us")
    if when.null_count():
        row = int(when.is_null().arg_max() or 0)
        raise DataError(
            "a time such as 11/15/2019 8:36:57 AM",
            value=frame["at"][row],
            file=folder / "behaviors.tsv",
            row=row + 1,
            column="at",
        )
    return frame.with_columns(at=when.dt.epoch("us") / 1e6).sort("at", maintain_order=True)


def news_of(folders: list[Path]) -> Catalogue:
    news = pl.concat([tsv(folder / "news.tsv", NEWS) for folder in folders])
    news = news.unique("item", keep="last", maintain_order=True)
    return catalogue_of(news, title="title", text="abstract", words={"category": None, "subcategory": None})


def tsv(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """The first columns of a file of tab-separated values without a header."""
    try:
        frame = pl.read_csv(
            path, separator="\t", has_header=False, quote_char=None, infer_schema=False, glob=False
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError("a readable file of MIND", value=str(error).splitlines()[0], file=path) from error
    if frame.width < len(columns):
        raise DataError(f"{len(columns)} columns ({', '.join(columns)})", value=frame.width, file=path, row=1)
    return frame.select(pl.nth(place).alias(name) for place, name in enumerate(columns))
