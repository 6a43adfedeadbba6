"""What words and profiles do to a whole list: the right answer is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.explain import EvidenceExplainer
from zhiyin.rank import FusionRanker
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder
from zhiyin.represent.profile import interest_of, interests_of
from zhiyin.retrieve import (
    ContentRetriever,
    KernelRetriever,
    LexicalRetriever,
    PopularRetriever,
    WishRetriever,
)
from zhiyin.types import Intent, Interaction, Item, Query, Wish

GENRES = ("Comedy", "Horror", "Romance", "War")


def films(n: int = 80) -> Dataset:
    """Film i is of genre i % 4 and from the year 1960 + i; user g likes genre g; film 0 is liked by all."""
    items = [
        Item(f"f{i}", f"Tale number {i}", "", {"genre": GENRES[i % 4], "year": 1960.0 + i, "price": float(i)})
        for i in range(n)
    ]
    rng = np.random.default_rng(0)
    events = [
        Interaction(f"u{u}", f"f{i}", at=1e6 + 100 * u + step)
        for u in range(40)
        for step, i in enumerate([0, *rng.permutation(n // 4)[:8] * 4 + u % 4])
    ]
    return Dataset.of(events, items)


@pytest.fixture(scope="module")
def made() -> Recommender:
    encoder = HashEncoder()
    return Recommender(
        retrievers={
            "kernel": KernelRetriever(),
            "content": ContentRetriever(encoder=encoder, only_words=True),
            "lexical": LexicalRetriever(),
            "wish": WishRetriever(),
            "popular": PopularRetriever(),
        },
        ranker=FusionRanker(),
        encoder=encoder,
    ).fit(films())


def numbers(made: Recommender, query: Query, n: int = 8) -> list[int]:
    assert made.items_ is not None
    return [int(made.items_.ids[code][1:]) for code in made.rank(query, n).items]


@pytest.mark.parametrize("user", [None, "u0", "u3"])
@pytest.mark.parametrize("words", ["a horror film, please", "恐怖片"])
def test_a_stranger_and_a_lover_of_other_things_get_what_they_ask_for(
    made: Recommender, user: str | None, words: str
) -> None:
    assert {i % 4 for i in numbers(made, made.query(user, words=words))} == {1}


@pytest.mark.parametrize("user", [None, "u0", "u3"])
def test_what_is_only_meant_lifts_without_ruling_out(made: Recommender, user: str | None) -> None:
    found = [i % 4 for i in numbers(made, made.query(user, words="something scary"))]
    assert found[0] == 1 and found.count(1) > 4


def test_a_firm_limit_holds_in_every_place(made: Recommender) -> None:
    assert all(i < 15 for i in numbers(made, made.query("u2", words="something under 14")))
    assert all(10 <= i < 20 for i in numbers(made, made.query("u2", words="films from the 70s")))
    assert all(i % 4 != 2 for i in numbers(made, made.query("u2", words="no romance please")))


def test_a_limit_that_nothing_meets_is_given_up_and_the_trace_says_so(made: Recommender) -> None:
    trace = made.explained(made.query(words="a comedy over 500"), 5)
    told = next(stage.details for stage in trace.stages if stage.name == "understand")
    assert told["relaxed"] == ['"price" >= 500']
    assert len(trace.recommendations) == 5
    assert all(int(line.item[1:]) % 4 == 0 for line in trace.recommendations)


def test_words_and_habit_meet(made: Recommender) -> None:
    """Among the old films that were asked for, a lover of war films gets war films first."""
    assert numbers(made, made.query("u3", words="before 1990"), 4)[0] % 4 == 3


def test_new_and_old_turn_the_list(made: Recommender) -> None:
    new, old = (numbers(made, made.query(words=words)) for words in ("the latest films", "老电影"))
    assert min(new) > 60 and max(old) < 20


def test_named_examples_do_not_come_back_and_lead_to_their_like(made: Recommender) -> None:
    found = numbers(made, made.query(words="something like Tale number 7"), 4)
    assert 7 not in found and {i % 4 for i in found if i} == {3}


def test_what_the_caller_has_understood_stands(made: Recommender) -> None:
    said = Intent(said="comedy", wishes=(Wish('genre = "War"'),), source="caller")
    query = Query(words="comedy", intent=said)
    assert {i % 4 for i in numbers(made, query)} == {3}


def test_filters_of_a_foreign_catalogue_are_told_and_harm_nothing(made: Recommender) -> None:
    said = Intent(require=("colour = red",), wishes=(Wish("size = 3"), Wish("genre <")), source="caller")
    trace = made.explained(Query(intent=said), 5)
    assert len(trace.recommendations) == 5
    assert trace.stages[0].details["unmet"] == ["colour = red"]


def test_candidates_of_the_caller_are_all_ordered(made: Recommender) -> None:
    named = [f"f{i}" for i in range(12)]
    found = numbers(made, made.query(words="no comedy, under 4", only=named), 12)
    assert sorted(found) == list(range(12))
    assert set(found[:3]) == {1, 2, 3}


def test_an_interest_that_was_stated_changes_the_next_list(made: Recommender) -> None:
    items, plain = made.items_, numbers(made, made.query("u0"))
    assert items is not None
    book = made.reader_.vocabulary(items)
    loves = interest_of("war films", 1.0, book, items)
    assert loves.filter == '"genre" = "War"'
    changed = numbers(made, Query(made.query("u0").history, profile=(loves,)))
    assert sum(i % 4 == 3 for i in changed) > sum(i % 4 == 3 for i in plain)
    hates = interest_of("comedy", -1.0, book, items)
    against = numbers(
        made, Query(made.query("u0").history, exclude=made.query("u0").exclude, profile=(hates,))
    )
    assert sum(i % 4 == 0 for i in against) < sum(i % 4 == 0 for i in plain)


def test_a_profile_rests_on_the_events_that_it_names(made: Recommender) -> None:
    items = made.items_
    assert items is not None
    first = interests_of(made.query("u3").history, items)[0]
    assert first.words == "War" and first.source == "history"
    assert {int(name[1:]) % 4 for name in first.items} == {3}
    assert interests_of(Query().history, items) == ()


def test_without_a_source_of_wishes_they_stay_text() -> None:
    encoder = HashEncoder()
    plain = Recommender(
        retrievers={"content": ContentRetriever(encoder=encoder), "lexical": LexicalRetriever(),
                    "popular": PopularRetriever()},
        encoder=encoder,
    ).fit(films())  # fmt: skip
    assert {i % 4 for i in numbers(plain, plain.query(words="a horror film"), 3)} == {1}


def test_no_reason_says_that_a_named_item_was_chosen() -> None:
    told = Recommender(
        retrievers={"kernel": KernelRetriever(), "wish": WishRetriever(), "popular": PopularRetriever()},
        explainer=EvidenceExplainer(),
    ).fit(films())
    for user in (None, "u1"):
        found = told.recommend(user, words="something like Tale number 7", n=5)
        assert all("f7" not in reason.items for line in found for reason in line.reasons)


def test_what_few_items_have_comes_first_for_those_who_are_known_too(made: Recommender) -> None:
    """One match among many: what does not meet the words must not stand right behind it."""
    one = "f60"  # nobody has chosen it
    made.add_items([Item(one, "Tale number 60", "", {"genre": "Western", "year": 2020.0, "price": 60.0})])
    for user in ("u0", "u1", "u2", "u3"):
        assert made.recommend(user, n=5, words="a western")[0].item == one
