"""Reasons that rest on what moved the ranking, each checked before it is worded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, NotFittedError, check_options, nearest
from zhiyin.explain.claim import Claim
from zhiyin.explain.evidence import contributions
from zhiyin.explain.facts import Facts
from zhiyin.explain.popularity import Popularity
from zhiyin.explain.propose import Proposals
from zhiyin.explain.verify import Witness, is_true
from zhiyin.explain.wording import ACTIONS, wording
from zhiyin.page import plain
from zhiyin.types import KINDS, Candidates, FloatArray, IntArray, Query, Reason, TimeArray

__all__ = ["EvidenceExplainer"]

KIND_ACTIONS: Mapping[str, str] = {
    "view": "viewed", "purchase": "bought", "rating": "rated", "review": "reviewed",
    "like": "liked", "share": "shared", "follow": "followed", "play": "played",
}  # fmt: skip


class EvidenceExplainer:
    """At most `n_reasons` reasons per item, each citing at most `n_cited` items of the history.

    Reasons of one item are of different kinds. `locale` None means that of the query. `action` is the verb
    for what people have done, one of `ACTIONS`; None means the one of the data where all of its events are
    of one kind, else "chose", because a history does not say of each event what it was.
    """

    def __init__(
        self, *, n_reasons: int = 2, n_cited: int = 2, locale: str | None = None, action: str | None = None
    ) -> None:
        self.n_reasons = n_reasons
        self.n_cited = n_cited
        self.locale = locale
        self.action = action
        self.kind_ = ""
        self.popularity_: Popularity | None = None
        self.facts_: Facts | None = None
        check_options(self, n_reasons=(0, 100), n_cited=(1, 100))

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        kinds = np.unique(data.kind[data.weight > 0])
        self.kind_ = KINDS[int(kinds[0])] if len(kinds) == 1 else ""
        self.popularity_ = Popularity.of(data)
        self.facts_ = Facts.of(data.items, self.popularity_)
        return self

    def update_many(
        self, items: IntArray, at: TimeArray, weights: FloatArray, kinds: NDArray[np.int8]
    ) -> None:
        """Events of another kind than all before them: from now on the verb is "chose"."""
        if {KINDS[kind] for kind in np.unique(kinds)} - {self.kind_, "hide"}:
            self.kind_ = ""

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Speaks of this catalogue from now on; counts stay those of the fit."""
        self.facts_ = Facts.of(items, self._counts(), self.facts_)

    def explain(self, query: Query, ranking: Candidates) -> list[tuple[Reason, ...]]:
        """Reasons per item of the ranking; an item about which nothing is true and worth saying has none."""
        return self._all_reasons(query, ranking, None)

    def caused(
        self, query: Query, ranking: Candidates, is_cause: Callable[[int, int], bool]
    ) -> list[tuple[Reason, ...]]:
        """The same, and "because" where `is_cause(item, cited item)` has tried it; both are codes."""
        return self._all_reasons(query, ranking, is_cause)

    def _all_reasons(
        self, query: Query, ranking: Candidates, is_cause: Callable[[int, int], bool] | None
    ) -> list[tuple[Reason, ...]]:
        if self.facts_ is None:
            raise NotFittedError(
                "EvidenceExplainer knows no catalogue: call fit(dataset), or after restore refresh(catalogue)"
            )
        past = contributions(query.history, ranking, len(self.facts_.items))
        witness = Witness(self.facts_, query, ranking.items, past)
        proposals = Proposals(witness, self.n_cited)
        return [self._reasons(proposals, position, is_cause) for position in range(len(ranking))]

    def state(self) -> State:
        return {**self._counts().state(), "kind": self.kind_}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        """Counts only: `refresh` has to bring the catalogue."""
        self.popularity_ = Popularity.saved(state)
        self.kind_ = str(state["kind"])
        self.facts_ = None
        return self

    def _reasons(
        self, proposals: Proposals, position: int, is_cause: Callable[[int, int], bool] | None
    ) -> tuple[Reason, ...]:
        chosen: dict[str, Reason] = {}
        causes = [] if is_cause is None else proposals.causes(position, is_cause)
        for claim in chain(causes, proposals.of(position)):
            if len(chosen) == self.n_reasons or (claim.form == "times" and chosen):
                break
            if claim.kind not in chosen and is_true(claim, proposals.witness):
                chosen[claim.kind] = self._worded(claim, proposals.witness)
        return tuple(chosen.values())

    def _worded(self, claim: Claim, witness: Witness) -> Reason:
        items = witness.facts.items
        locale = self.locale or witness.query.locale
        cited = tuple(items.ids[code] for code in claim.cited)
        text = wording(claim, items, locale=locale, action=self._action())
        return Reason(text, claim.kind, claim.share, cited, _facts(claim))

    def _action(self) -> str:
        action = self.action or KIND_ACTIONS.get(self.kind_, "chose")
        if action not in ACTIONS:
            raise ConfigError(f"there are no words for the action {action!r}: {nearest(action, ACTIONS)}")
        return action

    def _counts(self) -> Popularity:
        if self.popularity_ is None:
            raise NotFittedError("EvidenceExplainer has counted nothing yet: call fit(dataset) first")
        return self.popularity_


def _facts(claim: Claim) -> dict[str, str]:
    """What the claim says, field by field, for who wants to check it again."""
    facts = {"form": claim.form}
    if claim.attribute:
        facts["attribute"] = _shown(claim.attribute)
    if claim.value:
        facts["value"] = _shown(claim.value)
    if claim.matched:
        facts["matched"] = plain(", ".join(claim.matched))
    for name, number in (("decade", claim.decade), ("count", claim.count), ("of", claim.of)):
        if number:
            facts[name] = str(number)
    return facts


@lru_cache(maxsize=20_000)
def _shown(word: str) -> str:
    """A word of the catalogue, of which the same few come again and again."""
    return plain(word)
