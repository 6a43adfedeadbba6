"""Which terms stand in which item, as counts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.retrieve.segment import terms
from zhiyin.types import IntArray

__all__ = ["TermTable"]


@dataclass(frozen=True, slots=True)
class TermTable:
    """Counts of terms per item: titles apart from the rest, because a word in a title says more."""

    vocabulary: Mapping[str, int]
    titles: sparse.csr_matrix
    """(n, v)"""
    bodies: sparse.csr_matrix
    """(n, v) attribute words, whole numbers and the text."""
    digests: NDArray[np.uint64]
    """(n,) of what was read."""

    @classmethod
    def of(cls, items: Catalogue) -> TermTable:
        """Cuts every item into terms; about 20,000 short items a second."""
        bodies = [_body(items, code) for code in range(len(items))]
        vocabulary: dict[str, int] = {}
        titles, rest = counts(items.titles, vocabulary), counts(bodies, vocabulary)
        titles.resize(rest.shape)
        return cls(vocabulary, titles, rest, _digests(items.titles, bodies))

    def changed(self, items: Catalogue, asked: NDArray[np.integer]) -> IntArray:
        """Those of the items asked for that read otherwise than what this table has read."""
        digests = _digests(
            [items.titles[code] for code in asked], [_body(items, int(code)) for code in asked]
        )
        known = np.append(self.digests, np.zeros(1, np.uint64))[np.minimum(asked, len(self.digests))]
        found: IntArray = asked[(asked >= len(self.digests)) | (digests != known)].astype(np.int32)
        return found

    def with_items(self, items: Catalogue, codes: IntArray) -> TermTable:
        """The same with some items (ascending codes) cut anew; all that are new must be among them."""
        bodies = [_body(items, int(code)) for code in codes]
        names = [items.titles[code] for code in codes]
        vocabulary = dict(self.vocabulary)
        new_titles, new_bodies = counts(names, vocabulary), counts(bodies, vocabulary)
        new_titles.resize(new_bodies.shape)
        digests = np.concatenate((self.digests, np.zeros(len(items), np.uint64)))[: len(items)]
        digests[codes] = _digests(names, bodies)
        titles = rows_replaced(self.titles, new_titles, codes, len(items))
        return TermTable(
            vocabulary, titles, rows_replaced(self.bodies, new_bodies, codes, len(items)), digests
        )

    def weighted(self, title_weight: float, codes: IntArray | None = None) -> sparse.csr_matrix:
        """(n, v) counts in which a term of a title counts `title_weight` times; of some items where given."""
        titles, bodies = self.titles, self.bodies
        if codes is not None:
            titles, bodies = titles[codes], bodies[codes]
        return (titles * np.float32(title_weight) + bodies).tocsr()

    def asked(self, text: str) -> sparse.csr_matrix:
        """(1, v) the known terms of a text."""
        known = [term for term in terms(text) if term in self.vocabulary]
        return _rows([known], self.vocabulary)

    def state(self) -> State:
        """As arrays and strings."""
        state: State = {"vocabulary": "\n".join(self.vocabulary), "digests": self.digests}
        for name, table in (("titles", self.titles), ("bodies", self.bodies)):
            state[f"{name}_indptr"] = table.indptr.astype(np.int64)
            state[f"{name}_indices"] = table.indices.astype(np.int32)
            state[f"{name}_counts"] = table.data.astype(np.float32)
        return state

    @classmethod
    def saved(cls, state: Mapping[str, NDArray[np.generic] | str]) -> TermTable:
        """From what `state` gave."""
        names = str(state["vocabulary"]).split("\n") if state["vocabulary"] else []
        shape = (len(np.asarray(state["digests"])), len(names))
        titles, bodies = (
            sparse.csr_matrix(
                tuple(np.asarray(state[f"{table}_{part}"]) for part in ("counts", "indices", "indptr")),
                shape=shape,
            )
            for table in ("titles", "bodies")
        )
        vocabulary = {name: code for code, name in enumerate(names)}
        return cls(vocabulary, titles, bodies, np.asarray(state["digests"], np.uint64))


def counts(texts: Sequence[str], vocabulary: dict[str, int]) -> sparse.csr_matrix:
    """(n, v) counts of the terms of texts; new terms are added to `vocabulary`."""
    rows = [terms(text) for text in texts]
    for row in rows:
        for term in row:
            vocabulary.setdefault(term, len(vocabulary))
    return _rows(rows, vocabulary)


def _rows(rows: Sequence[Sequence[str]], vocabulary: Mapping[str, int]) -> sparse.csr_matrix:
    counted = [Counter(vocabulary[term] for term in row) for row in rows]
    lengths = np.fromiter((len(row) for row in counted), np.int64, len(rows))
    return sparse.csr_matrix(
        (
            np.fromiter((count for row in counted for count in row.values()), np.float32),
            np.fromiter((code for row in counted for code in row), np.int32),
            np.concatenate(([0], np.cumsum(lengths))),
        ),
        shape=(len(rows), len(vocabulary)),
    )


def rows_replaced(
    before: sparse.csr_matrix, rows: sparse.csr_matrix, codes: IntArray, n: int
) -> sparse.csr_matrix:
    """(n, v) the matrix, cut or lengthened to n rows, with other rows at some ascending codes.

    `rows` has at least as many columns. One copy of the entries, no sorting.
    """
    lengths = np.zeros(n, np.int64)
    kept = np.diff(before.indptr[: n + 1])
    lengths[: len(kept)] = kept
    lengths[codes] = np.diff(rows.indptr)
    fresh = np.zeros(n, np.bool_)
    fresh[codes] = True
    mine = np.repeat(fresh, lengths)
    old = np.repeat(~fresh[: len(kept)], kept)
    size = before.indptr[len(kept)]
    indices, data = np.empty(len(mine), np.int32), np.empty(len(mine), np.float32)
    indices[mine], data[mine] = rows.indices, rows.data
    indices[~mine], data[~mine] = before.indices[:size][old], before.data[:size][old]
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    return sparse.csr_matrix((data, indices, indptr), shape=(n, rows.shape[1]))


def _body(items: Catalogue, code: int) -> str:
    words = (" | ".join(column.words(code)) for column in items.words.values())
    numbers = (column[code] for column in items.numbers.values())
    whole = (str(int(number)) for number in numbers if np.isfinite(number) and number == int(number))
    return " | ".join((*words, *whole, items.texts[code]))


def _digests(titles: Sequence[str], bodies: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([_digest(title, body) for title, body in zip(titles, bodies)], np.uint64)


def _digest(title: str, body: str) -> int:
    code = hashlib.blake2b(f"{title}\0{body}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(code.digest(), "little")
