"""Item files to a catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from zhiyin.data.attributes import Attributes, guess_attributes
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.cells import plain_cells
from zhiyin.data.clean import clean_ids
from zhiyin.data.columns import catalogue_of
from zhiyin.data.guess import first_named, untyped
from zhiyin.data.id_columns import id_column
from zhiyin.data.report import Findings, ImportReport, quoted
from zhiyin.data.tables import Fix, Table, encoding_notes, fix_notes, read_table
from zhiyin.errors import ConfigError, DataError, nearest

__all__ = ["ImportedItems", "import_items"]

ITEM_NAMES: Mapping[str, str] = {
    "item": (
        "item itemid iid productid movieid asin parentasin sku goodsid articleid newsid songid trackid "
        "artistid venueid videoid bookid isbn businessid appid contentid 物品 物品id 商品id 商品编号 "
        "电影id 歌曲id 文章id 新闻id 视频id 内容id id 编号 product movie goods article news song track "
        "artist venue video book business app 商品 电影 影片 歌曲 文章 新闻 视频 图书"
    ),
    "title": (
        "title name itemname itemtitle movietitle productname producttitle songname headline 标题 "
        "名称 片名 商品名称 书名 歌名"
    ),
    "text": (
        "text description desc abstract summary overview storyline plot content body about 描述 "
        "简介 摘要 正文 内容 详情"
    ),
}
ITEM_ROLES = ("item", "title", "text")


@dataclass(frozen=True, slots=True)
class ImportedItems:
    """A catalogue and how it came about."""

    items: Catalogue
    report: ImportReport


def import_items(
    path: str | Path,
    *,
    mapping: Mapping[str, str | None] | None = None,
    separators: Mapping[str, str | None] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    fixes: Sequence[Fix] = (),
    max_rows: int = 100,
) -> ImportedItems:
    """Read a file with one item per row; every column that is not id, title or text becomes an attribute.

    `mapping` says role (item, title, text) -> column, and `attribute.<name>` -> column to name an attribute
    otherwise; when it maps any attribute, only the mapped ones come in. `separators` says column -> what
    stands between several words of a cell (None = nothing), `fixes` what single cells should have said. When
    an id comes twice, the last row holds.
    """
    table = read_table(path, delimiter=delimiter, encoding=encoding, header=header).fixed(fixes)
    findings = Findings(max_rows=max_rows, notes=fix_notes(fixes))
    roles, named = item_roles(table, mapping or {})
    frame = table.frame.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row") + table.first_row)
    frame = frame.with_columns(id_column(table, roles["item"]).alias("item"))
    frame = clean_ids(frame, "item", roles["item"], findings)
    if not len(frame):
        raise DataError(
            "at least one item", file=table.path, column=roles["item"], hint="every row lacks an id"
        )
    again = ~pl.col("item").is_last_distinct()
    why = "the same id comes again; the last row holds"
    frame = findings.drop(frame, again, "duplicate item", column=roles["item"], cell="item", why=why)
    rest = [column for column in table.frame.columns if column not in roles.values()]
    kept = {name: column for name, column in named.items() if column in rest}
    frame, cell_notes = plain_attributes(frame, roles, list(kept.values()) or rest, separators or {})
    found = guess_attributes(frame, list(kept.values()) or rest)
    found.words.update(
        {column: separator for column, separator in (separators or {}).items() if column in rest}
    )
    if "text" not in roles and "text" not in (mapping or {}) and found.prose:
        roles["text"] = found.prose.pop(0)
    names = {column: untyped(column) for column in rest} | {column: name for name, column in kept.items()}
    report = ImportReport(
        file=str(table.path),
        n_read=len(table.frame),
        n_kept=len(frame),
        columns={**roles, **shown(found, names)},
        unused=(*found.prose, *found.useless, *(set(rest) - set(kept.values()) if kept else ())),
        findings=tuple(findings.found.values()),
        notes=(*notes_of(table, found), *findings.notes, *cell_notes),
    )
    return ImportedItems(catalogue(frame, roles, found, names), report)


def plain_attributes(
    frame: pl.DataFrame,
    roles: Mapping[str, str],
    columns: Sequence[str],
    separators: Mapping[str, str | None],
) -> tuple[pl.DataFrame, list[str]]:
    """Cells as they were meant; a column whose separator is given keeps all but the markers."""
    named = [column for role, column in roles.items() if role != "item"]
    return plain_cells(frame, [*named, *columns], [name for name in columns if name not in separators])


def catalogue(
    frame: pl.DataFrame, roles: Mapping[str, str], found: Attributes, names: Mapping[str, str]
) -> Catalogue:
    used = [*found.words, *found.numbers]
    table = frame.select(
        pl.col("item").alias(":item"),
        *(
            pl.col(roles[role]).cast(pl.String, strict=False).alias(f":{role}")
            for role in ("title", "text")
            if role in roles
        ),
        *(pl.col(column).alias(names.get(column, column)) for column in used),
    )
    return catalogue_of(
        table,
        item=":item",
        title=":title" if "title" in roles else None,
        text=":text" if "text" in roles else None,
        words={names.get(column, column): separator for column, separator in found.words.items()},
        numbers=[names.get(column, column) for column in found.numbers],
    )


def item_roles(table: Table, mapping: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, str]]:
    """Role -> column, and attribute -> column as far as the mapping names them."""
    columns = table.frame.columns
    for role, column in mapping.items():
        if role not in ITEM_ROLES and not role.startswith("attribute."):
            raise ConfigError(
                f"no column of an item file can play {role!r}: {nearest(role, ITEM_ROLES)}, attribute.<name>"
            )
        if column and column not in columns:
            hint = nearest(column, columns)
            raise DataError(
                f"the column of the role {role!r}", value=column, file=table.path, row=1, hint=hint
            )
    roles = {role: column for role, column in mapping.items() if column and role in ITEM_ROLES}
    for role, names in ITEM_NAMES.items():
        if role not in mapping:
            found = first_named([name for name in columns if name not in roles.values()], names)
            if found:
                roles[role] = found
    if "item" not in roles and not table.header:
        roles["item"] = columns[0]
    if "item" not in roles:
        hint = "say which it is: mapping={'item': '<column>'}"
        raise DataError("a column of item ids", value=columns, file=table.path, row=1, hint=hint)
    named = {
        role.removeprefix("attribute."): c for role, c in mapping.items() if c and role not in ITEM_ROLES
    }
    return roles, named


def shown(found: Attributes, names: Mapping[str, str]) -> dict[str, str]:
    return {f"attribute.{names.get(column, column)}": column for column in (*found.words, *found.numbers)}


def notes_of(table: Table, found: Attributes) -> list[str]:
    notes = encoding_notes(table)
    several = {column: separator for column, separator in found.words.items() if separator}
    notes += [
        f"the cells of {quoted(column)} were split at {separator!r}" for column, separator in several.items()
    ]
    for column, n in found.mixed.items():
        notes.append(f"{n:,} cells of {quoted(column)} are no numbers and count as missing")
    return notes
