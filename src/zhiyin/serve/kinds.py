"""Whether a new attribute is of numbers or of words: settled once, in the store, for every worker."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zhiyin.data.catalogue import Catalogue, as_words
from zhiyin.errors import StoreError
from zhiyin.store.contract import Store
from zhiyin.types import Item

__all__ = ["of_settled_kinds"]

log = logging.getLogger("zhiyin.serve")

NUMBERS, WORDS = "numbers", "words"


def of_settled_kinds(store: Store, catalogue: Catalogue, items: Sequence[Item]) -> list[Item]:
    """The same items. Of an attribute that the catalogue lacks, numbers among words are spelt out and words
    among numbers left out, whatever else came with them; the first value that a worker met says which it is.
    """
    found: dict[str, str] = {}
    for item in items:
        for name in item.attributes.keys() - catalogue.words.keys() - catalogue.numbers.keys():
            found.setdefault(name, NUMBERS if isinstance(item.attributes[name], int | float) else WORDS)
    if not found:
        return list(items)
    kinds = _settled(store, found)
    return [replace(item, attributes=_of_kinds(item.attributes, kinds)) for item in items]


def _settled(store: Store, found: Mapping[str, str]) -> Mapping[str, str]:
    kinds = store.kinds(list(found))
    if len(kinds) == len(found):
        return kinds
    try:
        return store.settle_kinds(found).result()
    except StoreError as error:
        log.warning("the kinds of new attributes are not settled for the other workers: %s", error)
        return {**found, **kinds}


def _of_kinds(
    attributes: Mapping[str, float | str | tuple[str, ...]], kinds: Mapping[str, str]
) -> dict[str, float | str | tuple[str, ...]]:
    told: dict[str, float | str | tuple[str, ...]] = {}
    for name, value in attributes.items():
        is_number = isinstance(value, int | float)
        if is_number and kinds.get(name) == WORDS:
            told[name] = as_words(value)
        elif is_number or kinds.get(name) != NUMBERS:
            told[name] = value
    return told
