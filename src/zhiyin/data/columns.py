"""From Polars columns to coded arrays, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Categories, Ids
from zhiyin.data.dataset import Dataset
from zhiyin.data.weights import KindWeights
from zhiyin.types import KINDS, IntArray

__all__ = ["catalogue_of", "categories_of", "codes_of", "dataset_of", "encode", "word_columns"]


def encode(names: pl.Series) -> tuple[Ids, IntArray]:
    """The names in order of first appearance, and the code of every row; nulls get -1."""
    ids = names.drop_nulls().unique(maintain_order=True)
    return Ids(ids.to_list()), codes_of(names, ids)


def codes_of(names: pl.Series, known: pl.Series | Sequence[str]) -> IntArray:
    """The position of each name among `known`, -1 where it is not there."""
    table = pl.DataFrame({"name": pl.Series(known, dtype=pl.String)}).with_row_index("code")
    rows = pl.DataFrame({"name": names.cast(pl.String)})
    found = rows.join(table, on="name", how="left", maintain_order="left")["code"]
    return found.cast(pl.Int32).fill_null(-1).to_numpy().astype(np.int32)


def categories_of(words: pl.Series) -> Categories:
    """From a column of lists of words; null and "" are no word."""
    rows = words.cast(pl.List(pl.String)).list.eval(pl.element().filter(pl.element().fill_null("") != ""))
    lengths = rows.list.len().fill_null(0).to_numpy().astype(np.int64)
    values, codes = encode(rows.list.explode(empty_as_null=False, keep_nulls=False))
    return Categories(tuple(values), np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths))), codes)


def word_columns(frame: pl.DataFrame, words: Mapping[str, str | None]) -> dict[str, Categories]:
    """Word attributes of a table: column -> its separator, None for one word (or a list column)."""
    found = {}
    for name, separator in words.items():
        column = frame[name]
        if isinstance(column.dtype, pl.List):
            column = column.cast(pl.List(pl.String)).list.eval(pl.element().str.strip_chars())
        elif separator is None:
            column = column.cast(pl.String).str.strip_chars().reshape((-1, 1)).arr.to_list()
        else:
            column = column.cast(pl.String).str.split(separator).list.eval(pl.element().str.strip_chars())
        found[name] = categories_of(column)
    return found


def catalogue_of(
    frame: pl.DataFrame,
    *,
    item: str = "item",
    title: str | None = None,
    text: str | None = None,
    words: Mapping[str, str | None] | None = None,
    numbers: Sequence[str] = (),
) -> Catalogue:
    """A catalogue with one item per row, in the table's order; a missing title is the id."""
    ids = frame[item].cast(pl.String)
    blank = pl.Series([""] * len(frame), dtype=pl.String)
    titles = frame[title].cast(pl.String).str.strip_chars() if title else blank
    titles = pl.select(pl.when(titles.fill_null("") == "").then(ids).otherwise(titles)).to_series()
    texts = frame[text].cast(pl.String).fill_null("").str.strip_chars() if text else blank
    return Catalogue(
        ids=Ids(ids.to_list()),
        titles=tuple(titles.to_list()),
        texts=tuple(texts.to_list()),
        words=word_columns(frame, words or {}),
        numbers={name: number(frame[name]) for name in numbers},
    )


def number(column: pl.Series) -> NDArray[np.float64]:
    """(n,) numbers; what is not one becomes NaN."""
    return column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().astype(np.float64)


def seconds(column: pl.Series) -> NDArray[np.float64]:
    """(n,) UTC seconds of a column of datetimes, or of numbers that are seconds already."""
    if isinstance(column.dtype, pl.Datetime):
        return number(column.dt.epoch("us")) / 1e6
    return number(column)


def dataset_of(
    events: pl.DataFrame,
    items: Catalogue | None = None,
    *,
    kind: str = "click",
    context: Sequence[str] = (),
    weights: KindWeights | None = None,
    user_words: Mapping[str, Categories] | None = None,
    user_numbers: Mapping[str, NDArray[np.float64]] | None = None,
    users: Ids | None = None,
    name: str = "data",
) -> Dataset:
    """From a clean table with `user`, `item` and perhaps `kind`, `value`, `at` (seconds or datetimes).

    Items that only the events name get a bare entry after those of the catalogue.
    """
    if users is None:
        users, user = encode(events["user"])
    else:
        user = codes_of(events["user"], list(users))
    items = with_bare(items, events["item"])
    n = len(events)
    kinds = codes_of(events["kind"], KINDS) if "kind" in events.columns else np.full(n, KINDS.index(kind))
    return Dataset.build(
        users=users,
        items=items,
        user=user,
        item=codes_of(events["item"], list(items.ids)),
        kind=kinds.astype(np.int8),
        value=(number(events["value"]) if "value" in events.columns else np.full(n, np.nan)).astype(
            np.float32
        ),
        at=seconds(events["at"]) if "at" in events.columns else np.full(n, np.nan),
        context={name: words_of(events[name]) for name in context},
        weights=weights,
        user_words=user_words,
        user_numbers=user_numbers,
        name=name,
    )


def words_of(column: pl.Series) -> NDArray[np.str_]:
    """(n,) words; null is ""."""
    names, codes = encode(column.cast(pl.String).fill_null(""))
    words: NDArray[np.str_] = np.array([*names, ""], np.str_)[codes]
    return words


def with_bare(items: Catalogue | None, named: pl.Series) -> Catalogue:
    """The catalogue, with an entry without any attribute for every item that it does not know."""
    if items is None:
        ids = named.unique(maintain_order=True).to_list()
        return Catalogue(Ids(ids), tuple(ids), ("",) * len(ids))
    known = pl.Series(list(items.ids), dtype=pl.String)
    new = named.unique(maintain_order=True)
    new = new.filter(~new.is_in(known.implode()))
    if not len(new):
        return items
    names = tuple(new.to_list())
    return Catalogue(
        ids=Ids((*items.ids, *names)),
        titles=(*items.titles, *names),
        texts=(*items.texts, *("",) * len(names)),
        words={key: longer(column, len(names)) for key, column in items.words.items()},
        numbers={
            key: np.append(column, np.full(len(names), np.nan)) for key, column in items.numbers.items()
        },
    )


def longer(column: Categories, n: int) -> Categories:
    """A word attribute for `n` further rows without a word."""
    indptr = np.append(column.indptr, np.full(n, column.indptr[-1]))
    return Categories(column.values, indptr, column.codes)
