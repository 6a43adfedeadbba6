"""Files to raw tables: CSV of any delimiter, JSON Lines, Parquet; text stays text until a column has a role.

What cannot be read ends in a `DataError` that names the file, the row and the way out. The fast
reader says little about where it failed, so a slow one looks for the place, only after a failure.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from zhiyin.data.encodings import check_encoding
from zhiyin.errors import DataError, nearest, shorten

__all__ = ["Fix", "Table", "encoding_notes", "fix_notes", "read_table"]

DELIMITERS = (",", "\t", ";", "|")
SAMPLE = 1 << 16
BLANK = re.compile(r"([ \t]*(\r\n|\n|\r))+")
"""Lines without anything before the first row."""
OPENING, CLOSING = np.frombuffer(b"[{", np.uint8), np.frombuffer(b"]}", np.uint8)
MOST_LEVELS = 500
"""Of a line of JSON; the fast reader gives up at about a thousand."""
ONE_A_LINE = "an array of objects, or one object a line"
WRAPPED = "write the array of the rows alone, without the object around it"
KNOWN = "CSV, JSON Lines and Parquet files are read, also with gzip (.gz)"


@dataclass(frozen=True, slots=True)
class Fix:
    """What a cell should have said."""

    row: int
    """As reports count."""
    column: str
    value: str


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows as they stand there."""

    path: Path
    frame: pl.DataFrame
    form: str
    """csv | jsonl | parquet"""
    header: bool = True
    """False when the columns had to be named column_1, column_2 …"""
    encoding: str = "utf-8"
    delimiter: str = ""
    n_blank: int = 0
    """Blank lines before the first row."""
    guessed: bool = False
    """Whether the encoding was neither given nor certain."""

    @property
    def first_row(self) -> int:
        """Number of the first row of data, as an editor counts: a header is row 1."""
        return self.n_blank + (2 if self.form == "csv" and self.header else 1)

    def fixed(self, fixes: Sequence[Fix]) -> Table:
        """The table as if the file had said so; of two fixes of one cell the later holds."""
        frame = self.frame
        for column in dict.fromkeys(fix.column for fix in fixes):
            if column not in frame.columns:
                raise DataError(
                    "a column of the file", value=column, file=self.path, hint=nearest(column, frame.columns)
                )
            cells = {fix.row - self.first_row: fix.value for fix in fixes if fix.column == column}
            outside = next((row for row in cells if not 0 <= row < len(frame)), None)
            if outside is not None:
                last = len(frame) - 1 + self.first_row
                raise DataError(
                    f"a row from {self.first_row} to {last}",
                    value=outside + self.first_row, file=self.path, column=column,
                )  # fmt: skip
            texts = frame[column].cast(pl.String).scatter(list(cells), list(cells.values()))
            frame = frame.with_columns(texts.alias(column))
        return replace(self, frame=frame)


def read_table(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
) -> Table:
    """All rows of a file. What is not given is found out from the file itself."""
    path = Path(path)
    start = opening(path)
    if start.startswith(b"PAR1") or path.suffix.lower() in {".parquet", ".pq"}:
        return read_parquet(path)
    if start.startswith(b"PK\x03\x04"):
        raise DataError(
            "a table", value="a zip or Excel file", file=path, hint=f"unpack it or save it as CSV: {KNOWN}"
        )
    packed = unpacked(path) if start.startswith(b"\x1f\x8b") else None
    name = path.with_suffix("").name if packed is not None else path.name
    given, encoding = encoding, check_encoding(path, packed, encoding)
    guessed = given is None and encoding == "gb18030"
    source = packed if packed is not None else path
    if encoding != "utf-8":
        source = (path.read_bytes() if packed is None else packed).decode(encoding).lstrip("\ufeff").encode()
    head = source[:SAMPLE] if isinstance(source, bytes) else opening(path, SAMPLE)
    text = head.decode("utf-8", "ignore").lstrip("\ufeff")
    if not text.strip():
        raise DataError("rows", value="an empty file", file=path, hint=KNOWN)
    if name.lower().endswith((".jsonl", ".ndjson", ".json")) or text.lstrip()[0] in "{[":
        source = content_of(source)[len(BOM_UTF8) :] if head.startswith(BOM_UTF8) else source
        return Table(path, read_json(path, source, text), "jsonl", encoding=encoding, guessed=guessed)
    if "\r" in text and "\n" not in text:  # lines as old Macs end them
        source = content_of(source).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        text = text.replace("\r", "\n")
    blank = BLANK.match(text)
    n_blank = 0
    if blank is not None:
        text, n_blank = text[blank.end() :], len(blank[0].splitlines())
        source = content_of(source).removeprefix(BOM_UTF8)[len(blank[0].encode()) :]
    delimiter = delimiter or guess_delimiter(text)
    header = looks_like_header(first_fields(path, text, delimiter)) if header is None else header
    frame = read_csv(path, source, delimiter, header, n_blank)
    return Table(path, frame, "csv", header, encoding, delimiter, n_blank, guessed)


def content_of(source: bytes | Path) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def first_fields(path: Path, text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=None), delimiter=delimiter))
    except csv.Error as error:
        raise DataError("a row of fields", value=str(error), file=path, row=1) from error


def fix_notes(fixes: Sequence[Fix]) -> list[str]:
    """What a report says of them."""
    n = len({(fix.row, fix.column) for fix in fixes})
    return [f"{n:,} cells were taken as they were corrected"] if n else []


def encoding_notes(table: Table) -> list[str]:
    """What a report says of how the text was read."""
    if table.encoding == "utf-8":
        return []
    guess = ", a guess: if names look wrong, encoding= says another" if table.guessed else ""
    return [f"the text was read as {table.encoding}{guess}"]


def opening(path: Path, n: int = 4) -> bytes:
    """The first bytes of a file that is there, is a file and is not empty."""
    try:
        with path.open("rb") as file:
            start = file.read(n)
    except FileNotFoundError as error:
        raise DataError("a file", value="nothing", file=path, hint="is the path right?") from error
    except IsADirectoryError as error:
        raise DataError(
            "a file", value="a directory", file=path, hint="name one of the files in it"
        ) from error
    except OSError as error:
        raise DataError("a readable file", value=str(error), file=path) from error
    if not start:
        raise DataError("rows", value="an empty file", file=path, hint=KNOWN)
    return start


def unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            "a whole gzip file", value=str(error), file=path, hint="fetch or pack it again"
        ) from error


def read_parquet(path: Path) -> Table:
    try:
        frame = pl.read_parquet(path, glob=False)
        spans = [name for name, kind in frame.schema.items() if kind == pl.Duration]
        seconds = [pl.col(name).dt.total_microseconds() / 1e6 for name in spans]
        return Table(path, frame.with_columns(seconds), "parquet")
    except (pl.exceptions.PolarsError, OSError) as error:
        said = shorten(str(error).splitlines()[0], 120)
        hint = f"it is damaged or was cut off ({said}): fetch or write it again"
        raise DataError("a whole Parquet file", file=path, hint=hint) from error


def read_json(path: Path, source: bytes | Path, text: str) -> pl.DataFrame:
    data: bytes | io.BufferedReader = source if isinstance(source, bytes) else source.open("rb")
    try:
        if text.lstrip().startswith("["):
            frame = pl.read_json(data, infer_schema_length=None)
        else:
            frame = pl.read_ndjson(data, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError, RecursionError) as error:
        raise bad_json(path, source, error) from error
    finally:
        if not isinstance(data, bytes):
            data.close()
    if wrapper := wrapped(frame, path):
        raise DataError(ONE_A_LINE, value=wrapper, file=path, row=1, hint=WRAPPED)
    if "context" in frame.columns and isinstance(frame.schema["context"], pl.Struct):
        inner = frame["context"].struct.unnest()
        inner = inner.select(pl.all().exclude([name for name in frame.columns if name in inner.columns]))
        frame = pl.concat([frame.drop("context"), inner], how="horizontal")
    return frame


def wrapped(frame: pl.DataFrame, path: Path) -> str:
    """What a .json file is that is one object around an array of the rows; empty if it is not."""
    lists = [name for name, kind in frame.schema.items() if kind.base_type() == pl.List]
    arrays = [name for name in lists if isinstance(frame.schema[name].inner, pl.Struct)]  # type: ignore[attr-defined]
    if len(frame) == 1 and arrays and ".json" in path.suffixes:
        return f"one object with the array {shorten(repr(arrays[0]), 40)}"
    return ""


def bad_json(path: Path, source: bytes | Path, error: Exception) -> DataError:
    """The first line that is no JSON object, in words."""
    try:
        whole = msgspec.json.decode(content_of(source))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = None
    if isinstance(whole, dict):
        return DataError(ONE_A_LINE, value="one object over several lines", file=path, row=1, hint=WRAPPED)
    for row, line in enumerate(lines_of(source), 1):
        if not line.strip():
            continue
        hint = 'a line is one object such as {"user": "u1", "item": "i1"}; NaN is not JSON, write null'
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as bad:
            got = line.decode("utf-8", "replace").strip()
            return DataError("a JSON object", value=got, file=path, row=row, hint=f"{bad}; {hint}")
        except RecursionError:
            return _too_deep(path, row)
        if _levels(line) > MOST_LEVELS:  # newer Pythons read on where polars does not
            return _too_deep(path, row)
        if not isinstance(value, dict):
            return DataError("a JSON object", value=value, file=path, row=row, hint=hint)
    return DataError("JSON Lines of one shape", value=str(error).splitlines()[0], file=path)


def _too_deep(path: Path, row: int) -> DataError:
    return DataError("JSON of a few levels", value="values nested too deeply to be read", file=path, row=row)


def _levels(line: bytes) -> int:
    """How deep the brackets of a line go, those in texts counted too."""
    signs = np.frombuffer(line, np.uint8)
    steps = np.isin(signs, OPENING).astype(np.int64) - np.isin(signs, CLOSING)
    return int(np.cumsum(steps).max(initial=0))


def read_csv(
    path: Path, source: bytes | Path, delimiter: str, header: bool, n_blank: int = 0
) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            source,
            separator=delimiter,
            has_header=header,
            infer_schema=False,
            glob=False,
            truncate_ragged_lines=False,
        )
    except pl.exceptions.PolarsError as error:
        raise ragged(path, source, delimiter, n_blank, strict=True) or broken(path, error) from error
    if not header:
        frame.columns = [f"column_{place + 1}" for place in range(frame.width)]
    if frame.width > 1 and frame[:, -1].null_count():
        short = ragged(path, source, delimiter, n_blank)
        if short is not None:
            raise short
    return frame


def ragged(
    path: Path, source: bytes | Path, delimiter: str, n_blank: int = 0, *, strict: bool = False
) -> DataError | None:
    """The first row with another number of fields than the first, in words; strict: or with faulty quotes."""
    wanted = 0
    lines = (line.decode("utf-8", "replace") for line in lines_of(source))
    rows = csv.reader(lines, delimiter=delimiter, strict=strict)
    row = n_blank
    try:
        for row, fields in enumerate(rows, 1 + n_blank):
            wanted = wanted or len(fields)
            if fields and len(fields) != wanted:
                read = shorten(repr(fields), 120)
                hint = f"is the delimiter {delimiter!r} right, or a quote missing? The row reads {read}"
                return DataError(
                    f"{wanted} fields as in row {1 + n_blank}",
                    value=len(fields),
                    file=path,
                    row=row,
                    hint=hint,
                )
    except csv.Error as bad:
        return DataError(
            "a row of fields", value=str(bad), file=path, row=row + 1, hint="is a quote never closed?"
        )
    return None


def broken(path: Path, error: Exception) -> DataError:
    """What the fast reader says, where the slow one finds nothing wrong."""
    said = shorten(str(error).splitlines()[0], 120)
    return DataError("rows of fields", value=said, file=path, hint="is a quote never closed?")


def lines_of(source: bytes | Path) -> Iterator[bytes]:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        yield from file


def guess_delimiter(text: str) -> str:
    """The delimiter that cuts the first lines into the most equal and most numerous fields.

    >>> guess_delimiter("a;b,c\\n1;2,5\\n3;4\\n")
    ';'
    """
    lines = text.splitlines()
    if len(lines) > 1 and not text.endswith("\n"):
        lines.pop()  # the sample may end within it
    lines = [line for line in lines[:50] if line.strip()]
    best, found = (0.0, 0), ","
    for delimiter in DELIMITERS:
        widths = [len(fields) for fields in csv.reader(lines, delimiter=delimiter)]
        width = max(set(widths), key=widths.count)
        score = (widths.count(width) / len(widths), width) if width > 1 else (0.0, 0)
        if score > best:
            best, found = score, delimiter
    return found


NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$|\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}")


def looks_like_header(fields: list[str]) -> bool:
    """Names are no numbers, no dates, not empty.

    >>> looks_like_header(["user", "item"]), looks_like_header(["196", "242", "3", "881250949"])
    (True, False)
    """
    return not any(NUMBER.match(field) for field in fields) and any(field.strip() for field in fields)
