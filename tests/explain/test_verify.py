"""Claims that somebody made up are not true, claims that the facts bear are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from zhiyin.explain.claim import FORMS, Claim
from zhiyin.explain.evidence import contributions
from zhiyin.explain.verify import CHECKS, Witness, is_true
from zhiyin.types import Intent, Interest, Query, Wish

A, B, C, D, E, F, G, H = range(8)


@pytest.fixture
def witness(explainer, past, ranking):
    """History A, B, C (disliked), D, A; Groundhog Day and Heat are recommended, the first because of B."""
    query = Query(past(A, B, C, D, A, weights=(1, 1, -1, 1, 1)), words="a funny day")
    block = np.array([[1, 1], [9, 0], [-1, 0], [-2, 1], [1, 1]], np.float32)
    found = ranking(query, [G, H], ease=(1.0, block))
    past_of_it = contributions(query.history, found, len(explainer.facts_.items))
    return Witness(explainer.facts_, query, found.items, past_of_it)


@pytest.fixture
def because(witness):
    return Claim("because", G, (B,), share=float(witness.history.share[witness.row[B], 0]))


TRUE = [
    Claim("like", G, (A, B), "genres", "Comedy"),
    Claim("like", G, (A,), "genres", "Comedy", 1980),
    Claim("like", G, (B, D), decade=1980),
    Claim("count", G, (), "genres", "Comedy", count=2, of=3),
    Claim("price", G, (A, B)),
    Claim("words", G, matched=("funny", "day")),
    Claim("among", A, count=1),
    Claim("among", B, count=2),
    Claim("times", B, count=20),
    Claim("again", A, count=2),
]


@pytest.mark.parametrize("claim", TRUE, ids=lambda claim: claim.form)
def test_what_is_true_passes(witness, claim):
    assert is_true(claim, witness)


def test_the_largest_contribution_may_be_cited(witness, because):
    assert is_true(because, witness)


def test_what_the_item_does_not_need_may_not_be_cited(explainer, past, ranking):
    """Dune gives most, 4 of 2 + 3 + 4; but without it the others would be younger and give 4 + 6."""
    query = Query(past(A, B, D))
    found = ranking(query, [G], ease=(0.5, np.array([[8], [6], [4]], np.float32)))
    history = contributions(query.history, found, len(explainer.facts_.items))
    witness = Witness(explainer.facts_, query, found.items, history)
    assert history.share[:, 0].argmax() == 2
    assert not is_true(Claim("because", G, (D,), share=float(history.share[2, 0])), witness)


@pytest.mark.parametrize(
    ("form", "item", "matched", "fits"),
    [
        ("words", G, ("hilarious",), True),
        ("words", G, ("hilarious", "day"), True),
        ("words", H, ("hilarious",), False),
        ("words", G, ("sad",), False),
        ("words", G, ("my comedies",), False),
        ("interest", G, ("my comedies",), True),
        ("interest", G, ("hilarious",), False),
        ("interest", H, ("my comedies",), False),
        ("interest", G, (), False),
    ],
)
def test_wishes_are_asked_of_the_item(witness, form, item, matched, fits):
    wishes = (Wish("genres = Comedy", 1.0, "hilarious"), Wish("genres = Comedy", 0.5, "my comedies"))
    profile = (Interest("my comedies", 1.0, "genres = Comedy"),)
    query = dataclasses.replace(witness.query, intent=Intent(wishes=wishes), profile=profile)
    asked = Witness(witness.facts, query, witness.items, witness.history)
    assert is_true(Claim(form, item, matched=matched), asked) is fits


MADE_UP = {
    "a film that was never chosen": {"cited": (F,)},
    "a film that was disliked": {"cited": (C,)},
    "a film that spoke against it": {"cited": (D,)},
    "a small part of the evidence": {"cited": (A,)},
    "the film itself": {"cited": (G,)},
    "the same film twice": {"cited": (B, B)},
    "no film": {"cited": ()},
    "an unknown code": {"cited": (1000,)},
    "too large a share": {"share": 0.99},
    "an impossible share": {"share": 7.0},
    "another recommended film": {"item": H},
    "a film that is not recommended": {"item": E},
    "an unknown item": {"item": 1000},
    "an unknown form": {"form": "because the stars say so"},
}


@pytest.mark.parametrize("change", MADE_UP.values(), ids=MADE_UP)
def test_a_made_up_influence_is_refused(witness, because, change):
    assert not is_true(replace(because, **change), witness)


FALSE = {
    "a genre that the item lacks": Claim("like", H, (A, B), "genres", "Comedy"),
    "a genre that the cited film lacks": Claim("like", G, (A, D), "genres", "Comedy"),
    "a genre that does not exist": Claim("like", G, (A,), "genres", "Western"),
    "an attribute that does not exist": Claim("like", G, (A,), "director", "Comedy"),
    "another decade": Claim("like", G, (A,), "genres", "Comedy", 1990),
    "an attribute without examples": Claim("like", G, (), "genres", "Comedy"),
    "no attribute": Claim("like", G, (A,)),
    "one too many": Claim("count", G, (), "genres", "Comedy", count=3, of=3),
    "of too many": Claim("count", G, (), "genres", "Comedy", count=2, of=2),
    "a count of what the item lacks": Claim("count", H, (), "genres", "Comedy", count=2, of=3),
    "another price": Claim("price", H, (A,)),
    "no price to compare": Claim("price", G),
    "words that were not said": Claim("words", G, matched=("funny", "groundhog")),
    "words that the item lacks": Claim("words", H, matched=("funny",)),
    "no words": Claim("words", G),
    "too high a place": Claim("among", B, count=1),
    "lately, without a place": Claim("now", H, count=1),
    "more often than it was": Claim("times", B, count=21),
    "never chosen": Claim("times", H, count=0),
    "an old film as new": Claim("new", A),
    "not chosen before": Claim("again", G, count=1),
    "chosen more often before": Claim("again", A, count=3),
}


@pytest.mark.parametrize("claim", FALSE.values(), ids=FALSE)
def test_what_is_false_is_refused(witness, claim):
    assert not is_true(claim, witness)


def test_every_form_has_a_check():
    assert set(CHECKS) == set(FORMS)


def test_lately_is_true_only_near_the_newest_event(witness, explainer):
    newest = explainer.popularity_.span[1]
    days = {-2: False, 0: True, 20: True, 40: False}
    for day, expected in days.items():
        asked = Witness(witness.facts, Query(at=newest + 86400.0 * day), witness.items, witness.history)
        assert is_true(Claim("now", A, count=5), asked) is expected
