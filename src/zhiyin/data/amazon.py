"""Amazon reviews: JSON Lines (also .gz) of 2014, 2018 and 2023, with or without the file of products."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.columns import catalogue_of
from zhiyin.data.dataset import Dataset
from zhiyin.data.importing import import_events
from zhiyin.data.tables import Table, read_table
from zhiyin.errors import DataError

__all__ = ["load_amazon"]

FIELDS: tuple[Mapping[str, str], ...] = (
    {"user": "reviewerID", "item": "asin", "value": "overall", "at": "unixReviewTime"},
    {"user": "user_id", "item": "parent_asin", "value": "rating", "at": "timestamp"},
    {"user": "user_id", "item": "asin", "value": "rating", "at": "timestamp"},
)
"""Of 2014 and 2018, of 2023, and of 2023's rating-only files with older product ids."""


def load_amazon(
    reviews: str | Path, products: str | Path | None = None, *, name: str | None = None
) -> Dataset:
    """Reviews as interactions with their stars; of `products`, those that were reviewed become the catalogue.

    The products of 2014 are Python literals, not JSON: they are refused, as reading them would run code.
    """
    table = read_table(reviews)
    found = next((fields for fields in FIELDS if set(fields.values()) <= set(table.frame.columns)), None)
    if found is None:
        expected = (
            "the fields of Amazon reviews (reviewerID, asin, overall, unixReviewTime, or those of 2023)"
        )
        raise DataError(expected, value=table.frame.columns, file=table.path, row=table.first_row)
    items = None
    if products is not None:
        items = products_of(read_table(products), table.frame[found["item"]])
    mapping = {**dict.fromkeys(("kind", "id", "order", "session", "place", "device", "duration")), **found}
    return import_events(reviews, mapping=mapping, items=items, kind="review", name=name).dataset


def products_of(table: Table, reviewed: pl.Series) -> Catalogue:
    """The reviewed products: title, description with features, brand, categories, price."""
    frame = table.frame
    item = next((column for column in ("parent_asin", "asin") if column in frame.columns), None)
    if item is None:
        raise DataError(
            "a column asin or parent_asin", value=frame.columns, file=table.path, row=table.first_row
        )
    frame = frame.filter(pl.col(item).is_in(reviewed.unique().implode())).unique(
        item, keep="last", maintain_order=True
    )
    has = frame.columns
    texts = [
        flat(frame, column, " ").alias(column) for column in ("description", "features") if column in has
    ]
    brand = next((column for column in ("brand", "store") if column in has), None)
    kinds = next((column for column in ("categories", "category") if column in has), None)
    words: dict[str, str | None] = {}
    columns = [
        pl.col(item).alias("item"),
        pl.concat_str(pl.lit(""), *texts, separator=" ", ignore_nulls=True).alias("text"),
    ]
    if "title" in has:
        columns.append(pl.col("title"))
    if brand:
        words["brand"] = None
        columns.append(pl.col(brand).cast(pl.String).alias("brand"))
    if kinds:
        words["categories"] = "\x1f"
        columns.append(flat(frame, kinds, "\x1f").alias("categories"))
    if "price" in has:
        columns.append(pl.col("price").cast(pl.String).str.extract(r"(\d+(?:\.\d+)?)").alias("price"))
    return catalogue_of(
        frame.select(columns),
        title="title" if "title" in has else None,
        text="text",
        words=words,
        numbers=["price"] if "price" in has else [],
    )


def flat(frame: pl.DataFrame, column: str, separator: str) -> pl.Expr:
    """A cell of text, of a list, or of a list of lists, as one text."""
    kind = frame.schema[column]
    cell = pl.col(column)
    while isinstance(kind, pl.List):
        if isinstance(kind.inner, pl.List):
            cell, kind = cell.list.eval(pl.element().list.join(separator)), pl.List(pl.String)
        else:
            cell, kind = cell.cast(pl.List(pl.String)).list.join(separator, ignore_nulls=True), pl.String()
    return cell.cast(pl.String)
