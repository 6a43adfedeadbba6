"""Why an item is not in a list, in words: one sentence, and what would have to be different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zhiyin.explain.wording import language, listed, quote
from zhiyin.page import plain

__all__ = ["STAGES", "Absence", "absence_of"]

TEMPLATES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "en": {
        "unknown": ("The catalogue has no item {title}", "Add it to the catalogue"),
        "removed": ("{title} was removed from the catalogue", "Add it again"),
        "unavailable": ("{title} is in the catalogue, but not available", "Make it available"),
        "unnamed": ("{title} is not among the candidates that the request names", "Name it in the request"),
        "seen": ("{title} is in the history, and what was seen does not come back", "Let seen items return"),
        "disliked": ("{title} was disliked or hidden, and never comes back", ""),
        "excluded": ("The request excludes {title}", "Take it out of what is excluded"),
        "filter": ("{title} does not pass the filter: {terms}", "Ask without: {terms}"),
        "silent": ("No source has anything to say for {title} here", ""),
        "far": ("No source puts {title} among its first {each}; the best place is {best} at {source}", ""),
        "cut": ("{title} was proposed by {sources}, but only {limit} of {of} proposals go on", ""),
        "ranked": ("{title} is number {place} of {of}; the list ends at {n}", "Ask for {place} items"),
        "policy": ("{title} was number {before} of the order; {policy} made it {place}", "Ask without it"),
        "listed": ("{title} is in the list: number {place}", ""),
    },
    "zh": {
        "unknown": ("目录里没有{title}", "把它加入目录"),
        "removed": ("{title}已从目录中移除", "重新加入"),
        "unavailable": ("{title}在目录里，但目前不可用", "把它设为可用"),
        "unnamed": ("{title}不在请求给出的候选之中", "在请求中写上它"),
        "seen": ("{title}在历史记录里，看过的不再出现", "允许看过的再次出现"),
        "disliked": ("{title}被标为不喜欢或已隐藏，不会再出现", ""),
        "excluded": ("请求排除了{title}", "从排除项中去掉它"),
        "filter": ("{title}不符合筛选条件：{terms}", "去掉条件：{terms}"),
        "silent": ("对这段历史，没有任何来源推荐{title}", ""),
        "far": ("没有来源把{title}排进前 {each}；最好的名次是 {source} 的第 {best}", ""),
        "cut": ("{title}由{sources}提出，但 {of} 个提名中只有 {limit} 个进入下一步", ""),
        "ranked": ("{title}在 {of} 个里排第 {place}，列表只到第 {n}", "要 {place} 个就能看到"),
        "policy": ("{title}原排第 {before}，{policy} 把它移到第 {place}", "不用这条规则"),
        "listed": ("{title}就在列表里，第 {place} 个", ""),
    },
}  # fmt: skip

STAGES: tuple[str, ...] = tuple(TEMPLATES["en"])
"""Every answer to "why not", in the order in which a decision would have dropped the item."""

AFTER = {
    "en": "Right after {titles} it would be number {place}",
    "zh": "如果刚选了{titles}，它会排第 {place}",
}


@dataclass(frozen=True, slots=True)
class Absence:
    """Which stage of a decision dropped an item."""

    item: str
    title: str
    stage: str
    """One of `STAGES`."""
    text: str
    changes: tuple[str, ...] = ()
    """What would have to be different, each enough by itself for this stage; empty = nothing was found."""
    place: int = 0
    """Of the item in the final order, from 1; 0 = it is not in it."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """source -> the item's place in its own order, from 1; only sources that found it."""


def absence_of(
    stage: str,
    item: str,
    title: str,
    *,
    locale: str,
    facts: Mapping[str, int | str | Sequence[str]] | None = None,
    after: Sequence[tuple[Sequence[str], int]] = (),
    sources: Mapping[str, int] | None = None,
) -> Absence:
    """The sentence for a stage; `facts` fill its blanks, `after` are (titles, place) of what would help."""
    lang, facts = language(locale), facts or {}
    place = facts.get("place", 0)
    blanks = {name: _said(value, lang) for name, value in facts.items()}
    blanks["title"] = quote(title or item, lang)
    text, change = (words.format_map(blanks) for words in TEMPLATES[lang][stage])
    helped = [
        AFTER[lang].format(titles=listed([quote(name, lang) for name in names], lang), place=at)
        for names, at in after
    ]
    changes = tuple(filter(None, [change, *helped]))
    return Absence(
        item, title, stage, text, changes, int(place) if isinstance(place, int) else 0, sources or {}
    )


def _said(value: int | str | Sequence[str], lang: str) -> str:
    if isinstance(value, int):
        return str(value)
    return plain(value) if isinstance(value, str) else listed([plain(word) for word in value], lang)
