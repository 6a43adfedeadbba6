"""Claims in words, in English and Chinese. What an item or a user brought in is cleaned, cut and quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from zlib import crc32

from zhiyin.data.catalogue import Catalogue
from zhiyin.explain.claim import Claim
from zhiyin.page import plain

__all__ = ["ACTIONS", "language", "listed", "quote", "wording"]

ACTIONS: Mapping[str, Mapping[str, str]] = {
    "chose": {"en": "chose", "zh": "选过"},
    "bought": {"en": "bought", "zh": "买过"},
    "followed": {"en": "followed", "zh": "关注过"},
    "liked": {"en": "liked", "zh": "点赞过"},
    "listened": {"en": "listened to", "zh": "听过"},
    "played": {"en": "played", "zh": "播放过"},
    "rated": {"en": "rated", "zh": "评价过"},
    "read": {"en": "read", "zh": "读过"},
    "reviewed": {"en": "reviewed", "zh": "评论过"},
    "shared": {"en": "shared", "zh": "分享过"},
    "viewed": {"en": "viewed", "zh": "浏览过"},
    "visited": {"en": "visited", "zh": "去过"},
    "watched": {"en": "watched", "zh": "看过"},
}
"""What a person has done with an item, by name and language."""

TEMPLATES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "because": ("Because you {did} {titles}", "You {did} {titles}: that is why"),
        "goes": (
            "Close to {titles}, which you {did}",
            "Goes with {titles}, which you {did}",
        ),
        "again": ("You {did} it before",),
        "like": ("More {what}, like {titles}", "{What} again, like {titles}"),
        "count": ("{What}, like {count} of your last {of}", "{count} of the last {of} you {did} are {what}"),
        "price": ("Costs about as much as {titles}",),
        "words": ("Matches {words}", "Has what you asked for: {words}"),
        "interest": ("Fits your interest in {words}", "You care for {words}"),
        "now": ("Many people are choosing it now", "Chosen often in the last weeks"),
        "among": ("Among the {count} most chosen", "One of the {count} most chosen"),
        "times": ("Chosen {count} times so far",),
        "new": ("New here",),
    },
    "zh": {
        "because": ("因为你{did}{titles}", "推荐它是因为你{did}{titles}"),
        "goes": ("与你{did}的{titles}相近", "你{did}{titles}，这个与之相配"),
        "again": ("你以前{did}",),
        "like": ("同样是{what}，如{titles}", "又是{what}，与{titles}一样"),
        "count": ("你最近{did}的 {of} 个里有 {count} 个是{what}", "{what}：你最近 {of} 个里有 {count} 个"),
        "price": ("价格与{titles}相近",),
        "words": ("符合{words}", "有你要的{words}"),
        "interest": ("符合你对{words}的兴趣", "你关心{words}"),
        "now": ("最近很多人在选", "近几周很受欢迎"),
        "among": ("最受欢迎的 {count} 个之一", "人气排在前 {count}"),
        "times": ("已被选过 {count} 次",),
        "new": ("新上架",),
    },
}  # fmt: skip

QUOTES = {"en": "“”‘’", "zh": "《》〈〉"}
"""Outer and inner marks."""


def wording(claim: Claim, items: Catalogue, *, locale: str = "en", action: str = "chose") -> str:
    """One sentence without a full stop: the same for the same claim, another for another item."""
    lang = language(locale)
    options = TEMPLATES[lang][claim.form]
    sentence = options[crc32(items.ids[claim.item].encode("utf-8", "replace")) % len(options)]
    titles, what, words = "", "", ""
    if claim.cited:
        titles = listed([quote(items.titles[code] or items.ids[code], lang) for code in claim.cited], lang)
    if claim.value or claim.decade is not None:
        what = _what(claim.value, claim.decade, lang)
    if claim.matched:
        words = listed([_marked(word, "“”‘’") for word in claim.matched[:3]], lang)
    return sentence.format(
        did=ACTIONS[action][lang], titles=titles, what=what, What=what[:1].upper() + what[1:], words=words,
        count=claim.count, of=claim.of,
    )  # fmt: skip


@lru_cache(maxsize=64)
def language(locale: str) -> str:
    """The language that speaks for a locale: Chinese for zh, zh-CN, zh_TW …; English for everything else."""
    return "zh" if locale.lower().replace("_", "-").split("-")[0] == "zh" else "en"


@lru_cache(maxsize=20_000)
def quote(title: str, lang: str) -> str:
    """A title in the quotation marks of a language; marks inside it become inner marks.

    >>> quote("Toy Story", "en"), quote("看《活着》", "zh")
    ('“Toy Story”', '《看〈活着〉》')
    """
    return _marked(title, QUOTES[lang])


def _marked(text: str, marks: str) -> str:
    said = plain(text)
    if marks[0] in said or marks[1] in said:
        said = said.replace(marks[0], marks[2]).replace(marks[1], marks[3])
    return f"{marks[0]}{said}{marks[1]}"


def listed(parts: Sequence[str], lang: str) -> str:
    """'A, B and C'."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    comma, last = (", ", " and ") if lang == "en" else ("、", "和")
    return last.join(filter(None, [comma.join(parts[:-1]), *parts[-1:]]))


@lru_cache(maxsize=20_000)
def _what(value: str, decade: int | None, lang: str) -> str:
    """'Comedy from the 1990s', '1990年代的喜剧'."""
    value = plain(value, 40)
    if decade is None:
        return value
    if lang == "zh":
        return f"{decade}年代的{value or '作品'}"
    return f"{value} from the {decade}s".strip()
