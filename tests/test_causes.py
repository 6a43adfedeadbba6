"""A reason says "because" only of an event without which the item's score is lower."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.causes import MOST_TRIED, Causes
from zhiyin.contracts import Feature
from zhiyin.explain import EvidenceExplainer
from zhiyin.rank.rows import Rows
from zhiyin.recommender import Recommender
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.testing import checkerboard
from zhiyin.types import Candidates, FloatArray, History, Query


class Stubborn:
    """Ranks by a source, or by nothing that has to do with the history."""

    features: tuple[Feature, ...] = ()
    fitted = True

    def __init__(self, source: str) -> None:
        self.source = source

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Stubborn:
        return self

    def score(self, query: Query, candidates: Candidates) -> FloatArray:
        return np.nan_to_num(candidates.column(self.source)).astype(np.float32)


def fitted(ranks_by: str) -> Recommender:
    parts = {"kernel": KernelRetriever(), "popular": PopularRetriever()}
    made = Recommender(retrievers=parts, ranker=Stubborn(ranks_by), explainer=EvidenceExplainer())
    return made.fit(checkerboard())


def forms(recommender: Recommender, query: Query, *, checked: bool) -> list[str]:
    trace = recommender.worded(recommender.decide(query, 5), 5, checked=checked)
    return [reason.facts["form"] for line in trace.recommendations for reason in line.reasons]


def test_what_the_score_rests_on_is_a_cause() -> None:
    made = fitted("kernel")
    query = made.query(history=["i0", "i2", "i4"])
    assert "because" in forms(made, query, checked=True)
    assert "because" not in forms(made, query, checked=False)


def test_every_cited_cause_makes_the_score_fall_when_it_is_taken_out() -> None:
    made = fitted("kernel")
    query = made.query(history=["i0", "i2", "i4"])
    trace = made.worded(made.decide(query, 5), 5, checked=True)
    tried = 0
    for line in trace.recommendations:
        code, past = made.items_.ids.code(line.item), query.history
        for cited in [c for r in line.reasons if r.facts["form"] == "because" for c in r.items]:
            stays = past.items != made.items_.ids.code(cited)
            less = replace(query, history=History(past.items[stays], past.weights[stays], past.at[stays]))
            before, after = (made.rank(asked, 16) for asked in (query, less))
            assert after.score[after.items == code][0] < before.score[before.items == code][0]
            tried += 1
    assert tried >= 3


def test_where_the_ranker_does_not_care_nothing_is_called_a_cause() -> None:
    made = fitted("popular")
    query = made.query(history=["i0", "i2", "i4"])
    assert "because" not in forms(made, query, checked=True)
    assert "goes" in forms(made, query, checked=True)


def test_what_is_no_candidate_has_no_cause_and_trials_are_bounded() -> None:
    made = fitted("kernel")
    causes = Causes(made.pipeline(), made.query(history=["i0", "i2"]))
    assert not causes.holds(999, 0)
    causes.tried.update({-code: causes.score for code in range(1, MOST_TRIED + 1)})
    assert causes.without(0) is None and not causes.holds(4, 0)


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_causes_are_said_in_both_languages(locale: str) -> None:
    made = fitted("kernel")
    trace = made.worded(made.decide(made.query(history=["i0", "i2"], locale=locale), 3), 3, checked=True)
    said = [r.text for line in trace.recommendations for r in line.reasons if r.facts["form"] == "because"]
    assert said and all(("because" in text.lower() or "why" in text) == (locale == "en") for text in said)
