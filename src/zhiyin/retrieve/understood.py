"""A question in words becomes what was understood of it: filters, examples, the words that are left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filters import parse_filter
from zhiyin.errors import FilterError
from zhiyin.types import Candidates, History, IntArray, Intent, Query, Wish

__all__ = ["Understood", "understood", "without_named"]

ENOUGH = 10
"""So many items that meet all that was named outright are enough to look at nothing else, however short the
list; longer ones need as many as they are long."""
MILD = 0.5
"""Weight of an interest of the profile beside what was asked for now."""
LONGEST = 500
"""Characters of interests that are searched for as text."""
FIRM = 2.0
"""Weight of a firm limit where the caller has named the candidates, so that none may go."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Understood:
    """What is asked of the sources, and what had to be given up."""

    query: Query
    relaxed: tuple[str, ...] = ()
    """Firm filters that no item meets, and that were left out."""
    focus: int = 0
    """How many items meet what was named outright and were looked at alone; 0 = all were."""
    unmet: tuple[str, ...] = ()
    """Filters of a caller's intent that this catalogue cannot be asked."""
    beyond: Query | None = None
    """The question when the items in focus are used up."""

    @property
    def wide(self) -> Query:
        """What a list that stays short is filled by."""
        return self.query if self.beyond is None else self.beyond

    def details(self) -> dict[str, Any]:
        """For the trace."""
        intent = self.query.intent
        shown: dict[str, Any] = {} if intent is None else {"intent": as_dict(intent)}
        shown |= {"relaxed": list(self.relaxed)} if self.relaxed else {}
        shown |= {"focus": self.focus} if self.focus else {}
        return shown | ({"unmet": list(self.unmet)} if self.unmet else {})


def understood(query: Query, items: Catalogue, n: int = 0, *, wishing: bool = True) -> Understood:
    """The question for the sources. Items that were named as examples stand at the end of the history.

    `n` is the length of the list. `wishing` says whether one of the sources knows what a wish is; else what
    was wished stays text to search by.
    """
    intent = _with_profile(query)
    if intent is None:
        return Understood(query)
    query = replace(query, intent=intent)
    like, unlike = _codes(intent.like, items), _codes(intent.unlike, items)
    query = replace(
        query,
        words=intent.text if wishing else _as_text(intent),
        history=_with(query.history, like, unlike, query.at),
        exclude=np.concatenate((query.exclude, like, unlike)),
    )
    if query.only is not None:
        firm = tuple(Wish(expression, FIRM, expression) for expression in intent.require)
        return Understood(replace(query, intent=replace(intent, wishes=(*intent.wishes, *firm))))
    query, relaxed, unmet = _required(query, intent, items)
    focused, focus = _focused(query, intent, items, max(n, ENOUGH))
    return Understood(focused, relaxed, focus, unmet, query if focus else None)


def _with_profile(query: Query) -> Intent | None:
    """The intent with the user's own interests as mild wishes; the words of the moment come first."""
    intent, interests = query.intent, query.profile
    if not interests:
        return intent
    mild = tuple(
        Wish(one.filter, MILD * max(-1.0, min(one.weight, 1.0)), one.words) for one in interests if one.filter
    )
    if intent is not None:
        return replace(intent, wishes=(*intent.wishes, *mild))
    wanted = (one.words for one in interests if one.weight > 0 and not one.filter)
    return Intent(wishes=mild, text=" ".join(wanted)[:LONGEST], source="profile")


def without_named(query: Query, ranking: Candidates, items: Catalogue) -> tuple[Query, Candidates]:
    """As reasons may see it: items that words have named are no behaviour, so nobody "chose" them."""
    intent = query.intent
    n = 0 if intent is None else len(_codes(intent.like, items)) + len(_codes(intent.unlike, items))
    if not n:
        return query, ranking
    past = query.history
    kept = past.take(np.arange(len(past) - n))
    evidence = {name: block[:-n] for name, block in ranking.evidence.items()}
    return replace(query, history=kept), replace(ranking, evidence=evidence)


def as_dict(intent: Intent) -> dict[str, Any]:
    """Only what was said, ready for JSON."""
    shown: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name in ("require", "like", "unlike", "text", "mood", "fresh", "popular", "quality", "n",
                     "language", "unmet", "source")
        if (value := getattr(intent, name))
    }  # fmt: skip
    if intent.wishes:
        shown["wishes"] = [{"filter": w.filter, "by": w.by, "said": w.said} for w in intent.wishes]
    return shown


def _as_text(intent: Intent) -> str:
    said = (wish.said for wish in intent.wishes if wish.by > 0)
    return " ".join(dict.fromkeys(filter(None, [*said, intent.text])))[:LONGEST]


def _codes(names: tuple[str, ...], items: Catalogue) -> IntArray:
    codes = items.ids.codes(names)
    found: IntArray = codes[codes >= 0].astype(np.int32)
    return found


def _with(history: History, like: IntArray, unlike: IntArray, at: float) -> History:
    """Examples as the newest events."""
    n = len(like) + len(unlike)
    if not n:
        return history
    weights = np.concatenate((np.full(len(unlike), -1.0), np.full(len(like), 1.0))).astype(np.float32)
    examples = np.concatenate((unlike, like)).astype(np.int32)
    return history.joined(History(examples, weights, np.full(n, at)))


def _required(
    query: Query, intent: Intent, items: Catalogue
) -> tuple[Query, tuple[str, ...], tuple[str, ...]]:
    """With the firm filters as far as anything is left; those that came last are given up first."""
    masks: list[tuple[str, Mask]] = []
    unmet: list[str] = []
    for expression in intent.require:
        try:
            masks.append((expression, parse_filter(expression).mask(items)))
        except FilterError:
            unmet.append(expression)
    relaxed: list[str] = []
    while masks:
        allowed = _and([mask for _, mask in masks], query.allowed)
        if _left(allowed, query):
            return replace(query, allowed=allowed), tuple(relaxed), tuple(unmet)
        relaxed.append(masks.pop()[0])
    return query, tuple(relaxed), tuple(unmet)


def _focused(query: Query, intent: Intent, items: Catalogue, enough: int) -> tuple[Query, int]:
    """Only the items that meet most of what was named outright, where that leaves enough of them."""
    named = [wish for wish in intent.wishes if wish.by >= 1]
    met = np.zeros(len(items), np.int16)
    for wish in named:
        try:
            met += parse_filter(wish.filter).mask(items)
        except FilterError:
            continue
    for least in range(int(met.max(initial=0)), 0, -1):
        allowed = _and([met >= least], query.allowed)
        n = _left(allowed, query)
        if n >= enough:
            return replace(query, allowed=allowed), n
    return query, 0


def _and(masks: list[Mask], allowed: Mask | None) -> Mask:
    found = masks[0].copy()
    for mask in masks[1:]:
        found &= mask
    if allowed is not None:
        found[: len(allowed)] &= allowed
        found[len(allowed) :] = False
    return found


def _left(allowed: Mask, query: Query) -> int:
    """How many items may come."""
    barred = np.unique(query.exclude[(query.exclude >= 0) & (query.exclude < len(allowed))])
    return int(np.count_nonzero(allowed)) - int(np.count_nonzero(allowed[barred]))
