"""MovieLens: 100K fetched or from one's own copy, 1M and the newer CSV folders from one's own copy.

ML-100K may be used for research but not passed on, so it is no part of zhiyin. Its files lie inside the
wheel of the package `recbole` (an archive is read, nothing of it is installed or run); GroupLens' own
archive gives the same data set, up to the spelling of a few titles.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from zhiyin.data.catalogue import Catalogue, Ids
from zhiyin.data.columns import catalogue_of, dataset_of, number, word_columns
from zhiyin.data.dataset import Dataset
from zhiyin.data.titles import readable
from zhiyin.errors import DataError, FetchError

__all__ = ["cache_directory", "fetch_movielens", "load_movielens"]

PACKAGE = "recbole==1.2.1"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
INSIDE = "recbole/dataset_example/ml-100k/"
FILES = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""The flags of u.item, in the order of u.genre."""
LARGEST = 1 << 28
"""Bytes of one member of an archive; MovieLens files of this kind are smaller."""
OWN_COPY = "or give a copy of your own: load_movielens('ml-100k.zip')"


def cache_directory() -> Path:
    """Where fetched files stay: $ZHIYIN_CACHE, else ~/.cache/zhiyin."""
    return Path(os.environ.get("ZHIYIN_CACHE") or Path.home() / ".cache" / "zhiyin")


def fetch_movielens(cache_dir: str | Path | None = None, *, timeout_s: float = 300.0) -> Path:
    """The folder with the three files of ML-100K; downloaded once through pip, checked by hash, then cached.

    pip brings the reader's own settings: index, mirror, proxy. A `FetchError` says what failed.
    """
    cache = Path(cache_dir) if cache_dir is not None else cache_directory()
    folder = cache / "ml-100k"
    if all(
        (folder / name).is_file() and sha256((folder / name).read_bytes()) == want
        for name, want in FILES.items()
    ):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".ml-100k.", dir=cache) as scratch:
            extract(download(Path(scratch), timeout_s), folder)
    except OSError as error:
        raise FetchError(
            f"ML-100K cannot be cached in {cache} ({error}): set ZHIYIN_CACHE to a folder of yours"
        ) from error
    return folder


def download(scratch: Path, timeout_s: float) -> Path:
    """The wheel, as pip brings it, if it is the one that was expected."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(
            f"pip could not be run to fetch {PACKAGE} ({error}): try again, {OWN_COPY}"
        ) from error
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = (done.stderr.strip() or "no wheel came").splitlines()[-1]
        raise FetchError(
            f"pip could not fetch {PACKAGE} ({said}): check the network and pip's index, {OWN_COPY}"
        )
    name, found = wheels[0].name, sha256(wheels[0].read_bytes())
    if found != WHEEL_SHA256:
        raise FetchError(
            f"{name} has SHA-256 {found}, expected {WHEEL_SHA256}: not the file meant, {OWN_COPY}"
        )
    return wheels[0]


def extract(wheel: Path, folder: Path) -> None:
    """Write each needed member beside its place, then move it there: no reader sees half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name, want in FILES.items():
            content = archive.read(INSIDE + name)
            if sha256(content) != want:
                raise FetchError(
                    f"{name} in {wheel.name} has SHA-256 {sha256(content)}, expected {want}: {OWN_COPY}"
                )
            with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.", delete=False) as file:
                file.write(content)
            os.replace(file.name, folder / name)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load_movielens(path: str | Path | None = None) -> Dataset:
    """A MovieLens data set: ratings in the file's order for equal times, titles as people say them.

    `path` is a folder or a .zip of GroupLens (ml-100k with u.data, ml-1m with ratings.dat, newer ones with
    ratings.csv), or a folder with RecBole's files; None fetches ML-100K.
    """
    source = Source(Path(path) if path is not None else fetch_movielens())
    if source.has("u.data"):
        return grouplens_100k(source)
    if source.has("ml-100k.inter"):
        return recbole_100k(source)
    if source.has("ratings.dat"):
        return grouplens_1m(source)
    if source.has("ratings.csv"):
        return grouplens_csv(source)
    wanted = "u.data, ml-100k.inter, ratings.dat or ratings.csv"
    raise DataError("a folder or .zip of MovieLens", value=f"none of {wanted} in it", file=source.path)


class Source:
    """The files of a folder or of an archive, one level down too, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive: zipfile.ZipFile | None = None
        if path.is_dir():
            found = (*path.glob("*/*"), *path.glob("*"))
            self.names = {file.name: str(file) for file in found if file.is_file()}
        elif path.is_file():
            try:
                self.archive = zipfile.ZipFile(path)
            except (OSError, zipfile.BadZipFile) as error:
                raise DataError(
                    "a folder or a whole .zip of MovieLens", value=str(error), file=path
                ) from error
            self.names = {name.rsplit("/", 1)[-1]: name for name in self.archive.namelist()}
        else:
            hint = "leave the path out to have ML-100K fetched"
            raise DataError("a folder or .zip of MovieLens", value="nothing", file=path, hint=hint)

    def has(self, name: str) -> bool:
        return name in self.names

    def read(self, name: str) -> bytes:
        """The content of a file, as UTF-8."""
        if name not in self.names:
            raise DataError(
                f"the file {name} beside the others", value=sorted(self.names)[:10], file=self.path
            )
        if self.archive is None:
            content = Path(self.names[name]).read_bytes()
        else:
            if self.archive.getinfo(self.names[name]).file_size > LARGEST:
                raise DataError(
                    f"at most {LARGEST:,} bytes", value=name, file=self.path, hint="unpack the archive"
                )
            try:
                content = self.archive.read(self.names[name])
            except (zipfile.BadZipFile, OSError, EOFError) as error:
                raise DataError(f"a whole member {name}", value=str(error), file=self.path) from error
        try:
            return content.decode("utf-8").encode()
        except UnicodeDecodeError:  # GroupLens' older files are Latin-1
            return content.decode("latin-1").encode()

    def table(
        self, name: str, columns: Sequence[str], separator: str, *, header: bool = False
    ) -> pl.DataFrame:
        """A file's columns as text."""
        content = self.read(name)
        if separator == "::":
            content, separator = content.replace(b"::", b"\x1f"), "\x1f"
        try:
            quote = '"' if separator == "," else None
            frame = pl.read_csv(
                content, has_header=header, separator=separator, quote_char=quote, infer_schema=False
            )
        except pl.exceptions.PolarsError as error:
            raise DataError(f"rows of {name}", value=str(error).splitlines()[0], file=self.path) from error
        if frame.width < len(columns):
            expected = f"{len(columns)} fields ({', '.join(columns)}) in {name}"
            raise DataError(expected, value=frame.width, file=self.path, row=1)
        return frame.rename(dict(zip(frame.columns, columns)))


def ratings(source: Source, name: str, separator: str, *, header: bool = False) -> pl.DataFrame:
    """`user`, `item`, `value`, `at`; a cell that is no number stops the import."""
    frame = source.table(name, ("user", "item", "value", "at"), separator, header=header)
    for column in ("value", "at"):
        numbers = frame[column].cast(pl.Float64, strict=False)
        if numbers.null_count():
            row = int(numbers.is_null().arg_max() or 0)
            raise DataError(
                "a number",
                value=frame[column][row],
                file=f"{source.path}/{name}",
                row=row + 1 + header,
                column=column,
            )
        frame = frame.with_columns(numbers.alias(column))
    return frame


def recbole_100k(source: Source) -> Dataset:
    items = source.table("ml-100k.item", ("item", "title", "year", "genres"), "\t", header=True)
    year = pl.col("year").str.extract(r"^(\d{4})$")
    spelt = pl.col("title").str.replace("^unkonwn$", "unknown")
    items = items.with_columns(
        title=readable(spelt) + pl.when(year.is_null()).then(pl.lit("")).otherwise(pl.format(" ({})", year)),
        year=year,
    )
    people = source.table("ml-100k.user", ("user", "age", "gender", "occupation"), "\t", header=True)
    return rated(ratings(source, "ml-100k.inter", "\t", header=True), films(items, " "), people, "ml-100k")


def grouplens_100k(source: Source) -> Dataset:
    items = source.table("u.item", ("item", "title", "date", "video", "address", *GENRES), "|")
    flags = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES]
    items = items.select(
        "item",
        title=readable(pl.col("title")),
        year=pl.col("title").str.extract(r"\((\d{4})\)\s*$"),
        genres=pl.concat_str(flags, separator="|", ignore_nulls=True),
    )
    people = source.table("u.user", ("user", "age", "gender", "occupation"), "|")
    return rated(ratings(source, "u.data", "\t"), films(items, "|"), people, "ml-100k")


def grouplens_1m(source: Source) -> Dataset:
    items = source.table("movies.dat", ("item", "title", "genres"), "::")
    items = items.with_columns(
        title=readable(pl.col("title")), year=pl.col("title").str.extract(r"\((\d{4})\)\s*$")
    )
    people = source.table("users.dat", ("user", "gender", "age", "occupation"), "::")
    return rated(ratings(source, "ratings.dat", "::"), films(items, "|"), people, "ml-1m")


def grouplens_csv(source: Source) -> Dataset:
    items = source.table("movies.csv", ("item", "title", "genres"), ",", header=True)
    items = items.with_columns(
        title=readable(pl.col("title")), year=pl.col("title").str.extract(r"\((\d{4})\)\s*$")
    )
    return rated(ratings(source, "ratings.csv", ",", header=True), films(items, "|"), None, source.path.stem)


def films(items: pl.DataFrame, separator: str) -> Catalogue:
    return catalogue_of(items, title="title", words={"genres": separator}, numbers=["year"])


def rated(events: pl.DataFrame, items: Catalogue, people: pl.DataFrame | None, name: str) -> Dataset:
    if people is None:
        return dataset_of(events, items, kind="rating", name=name)
    return dataset_of(
        events,
        items,
        kind="rating",
        users=Ids(people["user"].to_list()),
        user_words=word_columns(people, {"gender": None, "occupation": None}),
        user_numbers={"age": number(people["age"])},
        name=name,
    )
