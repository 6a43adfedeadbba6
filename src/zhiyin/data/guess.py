"""Which column of a file plays which role, from its name first and its contents second."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from zhiyin.data.tables import Table
from zhiyin.data.times import as_seconds
from zhiyin.errors import ConfigError, DataError, nearest

__all__ = ["ROLES", "EventColumns", "guess_events"]

NAMES: Mapping[str, str] = {
    "user": (
        "user userid uid customer customerid member memberid visitor visitorid account accountid "
        "reviewer reviewerid username buyer buyerid 用户 用户id 用户编号 用户名 会员 会员id 顾客 "
        "顾客id 客户 客户id 买家 账号"
    ),
    "item": (
        "item itemid iid product productid movie movieid asin parentasin sku goods goodsid "
        "article articleid news newsid song songid track trackid artist artistid venue venueid "
        "poi video videoid book bookid isbn business businessid app appid contentid 物品 "
        "物品id 商品 商品id 商品编号 电影 电影id 影片 歌曲 歌曲id 文章 文章id 新闻 新闻id 视频 "
        "视频id 图书 内容id"
    ),
    "kind": (
        "kind event eventtype behavior behaviortype behaviour behaviourtype action actiontype "
        "interaction interactiontype type 行为 行为类型 操作 操作类型 事件 类型"
    ),
    "value": (
        "rating score stars star overall value rate grade playseconds playtime dwelltime "
        "watchtime plays playcount listencount duration quantity price amount cnt count 评分 打分 "
        "分数 星级 播放时长 时长 价格 金额 数量 次数"
    ),
    "at": (
        "at timestamp datetime time ts date eventtime eventtimestamp unixreviewtime sorttimestamp "
        "unixtime createdat created occurredat ratedat playedat 时间 时间戳 日期 发生时间"
    ),
    "order": "order position pos seq sequence step index 序号 顺序 次序",
    "session": "session sessionid 会话 会话id",
    "place": "place location city 地点 位置 城市",
    "device": "device devicetype platform os 设备 终端 平台",
    "duration": "duration itemduration videoduration totalduration length 总时长",
    "id": "id eventid interactionid 事件id",
}
ROLES: tuple[str, ...] = tuple(NAMES)
"""Roles that a column of an event file can play; any other one is `context.<name>`."""

ALONE = ("user", "item", "kind", "value", "at")
"""Roles of which a column can play only one; it may well be a context, a session or the order besides."""

KIND_OF_VALUE: Mapping[str, str] = {
    "rating": "rating score stars star overall rate grade 评分 打分 分数 星级",
    "play": ("playseconds playtime dwelltime watchtime plays playcount listencount duration 播放时长 时长"),
    "purchase": "quantity price amount 价格 金额 数量",
}
"""Without a column of kinds, the value's name says what was done."""

RATING_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Role -> column, the kind of rows that name none, and how it was found out."""

    roles: Mapping[str, str]
    context: Mapping[str, str] = field(default_factory=dict)
    """Name in the data -> column of the file."""
    kind: str = "click"
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """The mapping in the form in which it can be given back."""
        return {**self.roles, **{f"context.{name}": column for name, column in self.context.items()}}


def plain(name: str) -> str:
    """A column name without case, punctuation and RecBole's type.

    >>> plain("User_ID:token"), plain("用户 ID")
    ('userid', '用户id')
    """
    return re.sub(r"[\W_]+", "", untyped(name.strip().lower()))


def untyped(name: str) -> str:
    """A column name without the type that RecBole's files write behind it."""
    return re.sub(r":(token|float)(_seq)?$", "", name)


def first_named(columns: Iterable[str], names: str) -> str | None:
    """The column with the most preferred of `names`."""
    known = {plain(column): column for column in reversed(list(columns))}
    return next((known[name] for name in names.split() if name in known), None)


def guess_events(table: Table, mapping: Mapping[str, str | None] | None = None) -> EventColumns:
    """The roles of the columns of an event file; what `mapping` says holds, None there means "no column"."""
    given = checked(table, mapping or {})
    frame = table.frame
    roles = {role: column for role, column in given.items() if column and not role.startswith("context.")}
    context = {
        role.removeprefix("context."): c for role, c in given.items() if c and role.startswith("context.")
    }
    notes: list[str] = []
    for role, names in NAMES.items():
        if role in given:
            continue
        taken = {*roles.values(), *context.values()}
        found = first_named([name for name in frame.columns if name not in taken], names)
        if found is not None:
            roles[role] = found
    if not table.header:
        by_place(frame, roles, given, notes)
    by_contents(frame, roles, given, notes)
    if "user" not in roles and "user" not in given and "session" in roles:
        roles["user"] = roles["session"]
        notes.append(f"no column of users: each session ({roles['session']!r}) counts as one user")
    for role in ("user", "item"):
        if role not in roles:
            raise DataError(
                f"a column of {role}s",
                value=frame.columns,
                file=table.path,
                row=1,
                hint=f"say which it is: mapping={{{role!r}: '<column>'}}",
            )
    ordered = {role: roles[role] for role in ROLES if role in roles}
    return EventColumns(ordered, context, guess_kind(frame, roles, table.header), tuple(notes))


def checked(table: Table, mapping: Mapping[str, str | None]) -> dict[str, str | None]:
    """The mapping, if its roles and its columns exist."""
    for role, column in mapping.items():
        if role not in ROLES and not role.removeprefix("context.") != role:
            raise ConfigError(
                f"no column can play the role {role!r}: {nearest(role, ROLES)}; "
                "any other column comes in as 'context.<name>'"
            )
        if column and column not in table.frame.columns:
            hint = nearest(column, table.frame.columns)
            raise DataError(
                f"the column of the role {role!r}", value=column, file=table.path, row=1, hint=hint
            )
    for column in {column for column in mapping.values() if column}:
        twice = [role for role in ALONE if mapping.get(role) == column]
        if len(twice) > 1:
            raise ConfigError(
                f"the column {column!r} cannot be {' and '.join(twice)} at once: name another for one of them"
            )
    return dict(mapping)


def by_place(
    frame: pl.DataFrame, roles: dict[str, str], given: Mapping[str, str | None], notes: list[str]
) -> None:
    """Without a header, users stand first and items second, as in every public file of this kind."""
    for role, place in (("user", 0), ("item", 1)):
        if role not in roles and role not in given and place < frame.width:
            column = frame.columns[place]
            if column not in roles.values():
                roles[role] = column
                notes.append(f"no header: {column} was taken for the {role}")


def by_contents(
    frame: pl.DataFrame, roles: dict[str, str], given: Mapping[str, str | None], notes: list[str]
) -> None:
    """A column of times is known by its looks; without a header, so is one of ratings."""
    sample = frame.head(1000)
    for column in frame.columns:
        if column in {*roles.values(), *given.values()}:
            continue
        if "at" not in roles and "at" not in given and looks_like_times(sample[column]):
            roles["at"] = column
            notes.append(f"the column {column!r} looks like times and was taken for them")
        elif "value" not in roles and "value" not in given and column.startswith("column_"):
            numbers = sample[column].cast(pl.Float64, strict=False)
            if not numbers.null_count() and numbers.is_between(0, RATING_LIMIT).all():
                roles["value"] = column
                notes.append(f"the column {column!r} looks like ratings and was taken for them")


def looks_like_times(sample: pl.Series) -> bool:
    """Whether nearly all values are moments between 1995 and 2100."""
    if isinstance(sample.dtype, (pl.List, pl.Struct, pl.Array, pl.Boolean, pl.Binary, pl.Object)):
        return False
    sample = sample.drop_nulls()
    if not len(sample):
        return False
    seconds, _ = as_seconds(sample)
    return int(seconds.is_between(7.9e8, 4.1e9).sum() or 0) >= 0.95 * len(sample)


def guess_kind(frame: pl.DataFrame, roles: Mapping[str, str], header: bool) -> str:
    if "value" not in roles:
        return "click"
    name = plain(roles["value"])
    for kind, names in KIND_OF_VALUE.items():
        if name in names.split():
            return kind
    return "rating" if not header else "click"
