"""What was understood of a request, as one line that a person can check and correct."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filter_terms import Term
from zhiyin.data.filters import parse_filter
from zhiyin.errors import FilterError
from zhiyin.explain.wording import language, quote
from zhiyin.page import plain
from zhiyin.types import Intent

__all__ = ["filter_in_words", "understood_as"]

SIGNS = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "=": "", "!=": "≠"}
WORDS = {
    "en": {
        "not": "no {}", "less": "less {}", "like": "like {}", "unlike": "not like {}", "new": "new",
        "near": "perhaps {}",
        "old": "old", "popular": "well known", "niche": "little known", "good": "well rated",
        "text": "about “{}”", "relaxed": "nothing fits “{}”, so it was left out",
        "unmet": "unknown here: {}", "lead": "Understood as: {}", "and": ", ", "or": " or ",
    },
    "zh": {
        "not": "不要{}", "less": "少些{}", "like": "像{}", "unlike": "不像{}", "near": "大概是{}",
        "new": "新的", "old": "老的",
        "popular": "热门", "niche": "冷门", "good": "评价高", "text": "关于“{}”",
        "relaxed": "没有符合“{}”的，已放宽", "unmet": "目录里没有：{}", "lead": "理解为：{}",
        "and": "，", "or": "或",
    },
}  # fmt: skip
LONGEST = 60


def understood_as(
    intent: Intent, items: Catalogue, *, locale: str = "en", relaxed: Sequence[str] = ()
) -> str:
    """One line; empty when nothing was understood. Words of users and items are cleaned and cut."""
    lang = language(locale)
    say = WORDS[lang]
    parts = [filter_in_words(one, lang) for one in intent.require if one not in relaxed]
    for wish in intent.wishes:
        said = "" if wish.said == wish.filter else plain(wish.said, LONGEST)
        said = said or filter_in_words(wish.filter, lang)
        if intent.source == "vectors":
            said = say["near"].format(said)
        parts.append(said if wish.by > 0 else say["less"].format(said))
    for names, form in ((intent.like, "like"), (intent.unlike, "unlike")):
        parts += [say[form].format(_title(name, items, lang)) for name in names[:5]]
    turns = (("new", "old", intent.fresh), ("popular", "niche", intent.popular), ("good", "", intent.quality))
    parts += [say[more if by > 0 else less] for more, less, by in turns if by and (by > 0 or less)]
    if intent.text and intent.text not in {wish.said for wish in intent.wishes}:
        parts.append(say["text"].format(plain(intent.text, LONGEST)))
    parts += [say["relaxed"].format(filter_in_words(one, lang)) for one in relaxed]
    parts += [say["unmet"].format(plain(one, LONGEST)) for one in intent.unmet]
    kept = list(dict.fromkeys(filter(None, parts)))
    return say["lead"].format(say["and"].join(kept)) if kept else ""


def filter_in_words(expression: str, lang: str = "en") -> str:
    """A filter as people read it: "year ≥ 1990 < 2000", "no Horror"."""
    say = WORDS[lang]
    try:
        program = parse_filter(expression).program
    except FilterError:
        return plain(expression, LONGEST)
    stack: list[str] = []
    name = ""
    for step in program:
        if isinstance(step, Term):
            stack.append(_term_in_words(step, name, say["or"]))
            name = step.name
        elif step == "not":
            stack.append(say["not"].format(stack.pop()))
        else:
            right = stack.pop()
            stack.append((" " if step == "and" else say["or"]).join((stack.pop(), right)))
    return stack[0]


def _term_in_words(term: Term, named: str, either: str) -> str:
    """The attribute's name where the term before it has another; words speak for themselves."""
    values = either.join(plain(value.text, LONGEST) for value in term.values[:6])
    if not term.values or any(value.kind != "number" for value in term.values):
        return values or plain(term.name, LONGEST)
    head = "" if term.name == named else plain(term.name, LONGEST)
    return " ".join(filter(None, (head, SIGNS.get(term.does, ""), values)))


def _title(name: str, items: Catalogue, lang: str) -> str:
    code = items.ids.code(name)
    return quote(items.titles[code] if code >= 0 else name, lang)
