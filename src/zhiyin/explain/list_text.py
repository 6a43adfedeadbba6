"""A whole list in a sentence or two, from counted facts; and the check of what a model says of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

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
UNWELCOME = re.compile(
    r"[a-z][a-z0-9+.-]*://|(?<![a-z0-9])(?:https?|ftp|javascript|vbscript|mailto|file|magnet|tel|sms):"
    r"|data:[a-z]+/|www\s?\.|<[a-z/!]|&(?:lt|gt|#\w+);|\]\(|\b(?:system|assistant|user)\s*:|```"
    r"|[\w.+-]+@[\w-]+\.\w|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])",
    re.IGNORECASE,
)
ENDINGS = (
    "com|net|org|info|biz|edu|gov|io|co|ai|app|dev|tv|cc|top|xyz|site|shop|store|online|club|vip|link|live|cn|hk|tw|jp|"
    "kr|uk|de|fr|es|ru|eu|ca|au|br|nl|ch|example|onion"
)
DOMAIN = re.compile(
    rf"(?<![A-Za-z0-9])(?:[A-Za-z0-9-]+\.)+(?:{ENDINGS})(?![A-Za-z0-9])|[A-Za-z0-9-]+\.[A-Za-z]{{2,}}/\w"
    r"|[A-Za-z0-9-]{2,}(?:\.[A-Za-z0-9-]{2,})+\.[A-Za-z]{2,}(?![A-Za-z0-9])"
)
WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W_]+)*")
AROUND = re.compile(r"['‘«*_`\[]+$"), re.compile(r"^['’»*_`\]]+")
YEAR_BEHIND = re.compile(r"\s*[(（]\d{4}[)）]")
VERB_BEHIND = re.compile(
    r"(?:,? and|,? or|,) [A-Z]|\s+(?:is|was|has|would|will|might|may|could|should|also)\b"
)
NO_TITLE = frozenset(
    (
        "i", "it", "this", "that", "these", "those", "he", "she", "we", "you", "they", "her", "him", "us",
        "them", "here", "there", "what", "who", "all", "both", "each", "one", "now", "up", "out", "so", "if",
        "once",
        "enjoy", "nothing", "everything", "everyone", "home", "good", "great",
    )
)  # fmt: skip
"""Titles that begin a sentence, or stand in capitals, without being meant."""
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
    one of a single word where it is set off by marks or a year, has a capital within the sentence, or is what
    the sentence begins to speak of. Titles that the user has named are free. Sentences with links, addresses,
    markup or roles go as well.
    """
    mine = {key for code in codes.tolist() if (key := _title_key(items.titles[code]))}
    free = f" {key_of(said)} "
    kept = []
    for match in SENTENCE.finditer(text[:MOST]):
        sentence = match.group()
        if (
            sentence.strip()
            and not UNWELCOME.search(sentence)
            and not DOMAIN.search(sentence)
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
    named = f" {key_of(sentence)} "
    inside = [f" {title} " for title in mine if f" {title} " in named]
    for start in range(len(words)):
        for length in range(2, min(12, len(words) - start) + 1):
            key = " ".join(words[start : start + length])
            if vocabulary.title(key) < 0 or key in mine or f" {key} " in free:
                continue
            if any(key in title for title in inside):
                continue  # a part of a title of the list
            return True
    meant = _single_titles(sentence, vocabulary)
    return any(not any(f" {key} " in title for title in (*inside, free)) for key in meant)


def _single_titles(sentence: str, vocabulary: Vocabulary) -> Iterator[str]:
    """Titles of one word that are meant as such; a plain capital is no sign in a word of an attribute."""
    first = True
    for match in WORD.finditer(sentence):
        word, before, behind = match.group(), sentence[: match.start()], sentence[match.end() :]
        begins, first = first, False
        key = key_of(word)
        if vocabulary.title(key) < 0:
            continue
        marked = bool(AROUND[0].search(before) and AROUND[1].search(behind))
        if (
            marked
            or YEAR_BEHIND.match(behind)
            or (
                word[0].isupper()
                and key not in NO_TITLE
                and key not in vocabulary.values
                and (not begins or VERB_BEHIND.match(behind))
            )
        ):
            yield key


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
                common = float(np.count_nonzero(column.codes == column.values.index(word)))
                best = max(best, (share, -common, plain(word, 40)))
    return best[2]


def _years(codes: IntArray, items: Catalogue) -> tuple[int, int] | None:
    name = number_roles(items).get("year", "")
    if not name:
        return None
    years = items.numbers[name][codes]
    if not np.isfinite(years).all() or years.min() == years.max():
        return None
    return int(years.min()), int(years.max())
