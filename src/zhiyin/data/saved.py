"""A data set as a directory of Parquet files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Categories, Ids
from zhiyin.data.weights import KindWeights
from zhiyin.errors import DataError

if TYPE_CHECKING:
    from zhiyin.data.dataset import Dataset

__all__ = ["SavedSizes", "about_of", "dataset_of", "load_dataset", "save_dataset", "sizes_of", "tables_of"]

FORMAT = 1
TABLES = ("events", "items", "users")
EVENTS = ("user", "item", "kind", "value", "weight", "at")
TYPES = {
    "user": np.int32,
    "item": np.int32,
    "kind": np.int8,
    "value": np.float32,
    "weight": np.float32,
    "at": np.float64,
}


@dataclass(frozen=True, slots=True)
class SavedSizes:
    """What a saved data set holds."""

    n_events: int
    n_items: int
    n_users: int
    n_described: int
    """Items with a title, a text or an attribute."""
    n_known_users: int
    """Users with an attribute."""

    def __str__(self) -> str:
        described = f", {self.n_described:,} of them with a title or attributes" if self.n_described else ""
        return f"{self.n_events:,} events, {self.n_users:,} users, {self.n_items:,} items{described}"


def sizes_of(path: str | Path) -> SavedSizes | None:
    """Read without the events themselves; None where no whole data set is."""
    path = Path(path)
    try:
        read_about(path)
        events, items, users = (pl.scan_parquet(path / f"{name}.parquet", glob=False) for name in TABLES)
        n_events = int(events.select(pl.len()).collect().item())
        named = (pl.col("title") != pl.col("id")) | (pl.col("text") != "")
        n_items, n_described = (
            items.select(pl.len(), pl.any_horizontal(named, *_said(items)).sum()).collect().row(0)
        )
        n_users, n_known = (
            users.select(pl.len(), pl.any_horizontal(pl.lit(False), *_said(users)).sum()).collect().row(0)
        )
    except (DataError, OSError, pl.exceptions.PolarsError):
        return None
    return SavedSizes(n_events, n_items, n_users, n_described, n_known)


def _said(table: pl.LazyFrame) -> list[pl.Expr]:
    """Whether a row has any word, any number."""
    names = table.collect_schema().names()
    words = [pl.col(name).list.len().fill_null(0) > 0 for name in names if name.startswith("words.")]
    return words + [
        pl.col(name).is_not_nan().fill_null(False) for name in names if name.startswith("numbers.")
    ]


def save_dataset(data: Dataset, path: str | Path) -> None:
    """Write a directory beside `path`, then put it in its place: a reader sees the old or the new, whole.

    A directory that is there is replaced only when it is a saved data set (or empty).
    """
    path = Path(path)
    if path.exists() and not (path / "data.json").exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(
            "a new directory or a saved data set", value="something else", file=path, hint="choose another"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        write(data, fresh)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
            os.replace(path, old)
            os.replace(fresh, path)
            shutil.rmtree(old)
        else:
            os.replace(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write(data: Dataset, folder: Path) -> None:
    folder.chmod(0o755)
    for name, frame in tables_of(data).items():
        frame.write_parquet(folder / f"{name}.parquet")
    text = json.dumps(about_of(data), ensure_ascii=False, indent=1)
    (folder / "data.json").write_text(text, encoding="utf-8")


def tables_of(data: Dataset) -> dict[str, pl.DataFrame]:
    """The three tables of a data set: events, items, users."""
    columns: dict[str, Any] = {name: getattr(data, name) for name in EVENTS}
    columns |= {f"context.{name}": words.astype(str).tolist() for name, words in data.context.items()}
    things = data.items
    text = {"id": list(things.ids), "title": list(things.titles), "text": list(things.texts)}
    return {
        "events": pl.DataFrame(columns),
        "items": table(text, things.words, things.numbers),
        "users": table({"id": list(data.users)}, data.user_words, data.user_numbers),
    }


def about_of(data: Dataset) -> dict[str, Any]:
    """What the tables do not say, as JSON content."""
    return {
        "format": FORMAT,
        "name": data.name,
        "kind_weights": asdict(data.kind_weights),
        "vocabularies": {
            "items": {name: list(column.values) for name, column in data.items.words.items()},
            "users": {name: list(column.values) for name, column in data.user_words.items()},
        },
    }


def table(text: dict[str, list[str]], words: Any, numbers: Any) -> pl.DataFrame:
    """One row per item or user: text, word codes as lists, numbers."""
    columns: dict[str, pl.Series] = {
        name: pl.Series(column, dtype=pl.String) for name, column in text.items()
    }
    n = len(text["id"])
    for name, column in words.items():
        rows = pl.DataFrame({"row": np.repeat(np.arange(n), np.diff(column.indptr)), "code": column.codes})
        lists = rows.group_by("row", maintain_order=True).agg("code")
        every = pl.DataFrame({"row": np.arange(n)}).join(lists, on="row", how="left", maintain_order="left")
        columns[f"words.{name}"] = every["code"].cast(pl.List(pl.Int32))
    columns |= {f"numbers.{name}": pl.Series(column, dtype=pl.Float64) for name, column in numbers.items()}
    return pl.DataFrame(columns)


def load_dataset(path: str | Path) -> Dataset:
    """The data set that `save_dataset` wrote; anything damaged is refused with the file's name."""
    path = Path(path)
    about = read_about(path)
    tables = {name: parquet(path / f"{name}.parquet") for name in TABLES}
    return dataset_of(tables, about, path)


def dataset_of(tables: Mapping[str, pl.DataFrame], about: dict[str, Any], path: Path) -> Dataset:
    """The data set of `tables_of` and `about_of`; `path` is named in errors."""
    from zhiyin.data.dataset import Dataset

    try:
        events, items, users = (tables[name] for name in TABLES)
        ids = Ids(users["id"].to_list())
        words = about["vocabularies"]
        columns = {name: events[name].to_numpy().astype(kind) for name, kind in TYPES.items()}
        weights = about["kind_weights"] | {
            name: tuple(about["kind_weights"][name]) for name in ("rating_scale", "play_range")
        }
        catalogue = Catalogue(
            ids=Ids(items["id"].to_list()),
            titles=tuple(items["title"].to_list()),
            texts=tuple(items["text"].to_list()),
            words=words_of(items, words["items"]),
            numbers=numbers_of(items),
        )
        check_codes(columns, len(ids), len(catalogue))
        return Dataset(
            users=ids,
            items=catalogue,
            **columns,
            indptr=np.searchsorted(columns["user"], np.arange(len(ids) + 1)).astype(np.int64),
            context={
                name.removeprefix("context."): np.array(events[name].to_list(), np.str_)
                for name in events.columns
                if name.startswith("context.")
            },
            name=about["name"],
            user_words=words_of(users, words["users"]),
            user_numbers=numbers_of(users),
            kind_weights=KindWeights(**weights),
        )
    except (pl.exceptions.PolarsError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            "a data set saved by zhiyin", value=str(error), file=path, hint="save it again"
        ) from error


def check_codes(columns: dict[str, NDArray[Any]], n_users: int, n_items: int) -> None:
    user, item, kind = columns["user"], columns["item"], columns["kind"]
    if len(user) and (user.min() < 0 or user.max() >= n_users or (np.diff(user) < 0).any()):
        raise ValueError("user codes out of range or out of order")
    if len(item) and (item.min() < 0 or item.max() >= n_items or kind.min() < 0):
        raise ValueError("item codes out of range")


def read_about(path: Path) -> dict[str, Any]:
    file = path / "data.json"
    try:
        about: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        version = about["format"]
    except FileNotFoundError as error:
        raise DataError(
            "a saved data set", value="no data.json", file=path, hint="is the path right?"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("the description of a saved data set", value=str(error), file=file) from error
    if version != FORMAT:
        hint = "save it again with this version of zhiyin"
        raise DataError(f"a data set of format {FORMAT}", value=version, file=file, hint=hint)
    return about


def parquet(file: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(file, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).splitlines()[0]
        raise DataError(
            "a whole Parquet file", file=file, hint=f"it is missing or damaged ({said})"
        ) from error


def words_of(frame: pl.DataFrame, vocabularies: dict[str, list[str]]) -> dict[str, Categories]:
    found = {}
    for name, values in vocabularies.items():
        rows = frame[f"words.{name}"]
        lengths = rows.list.len().fill_null(0).to_numpy().astype(np.int64)
        codes = rows.list.explode(empty_as_null=False, keep_nulls=False).to_numpy().astype(np.int32)
        if len(codes) and (codes.min() < 0 or codes.max() >= len(values)):
            raise ValueError(f"a word of {name!r} is not in its vocabulary")
        found[name] = Categories(
            tuple(values), np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths))), codes
        )
    return found


def numbers_of(frame: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    names = [name for name in frame.columns if name.startswith("numbers.")]
    return {name.removeprefix("numbers."): frame[name].to_numpy().astype(np.float64) for name in names}
