"""The catalogue: items as columns, ids as codes."""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import DataError, shorten
from zhiyin.types import IntArray, Item

__all__ = ["Catalogue", "Categories", "Ids", "as_words", "known"]

log = logging.getLogger(__name__)

NUMBERS = 0.9
"""Share of an attribute's values, over the items that have it, from which on it is one of numbers: one word
sent in the place of a price must not make words of all prices, nor may sizes such as 38, 40 and XL lose their
words."""


WHOLE = 1e15
"""Below this every whole float is exact, and is written in full."""


class Ids(Sequence[str]):
    """Names with their codes, both ways.

    >>> ids = Ids(["a", "b"]); ids.code("b"), ids.code("nobody"), ids[0]
    (1, -1, 'a')
    """

    __slots__ = ("_code", "_names")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = tuple(names)
        self._code = {name: code for code, name in enumerate(self._names)}
        if len(self._code) != len(self._names):
            seen: set[str] = set()
            twice = next(name for name in self._names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise ValueError(f"every id must be there once, {twice!r} comes twice")

    def plus(self, names: Sequence[str]) -> Ids:
        """The same names with others, none of which is there yet, behind them."""
        longer = Ids()
        longer._names = (*self._names, *names)
        longer._code = {**self._code, **{name: len(self) + place for place, name in enumerate(names)}}
        if len(longer._code) != len(longer._names):
            raise ValueError("every id must be there once: some of the new names are known already")
        return longer

    def code(self, name: str) -> int:
        """The code of a name, -1 when nobody has it."""
        return self._code.get(name, -1)

    def codes(self, names: Iterable[str]) -> IntArray:
        """Codes of many names, -1 for the unknown; DataError for one text instead of many."""
        if isinstance(names, str):
            raise DataError("a list of ids", value=names, hint=f"Write [{names!r}]")
        return np.fromiter((self._code.get(name, -1) for name in names), np.int32)

    def named(self, codes: IntArray) -> list[str]:
        """Names of many codes."""
        names = self._names
        return [names[code] for code in codes.tolist()]

    def like(self, name: str) -> str:
        """A sentence that offers the nearest names; for messages."""
        close = difflib.get_close_matches(name, self._names[:20_000], n=3) or self._names[:3]
        return f"did you mean one of {', '.join(map(repr, close))}?" if close else "there are none"

    def __getitem__(self, code):  # type: ignore[no-untyped-def]  # the two overloads of Sequence
        return self._names[code]

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and self._names == other._names

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ids({len(self):,}: {', '.join(map(repr, self._names[:3]))}{' …' if len(self) > 3 else ''})"


def known(codes: IntArray) -> IntArray:
    """The codes of a catalogue's items among these, ascending and each once; -1, unknown, is left out."""
    found: IntArray = np.unique(codes[codes >= 0]).astype(np.int32)
    return found


@dataclass(frozen=True, slots=True)
class Categories:
    """A word attribute with any number of words per item, as one compressed table."""

    values: tuple[str, ...]
    """(v,) the vocabulary."""
    indptr: NDArray[np.int64]
    """(n_items + 1,) the words of item i are `codes[indptr[i]:indptr[i+1]]`."""
    codes: IntArray
    _code: Mapping[str, int] | None = field(default=None, init=False, repr=False, compare=False)
    """Word -> its code; made when first asked for and handed on to the tables that come of this one."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> Categories:
        """From the words of each item."""
        vocabulary: dict[str, int] = {}
        codes = [vocabulary.setdefault(word, len(vocabulary)) for row in rows for word in row]
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        return cls(tuple(vocabulary), np.concatenate(([0], np.cumsum(lengths))), np.array(codes, np.int32))

    def take(self, items: IntArray) -> Categories:
        """The words of some items, in their order, with the same vocabulary."""
        starts, lengths = self.indptr[items], self.indptr[items + 1] - self.indptr[items]
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        place = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return Categories(self.values, indptr, self.codes[place])

    def with_rows(self, items: IntArray, rows: Sequence[Sequence[str]], n: int) -> Categories:
        """The same for `n` items, with other words for some (ascending codes); no word loses its code."""
        code = self._lookup()
        fresh = dict.fromkeys(word for row in rows for word in row if word not in code)
        if fresh:
            code = {**code, **{word: len(self.values) + place for place, word in enumerate(fresh)}}
        before = np.diff(self.indptr)
        lengths = np.zeros(n, np.int64)
        lengths[: len(before)] = before
        kept = np.ones(n, np.bool_)
        kept[items] = False
        lengths[items] = [len(row) for row in rows]
        old = np.repeat(kept, lengths)
        joined = np.empty(len(old), np.int32)
        joined[old] = self.codes[np.repeat(kept[: len(before)], before)]
        joined[~old] = [code[word] for row in rows for word in row]
        values = (*self.values, *fresh) if fresh else self.values
        return Categories(values, np.concatenate(([0], np.cumsum(lengths))), joined)._with_lookup(code)

    def _lookup(self) -> Mapping[str, int]:
        code = self._code
        if code is None:
            code = {word: code for code, word in enumerate(self.values)}
            self._with_lookup(code)
        return code

    def _with_lookup(self, code: Mapping[str, int]) -> Categories:
        object.__setattr__(self, "_code", code)
        return self

    def words(self, item: int) -> tuple[str, ...]:
        """The words of one item."""
        return tuple(self.values[code] for code in self.codes[self.indptr[item] : self.indptr[item + 1]])


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All items. Row i of every column belongs to the item with code i."""

    ids: Ids
    titles: tuple[str, ...]
    texts: tuple[str, ...]
    """What the encoder reads besides the title: a description, an abstract; may be empty."""
    words: Mapping[str, Categories] = field(default_factory=dict)
    """Word attributes (genre, brand …) by name."""
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Number attributes (price, year …) by name; NaN = missing."""

    @classmethod
    def of(cls, items: Iterable[Item]) -> Catalogue:
        """From items; an attribute is a number column when `NUMBERS` of the values given are numbers. The few
        words among them count as missing, and a warning in the log counts them."""
        rows = [_checked(item) for item in items]
        names, numeric = _kinds(rows)
        for name in sorted(numeric):
            _tell_words(name, [item for item in rows if not _is_number(item.attributes.get(name))], len(rows))
        return cls(
            ids=Ids(item.id for item in rows),
            titles=tuple(item.title or item.id for item in rows),
            texts=tuple(item.text for item in rows),
            words={
                name: Categories.of([as_words(item.attributes.get(name)) for item in rows])
                for name in names
                if name not in numeric
            },
            numbers={
                name: _as_numbers([item.attributes.get(name) for item in rows])
                for name in names
                if name in numeric
            },
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def has_text(self) -> bool:
        """Whether any item says more of itself than its id."""
        return bool(self.words) or any(self.texts) or self.titles != tuple(self.ids)

    def item(self, code: int) -> Item:
        """The item with this code, as an object."""
        attributes: dict[str, float | str | tuple[str, ...]] = {
            name: column.words(code) for name, column in self.words.items() if column.words(code)
        }
        for name, numbers in self.numbers.items():
            if not np.isnan(numbers[code]):
                attributes[name] = float(numbers[code])
        return Item(self.ids[code], self.titles[code], self.texts[code], attributes)

    def describe(self, code: int) -> str:
        """The text that stands for an item before an encoder: title, words, description.

        Words that are mere numbers (category ids) mean nothing to it and are left out.
        """
        words = (
            " ".join(word for word in column.words(code) if not word.isdecimal())
            for column in self.words.values()
        )
        return ". ".join(part for part in (self.titles[code], *words, self.texts[code]) if part)

    def take(self, codes: IntArray) -> Catalogue:
        """Some items as a catalogue of their own, in the order given; columns and vocabularies stay."""
        places = codes.tolist()
        return Catalogue(
            Ids(self.ids[place] for place in places),
            tuple(self.titles[place] for place in places),
            tuple(self.texts[place] for place in places),
            {name: column.take(codes) for name, column in self.words.items()},
            {name: column[codes] for name, column in self.numbers.items()},
        )

    def with_items(self, items: Iterable[Item]) -> Catalogue:
        """A new catalogue: `items` replace those of the same id or stand at the end; no code changes.

        Costs a copy of the columns, 10 to 20 ms at 100,000 items. An attribute of numbers stays one: a word
        there, even "12.5", is no number, and the item has none. Of a new attribute the first value decides,
        so that pieces of any size come to the same.
        """
        given = {item.id: _checked(item) for item in items}
        if not given:
            return self
        known = [identity for identity in given if identity in self.ids]
        known.sort(key=self.ids.code)
        added = [identity for identity in given if identity not in self.ids]
        rows = [given[identity] for identity in (*known, *added)]
        codes = np.concatenate(
            (self.ids.codes(known), np.arange(len(self), len(self) + len(added), dtype=np.int32))
        )
        n = len(self) + len(added)
        words, numbers = self._columns(given.values())
        return Catalogue(
            ids=self.ids.plus(added) if added else self.ids,
            titles=_spliced(self.titles, codes, [item.title or item.id for item in rows]),
            texts=_spliced(self.texts, codes, [item.text for item in rows]),
            words={
                name: column.with_rows(codes, [as_words(item.attributes.get(name)) for item in rows], n)
                for name, column in words.items()
            },
            numbers={
                name: _numbers(column, codes, [item.attributes.get(name) for item in rows], n)
                for name, column in numbers.items()
            },
        )

    def _columns(self, rows: Iterable[Item]) -> tuple[dict[str, Categories], dict[str, NDArray[np.float64]]]:
        """The columns that are there, and an empty one for every attribute that only the rows have."""
        nothing = np.zeros(len(self) + 1, np.int64)
        words, numbers = dict(self.words), dict(self.numbers)
        for name, value in (one for row in rows for one in row.attributes.items()):
            if value is None or name in words or name in numbers:
                continue
            if _is_number(value):
                numbers[name] = np.full(len(self), np.nan)
            else:
                words[name] = Categories((), nothing, np.empty(0, np.int32))
        return {name: words[name] for name in sorted(words)}, {
            name: numbers[name] for name in sorted(numbers)
        }


def _checked(item: Item) -> Item:
    """The item, if every part of it is what it should be; else DataError that names it."""
    for name, text in (("id", item.id), ("title", item.title), ("text", item.text)):
        if not isinstance(text, str):
            raise DataError(f"text for the {name} of item {item.id!r}", value=text, column=name)
    if not item.id:
        raise DataError("an id of one character at least", value="", column="id")
    return item


def _kinds(rows: Sequence[Item]) -> tuple[list[str], set[str]]:
    """The names of all attributes in their order, and those of numbers."""
    given = Counter(name for row in rows for name, value in row.attributes.items() if value is not None)
    numbers = Counter(
        name for row in rows for name, value in row.attributes.items() if isinstance(value, (int, float))
    )
    return sorted(given), {name for name, n in given.items() if numbers[name] >= NUMBERS * n}


def _tell_words(name: str, items: Sequence[Item], n: int) -> None:
    if items:
        first, value = items[0].id, items[0].attributes[name]
        log.warning(
            "the attribute %s is of numbers: words of %d of %d items count as missing, such as %s of item %s",
            shorten(repr(name)), len(items), n, shorten(repr(value)), shorten(repr(first)),
        )  # fmt: skip


def _is_number(value: object) -> bool:
    """Or missing."""
    return value is None or isinstance(value, (int, float))


def _as_numbers(values: Sequence[object]) -> NDArray[np.float64]:
    """(n,) with NaN for what is missing or a word, even "12.5"."""
    return np.array([value if _is_number(value) else None for value in values], np.float64)


def _spliced(column: tuple[str, ...], codes: IntArray, values: Sequence[str]) -> tuple[str, ...]:
    """The column with other values at some codes, which may lie just behind its end."""
    n_known = int(np.searchsorted(codes, len(column)))
    if not n_known:
        return (*column, *values)
    joined = list(column)
    for code, value in zip(codes[:n_known].tolist(), values):
        joined[code] = value
    return (*joined, *values[n_known:])


def _numbers(
    column: NDArray[np.float64], codes: IntArray, values: Sequence[object], n: int
) -> NDArray[np.float64]:
    joined = np.concatenate((column, np.full(n - len(column), np.nan)))
    joined[codes] = _as_numbers(values)
    return joined


def as_words(value: object) -> tuple[str, ...]:
    """The words of an attribute. A whole number is spelt without a point, as a filter names it.

    >>> as_words(35.0), as_words(["XL", 7]), as_words(None)
    (('35',), ('XL', '7'), ())
    """
    if value is None:
        return ()
    if isinstance(value, (tuple, list)):
        return tuple(map(_spelt, value))
    return (_spelt(value),)


def _spelt(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE:
        return str(int(value))
    return str(value)
