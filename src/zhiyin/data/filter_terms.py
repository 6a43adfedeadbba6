"""One term of a filter over all items at once.

What a column needs for it (the place of each word, the item of each word, all titles as one text) is made
once and remembered for the two catalogues that were asked last.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue, Categories
from zhiyin.data.filter_memory import Memory
from zhiyin.data.filter_words import Token
from zhiyin.errors import FilterError, nearest

__all__ = ["Term", "term_mask"]

Mask = NDArray[np.bool_]

COMPARISONS: Mapping[str, Callable[[Any, float], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
ON_WORDS = "= != `in` `not in` `contains` `exists`"
ON_NUMBERS = "= != < <= > >= `in` `not in` `exists`"
PARTS = ("id", "title", "text")
BREAK = b"\n"
"""Between two texts of one long text: no needle holds it, because it is taken out of both."""
FEW_WORDS = 8
"""So many comparisons with one word cost less than looking every word up in a table."""
FEW_HITS = 2_000
"""So many steps of `bytes.find` cost less than comparing whole arrays letter by letter."""


remembered = Memory().of


@dataclass(frozen=True, slots=True)
class Term:
    """`name does values`."""

    name: str
    does: str
    """= != < <= > >= in, not in, contains, exists"""
    values: tuple[Token, ...]
    at: int
    """Place of the name in the expression."""


def term_mask(term: Term, catalogue: Catalogue, text: str) -> Mask:
    """(n_items,) a new array: True where an item fits the term. `text` is the expression, for messages."""
    if term.name == "id":
        return _ids(term, catalogue, text)
    if term.name in PARTS:
        return _texts(term, catalogue.titles if term.name == "title" else catalogue.texts, text)
    if term.name in catalogue.words:
        return _words(term, catalogue.words[term.name], text)
    if term.name in catalogue.numbers:
        return _numbers(term, catalogue.numbers[term.name], text)
    known = [*PARTS, *catalogue.words, *catalogue.numbers]
    raise FilterError("an attribute of the items", text=text, at=term.at, hint=nearest(term.name, known))


def _numbers(term: Term, column: NDArray[np.float64], text: str) -> Mask:
    if term.does == "exists":
        return ~np.isnan(column)
    if term.does == "contains":
        raise FilterError(ON_NUMBERS, text=text, at=term.at, hint=f"{term.name} holds numbers")
    values = [_number(value, term, text) for value in term.values]
    if term.does in COMPARISONS:
        found = COMPARISONS[term.does](column, values[0])
    else:
        found = np.isin(column, values, invert=term.does == "not in")
    if term.does in ("!=", "not in"):  # the only ones that a missing number would fit
        found &= ~np.isnan(column)
    mask: Mask = found
    return mask


def _number(value: Token, term: Term, text: str) -> float:
    if value.kind != "number":
        raise FilterError(
            "a number", text=text, at=value.at, hint=f"{term.name} holds numbers, got {value.said()}"
        )
    return float(value.text)


def _words(term: Term, table: Categories, text: str) -> Mask:
    n = len(table.indptr) - 1
    if term.does == "exists":
        found: Mask = table.indptr[1:] > table.indptr[:-1]
        return found
    _holds_words(term, text)
    if term.does == "contains":
        return _owners(term.name, table, _holding(term.name, table.values, term.values[0].text))
    place = remembered(
        table.values, term.name, "place", lambda: {word: code for code, word in enumerate(table.values)}
    )
    chosen = np.zeros(len(table.values), np.bool_)
    for value in term.values:
        chosen[place.get(value.text, [])] = True
    mask = _owners(term.name, table, chosen) if chosen.any() else np.zeros(n, np.bool_)
    if term.does in ("!=", "not in"):
        mask = (table.indptr[1:] > table.indptr[:-1]) & ~mask
    return mask


def _owners(name: str, table: Categories, chosen: Mask) -> Mask:
    """(n_items,) which items have one of the chosen words."""
    n = len(table.indptr) - 1
    codes = np.flatnonzero(chosen)
    if len(codes) <= FEW_WORDS:
        hits = np.zeros(len(table.codes), np.bool_)
        for code in codes:
            hits |= table.codes == code
    else:
        hits = chosen[table.codes]
    if len(table.codes) == n and remembered(table.indptr, name, "single", lambda: _single(table.indptr)):
        single: Mask = hits
        return single
    owner = remembered(table.indptr, name, "owner", lambda: _owner(table.indptr))
    mask = np.zeros(n, np.bool_)
    mask[owner[np.flatnonzero(hits)]] = True
    return mask


def _single(indptr: NDArray[np.int64]) -> bool:
    """Whether every item has exactly one word."""
    return bool((np.diff(indptr) == 1).all())


def _owner(indptr: NDArray[np.int64]) -> NDArray[np.int32]:
    """Which item each word of a table belongs to."""
    return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))


def _ids(term: Term, catalogue: Catalogue, text: str) -> Mask:
    n = len(catalogue)
    if term.does == "exists":
        return np.ones(n, np.bool_)
    _holds_words(term, text)
    if term.does == "contains":
        return _holding(term.name, catalogue.ids, term.values[0].text)
    codes = catalogue.ids.codes(value.text for value in term.values)
    mask = np.zeros(n, np.bool_)
    mask[codes[codes >= 0]] = True
    return ~mask if term.does in ("!=", "not in") else mask


def _texts(term: Term, texts: Sequence[str], text: str) -> Mask:
    _holds_words(term, text)
    there = remembered(texts, term.name, "there", lambda: np.fromiter(map(bool, texts), np.bool_, len(texts)))
    if term.does == "exists":
        return there.copy()
    if term.does == "contains":
        return there & _holding(term.name, texts, term.values[0].text)
    place = remembered(texts, term.name, "rows", lambda: _rows(texts))
    mask = np.zeros(len(texts), np.bool_)
    for value in term.values:
        mask[place.get(value.text, [])] = True
    return there & ~mask if term.does in ("!=", "not in") else mask & there


def _rows(texts: Sequence[str]) -> dict[str, list[int]]:
    """Where each text stands, which may be in several places."""
    rows: dict[str, list[int]] = {}
    for row, words in enumerate(texts):
        rows.setdefault(words, []).append(row)
    return rows


def _holding(name: str, texts: Sequence[str], needle: str) -> Mask:
    """(len(texts),) which of them contain the needle, in any case of letters."""
    long, starts = remembered(texts, name, "long", lambda: _long(texts))
    sought = _folded(needle)
    mask = np.zeros(len(texts), np.bool_)
    if not sought:
        return ~mask
    places = np.fromiter(islice(_finds(long, sought), FEW_HITS), np.int64)
    if len(places) == FEW_HITS:
        places = _places(np.frombuffer(long, np.uint8), sought)
    mask[np.searchsorted(starts, places, side="right") - 1] = True
    return mask


def _finds(long: bytes, sought: bytes) -> Iterator[int]:
    at = long.find(sought)
    while at >= 0:
        yield at
        # The rest of a text that holds the needle says nothing new.
        at = long.find(sought, long.find(BREAK, at) + 1)


def _places(long: NDArray[np.uint8], sought: bytes) -> NDArray[np.int64]:
    """Every place where `sought` begins, found letter by letter."""
    places = np.flatnonzero(long[: len(long) - len(sought) + 1] == sought[0])
    for step, letter in enumerate(sought[1:], 1):
        places = places[long[places + step] == letter]
    return places


def _long(texts: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
    """All texts as one, each closed by a break, and where each begins.

    UTF-8: no letter's bytes begin inside of another's, so bytes are found where letters would be.
    """
    folded = [_folded(words) for words in texts]
    lengths = np.fromiter((len(words) + 1 for words in folded), np.int64, len(folded))
    return BREAK.join([*folded, b""]), np.cumsum(lengths) - lengths


def _folded(words: str) -> bytes:
    return words.casefold().encode("utf-8", "surrogatepass").replace(BREAK, b" ")


def _holds_words(term: Term, text: str) -> None:
    if term.does in ("<", "<=", ">", ">="):
        raise FilterError(ON_WORDS, text=text, at=term.at, hint=f"{term.name} holds words")
