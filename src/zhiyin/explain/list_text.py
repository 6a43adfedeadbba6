"""A whole list in a sentence or two, from counted facts; and the check of what a model says of it."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.explain.wording import language, quote
from zhiyin.page import plain
from zhiyin.represent.units import folded, key_of, units
from zhiyin.represent.vocabulary import Vocabulary, number_roles
from zhiyin.types import IntArray

__all__ = ["checked_text", "list_text"]

MOSTLY = 0.6
"""Share of the list that must have a word for "mostly"."""
SENTENCE = re.compile(r".+?(?:[.!?]+[”\"’]?(?=\s|$)|[。！？\n]+|$)", re.DOTALL)
QUOTED = re.compile(r"[“\"《‘「]([^”\"》’」]{2,100})[”\"》’」]")
UNWELCOME = re.compile(r"https?:|www\.|<[a-z/!]|\]\(|\b(?:system|assistant|user)\s*:|```", re.IGNORECASE)
MOST = 600
"""Characters of a text of a model."""
FORMS = {
    "en": {
        "none": "Nothing fits.", "one": "One item: {titles}.",
        "many": "{n} items{mostly}{years}. First: {titles}.",
        "mostly": ", mostly {}", "years": ", {} to {}", "and": " and ", "comma": ", ",
    },
    "zh": {
        "none": "没有合适的。", "one": "只有一项：{titles}。",
        "many": "共 {n} 项{mostly}{years}。排在前面的是{titles}。",
        "mostly": "，多为{}", "years": "，{} 至 {} 年", "and": "和", "comma": "、",
    },
}  # fmt: skip


def list_text(codes: IntArray, items: Catalogue, *, locale: str = "en") -> str:
    """How many, what most of them are, from which years, and the first three titles: all of it counted."""
    lang = language(locale)
    say = FORMS[lang]
    if not len(codes):
        return say["none"]
    named = [quote(items.titles[code], lang) for code in codes[:3].tolist()]
    if len(codes) == 1:
        return say["one"].format(titles=named[0])
    listed = say["and"].join([say["comma"].join(named[:-1]), named[-1]])
    word, span = _mostly(codes, items), _years(codes, items)
    return say["many"].format(
        n=len(codes),
        mostly=say["mostly"].format(word) if word else "",
        years=say["years"].format(*span) if span else "",
        titles=listed,
    )


def checked_text(text: str, codes: IntArray, items: Catalogue, vocabulary: Vocabulary, said: str = "") -> str:
    """What may be shown of a model's text about a list: sentences that name no other item, plain, cut.

    A title counts as named where it stands in quotation marks, or word for word when it has several words;
    titles that the user has named are free. Sentences with links, markup or roles go as well.
    """
    mine = {key for code in codes.tolist() if (key := _title_key(items.titles[code]))}
    free = f" {key_of(said)} "
    kept = []
    for match in SENTENCE.finditer(text[:MOST]):
        sentence = match.group()
        if (
            sentence.strip()
            and not UNWELCOME.search(sentence)
            and not _strange(sentence, mine, free, vocabulary)
        ):
            kept.append(plain(sentence, MOST))
    return " ".join(filter(None, kept)).strip()


def _strange(sentence: str, mine: set[str], free: str, vocabulary: Vocabulary) -> bool:
    """Whether a sentence names an item that is neither in the list nor in the user's own words."""
    for match in QUOTED.finditer(sentence):
        key = _title_key(match.group(1))
        if key not in mine and f" {key} " not in free:
            return True
    words = [unit for unit, _, _ in units(folded(sentence))]
    inside = " ".join(words)
    for start in range(len(words)):
        for length in range(2, min(12, len(words) - start) + 1):
            key = " ".join(words[start : start + length])
            if vocabulary.title(key) < 0 or key in mine or f" {key} " in free:
                continue
            if any(key in title and title in inside for title in mine):
                continue  # a part of a title of the list
            return True
    return False


def _title_key(title: str) -> str:
    return key_of(re.sub(r"\s*[(（]\d{4}[)）]\s*$", "", title))


def _mostly(codes: IntArray, items: Catalogue) -> str:
    """The attribute word that most of the list has; the rarest in the catalogue among equals."""
    best: tuple[float, float, str] = (0.0, 0.0, "")
    for column in items.words.values():
        counts = Counter(word for code in codes.tolist() for word in set(column.words(code)))
        for word, n in counts.items():
            share = n / len(codes)
            if share >= MOSTLY and not word.isdecimal():
                best = max(best, (share, -float(np.count_nonzero(column.codes == 0)), plain(word, 40)))
    return best[2]


def _years(codes: IntArray, items: Catalogue) -> tuple[int, int] | None:
    name = number_roles(items).get("year", "")
    if not name:
        return None
    years = items.numbers[name][codes]
    if not np.isfinite(years).all() or years.min() == years.max():
        return None
    return int(years.min()), int(years.max())
