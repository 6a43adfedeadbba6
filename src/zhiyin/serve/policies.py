"""The rules of a request, as the policies that follow the ranking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Reranker
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filters import FilterLimits, parse_filter
from zhiyin.errors import FilterError
from zhiyin.rank.boosts import Boost, BoostReranker
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.counters import Counters
from zhiyin.rank.diversity import DiversityReranker
from zhiyin.rank.pins import PinReranker
from zhiyin.serve.exploring import exploring
from zhiyin.serve.messages import RankRequest, RecommendRequest
from zhiyin.serve.problems import Problem, problem_of
from zhiyin.serve.serving import Serving
from zhiyin.types import IntArray

__all__ = ["policies_of"]


@dataclass(frozen=True, slots=True)
class _ByCode:
    """The store's counters, asked by the item codes of one artefact."""

    counters: Counters
    serving: Serving

    def posterior(self, items: IntArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(c,) parameters of what is believed of each item's rate."""
        return self.counters.posterior(self.serving.key_of_code[items].astype(np.int32))


def policies_of(
    request: RecommendRequest | RankRequest,
    serving: Serving,
    counters: Counters,
    limits: FilterLimits,
) -> list[Reranker]:
    """Empty for a plain request. The recommender orders them and binds them to its catalogue."""
    recommender = serving.recommender
    items = serving.items
    policies: list[Reranker] = []
    if request.boosts:
        policies.append(BoostReranker(boosts=_boosts(request, items, limits)))
    if request.diversity > 0:
        if recommender.encoder is None:
            raise Problem(
                "invalid_value",
                "this recommender has no text vectors to compare items by",
                path="$.diversity",
            )
        policies.append(DiversityReranker(encoder=recommender.encoder, weight=request.diversity))
    for cap in request.caps:
        if cap.attribute not in items.words:
            known = ", ".join(sorted(items.words)) or "none"
            raise Problem("invalid_value", f"expected a word attribute, there are: {known}", path="$.caps")
        policies.append(CapReranker(attribute=cap.attribute, at_most=cap.at_most))
    caps = [part for part in (*recommender.rerankers, *policies) if isinstance(part, CapReranker)]
    chance = exploring(request.exploration, recommender.rerankers, caps, items, _ByCode(counters, serving))
    if chance is not None:
        policies.append(chance)
    if request.pins:
        codes = items.ids.codes(pin.item for pin in request.pins)
        pins = {int(code): pin.position for code, pin in zip(codes, request.pins) if code >= 0}
        policies.append(PinReranker(pins=pins))
    return policies


def _boosts(request: RecommendRequest | RankRequest, items: Catalogue, limits: FilterLimits) -> list[Boost]:
    boosts = []
    for place, boost in enumerate(request.boosts):
        meant: IntArray | NDArray[np.bool_] = items.ids.codes(boost.items)
        if boost.filter.strip():
            try:
                mask = parse_filter(boost.filter, limits=limits).mask(items).copy()
            except FilterError as error:
                raise problem_of(error, path=f"$.boosts[{place}].filter") from error
            mask[meant[meant >= 0]] = True
            meant = mask
        boosts.append(Boost(items=meant, times=boost.by))
    return boosts
