"""Cleaning of a table of events: every row that goes, and every cell that changes, is in the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from zhiyin.data.columns import codes_of
from zhiyin.data.report import Findings
from zhiyin.errors import nearest
from zhiyin.types import KINDS

__all__ = ["KIND_NAMES", "Cleaning", "clean_events", "clean_ids"]

KIND_NAMES: Mapping[str, str] = {
    "view": "pv pageview detail browse 浏览 查看",
    "search": "query 搜索 检索",
    "click": "tap open visit 点击 打开",
    "cart": "addtocart addcart basket 加购 加入购物车 购物车",
    "purchase": "buy bought order pay payment transaction checkout 购买 下单 支付 交易",
    "rating": "rate rated score star 评分 打分",
    "review": "reviewed 评价 点评",
    "like": "fav favorite favourite collect bookmark save wishlist upvote thumbsup 收藏 喜欢 点赞 赞",
    "share": "forward retweet repost 分享 转发",
    "comment": "reply 评论 回复",
    "follow": "subscribe 关注 订阅",
    "play": "watch listen stream played finish 播放 观看 收听",
    "hide": "dislike block downvote thumbsdown skip notinterested 不喜欢 不感兴趣 隐藏 屏蔽 踩",
}
"""Other names under which the kinds arrive, without case and punctuation."""

SHOWN = ("impression", "impressions", "imp", "show", "shown", "expose", "exposure", "曝光", "展示")
"""What was put before somebody who did nothing about it, which says nothing of a preference."""

MISSING = ("", "null", "NULL", "None", "NaN", "nan", "\\N")
AROUND = (
    " \t\r\n\v\f\x00\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""White space of every script, and characters without any width."""
FIRST_MOMENT = 86_400.0
"""1970-01-02: an earlier time is a clock that was never set."""
LONGEST = 512
"""Characters of an id; longer ones are free text in the wrong column."""
LONGEST_WORD = 128


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What counts as impossible, and how fast a human can be."""

    scale: tuple[float, float] | None = None
    """Lowest and highest rating; ratings outside are dropped. None = any finite rating."""
    now: float | None = None
    """UTC seconds; later times are dropped. None = any time is possible."""
    bot_per_minute: int = 120
    """More events of one user within any 60 seconds are no human's."""
    bot_per_day: int = 5_000
    bot_events: int = 100_000
    """More events of one user altogether are no human's."""
    drop_bots: bool = False
    """False: bots are only reported."""


def clean_ids(frame: pl.DataFrame, role: str, column: str, findings: Findings) -> pl.DataFrame:
    """Ids without spaces and invisible characters around them; rows without an id go."""
    raw = frame[role]
    tidy = raw.str.strip_chars(AROUND)
    empty = tidy.is_null() | tidy.is_in(MISSING)
    why = "spaces and invisible characters around an id were taken off"
    mended = ((tidy != raw) & ~empty).fill_null(False)
    if mended.any():
        findings.note(frame.filter(mended), f"spaces in {role}", "mended", column=column, cell=role, why=why)
    if empty.any():
        why = f"the row does not say which {role}"
        findings.note(frame.filter(empty), f"no {role}", "dropped", column=column, cell=role, why=why)
        frame, tidy = frame.filter(~empty), tidy.filter(~empty)
    frame = frame.with_columns(tidy.alias(role))
    long = pl.col(role).str.len_chars() > LONGEST
    why = f"more than {LONGEST} characters are no id"
    return findings.drop(frame, long, f"{role} too long", column=column, cell=role, why=why)


def clean_events(
    frame: pl.DataFrame, columns: Mapping[str, str], kind: str, cleaning: Cleaning, findings: Findings
) -> pl.DataFrame:
    """The rows that can be used. In: `row`, `user`, `item`, `kind` as text, `value` and `at` as numbers."""
    frame = clean_ids(frame, "user", columns["user"], findings)
    frame = clean_ids(frame, "item", columns["item"], findings)
    frame = clean_kinds(frame, columns.get("kind", "kind"), kind, findings)
    if "value" in frame.columns:
        frame = clean_values(frame, columns["value"], cleaning, findings)
    if "at" in frame.columns:
        frame = clean_times(frame, columns["at"], cleaning, findings)
    frame = without_duplicates(frame, columns, findings)
    return without_bots(frame, columns["user"], cleaning, findings)


def clean_kinds(frame: pl.DataFrame, column: str, kind: str, findings: Findings) -> pl.DataFrame:
    """Kinds under their one name; unknown ones go, missing ones become `kind`."""
    if "kind" not in frame.columns:
        return frame.with_columns(kind=pl.lit(kind))
    known = {name: name for name in KINDS}
    known |= {name: to for to, names in KIND_NAMES.items() for name in names.split()}
    known |= dict.fromkeys(SHOWN, "impression")
    given = frame["kind"].unique().drop_nulls()
    name = given.str.to_lowercase().str.replace_all(r"[\s_\-.]+", "")
    to = [kind if word == "" else known.get(word) for word in name.to_list()]
    missing = pl.col("kind").is_null() | pl.col("kind").is_in(given.filter(name == "").implode())
    why = f"no kind is given, {kind!r} was taken"
    findings.note(frame.filter(missing), "no kind", "mended", column=column, cell="kind", why=why)
    found = pl.col("kind").replace_strict(given.to_list(), to, default=None, return_dtype=pl.String)
    frame = frame.with_columns(known=pl.when(missing).then(pl.lit(kind)).otherwise(found))
    why = "shown, not chosen: it says nothing of a preference"
    shown = pl.col("known") == "impression"
    frame = findings.drop(frame, shown, "impression", column=column, cell="kind", why=why)
    strange = frame.filter(pl.col("known").is_null())["kind"].head(1)
    hint = nearest(str(strange[0]), KINDS) if len(strange) else ""
    frame = findings.drop(
        frame,
        pl.col("known").is_null(),
        "unknown kind",
        column=column,
        cell="kind",
        why=f"no such kind; {hint}",
    )
    return frame.drop("kind").rename({"known": "kind"})


def clean_values(frame: pl.DataFrame, column: str, cleaning: Cleaning, findings: Findings) -> pl.DataFrame:
    """Finite values; ratings on their scale; durations, prices and quantities not below zero."""
    value, rated = pl.col("value"), pl.col("kind").is_in(["rating", "review"])
    bad = value.is_not_null() & ~value.is_finite()
    why = "infinite and not-a-number values mean nothing"
    frame = findings.drop(frame, bad, "impossible value", column=column, cell="value", why=why)
    if cleaning.scale is not None:
        low, high = cleaning.scale
        why = f"ratings lie between {low:g} and {high:g}"
        outside = rated & ~value.is_between(low, high)
        frame = findings.drop(frame, outside, "rating off the scale", column=column, cell="value", why=why)
    below = pl.col("kind").is_in(["play", "purchase"]) & (value < 0)
    why = "durations, prices and quantities are not below zero"
    frame = findings.drop(frame, below, "negative value", column=column, cell="value", why=why)
    n = int(frame.select((pl.col("kind") == "rating") & value.is_null()).to_series().sum() or 0)
    if n:
        findings.notes.append(f"{n:,} ratings have no value; they were kept and count as a plain rating")
    return frame


def clean_times(frame: pl.DataFrame, column: str, cleaning: Cleaning, findings: Findings) -> pl.DataFrame:
    """Possible times. A table without any time keeps its rows: only their order is known."""
    at = pl.col("at")
    if frame["at"].null_count() == len(frame):
        return frame.drop("at")
    why = "other rows have a time, so the place of this one is unknown"
    frame = findings.drop(frame, at.is_null() | at.is_nan(), "no time", column=column, cell="at", why=why)
    why = "before 1970-01-02: a clock that was never set"
    frame = findings.drop(frame, at < FIRST_MOMENT, "impossible time", column=column, cell="at", why=why)
    if cleaning.now is not None:
        why = "later than the moment of the import"
        frame = findings.drop(
            frame, at > cleaning.now, "time in the future", column=column, cell="at", why=why
        )
    return frame


def without_duplicates(frame: pl.DataFrame, columns: Mapping[str, str], findings: Findings) -> pl.DataFrame:
    """One row per event id, and per user, item, kind and moment; the first stays.

    With neither time nor place in an order, the same row twice may be a repetition and stays.
    """
    if "id" in frame.columns:
        again = pl.col("id").is_not_null() & ~pl.col("id").is_first_distinct()
        why = "the same event id came before"
        frame = findings.drop(frame, again, "duplicate id", column=columns["id"], cell="id", why=why)
    moment = next((name for name in ("at", "order") if name in frame.columns), None)
    if moment is None:
        return frame
    key = ("user", "item", "kind", moment)
    hashes = frame.select(key).hash_rows()
    if hashes.n_unique() == len(frame):
        return frame
    twins = frame.filter(hashes.is_duplicated()).select("row", *key)  # a hash may lie: these are compared
    later = twins.filter(~pl.struct(key).is_first_distinct())["row"]
    again = pl.col("row").is_in(later.implode())
    why = f"the same user, item, kind and {'time' if moment == 'at' else 'place'} came before"
    return findings.drop(frame, again, "duplicate", column=columns["item"], cell="item", why=why)


def without_bots(frame: pl.DataFrame, column: str, cleaning: Cleaning, findings: Findings) -> pl.DataFrame:
    """Rows of users that are faster or busier than people are dropped, or only noted."""
    bots = suspects(frame, cleaning)
    if not len(bots):
        return frame
    named = ", ".join(repr(name) for name in bots.head(5))
    if not cleaning.drop_bots:
        n = int(frame["user"].is_in(bots.implode()).sum() or 0)
        findings.notes.append(
            f"{len(bots):,} users are faster or busier than people ({named}; {n:,} rows): "
            "drop_bots=True drops them"
        )
        return frame
    why = (
        f"more than {cleaning.bot_per_minute:,} events a minute, {cleaning.bot_per_day:,} a day "
        f"or {cleaning.bot_events:,} altogether are no human's"
    )
    bad = pl.col("user").is_in(bots.implode())
    return findings.drop(frame, bad, "bot", column=column, cell="user", why=why)


def suspects(frame: pl.DataFrame, cleaning: Cleaning) -> pl.Series:
    """Names of the users above a limit, sorted. Who did little altogether needs no look at the clock."""
    sizes = frame.group_by("user").len()
    found = [sizes.filter(pl.col("len") > cleaning.bot_events)["user"]]
    if "at" in frame.columns:
        limits = ((60.0, cleaning.bot_per_minute), (86_400.0, cleaning.bot_per_day))
        busy = sizes.filter(pl.col("len") > min(limit for _, limit in limits))["user"]
        busy_rows = frame.select("user", "at").filter(pl.col("user").is_in(busy.implode()))
        user, at = codes_of(busy_rows["user"], busy), busy_rows["at"].to_numpy()
        order = np.lexsort((at, user))
        user, at = user[order], at[order]
        for span, limit in limits:
            fast = (user[limit:] == user[:-limit]) & (at[limit:] - at[:-limit] < span)
            found.append(busy.gather(np.unique(user[limit:][fast])))
    return pl.concat(found).unique().sort()
