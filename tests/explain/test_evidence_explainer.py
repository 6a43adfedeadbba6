from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.contracts import Countable, Explainer, Persistent, Refreshable, Trainable
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, NotFittedError
from zhiyin.explain import EvidenceExplainer
from zhiyin.types import KINDS, Candidates, History, Intent, Interaction, Interest, Item, Query, Wish

A, B, C, D, E, F, G, H = range(8)


@pytest.fixture
def asked(past):
    return Query(past(A, B, D))


@pytest.fixture
def found(asked, ranking):
    """Groundhog Day because of Big, Heat because of Dune."""
    return ranking(asked, [G, H], ease=(0.9, np.array([[1, 0], [9, 0], [0, 9]], np.float32)))


def test_it_is_all_that_a_recommender_asks_of_it():
    part = EvidenceExplainer()
    assert all(isinstance(part, role) for role in (Explainer, Trainable, Refreshable, Persistent, Countable))


def test_even_items_are_explained_by_even_items():
    """Users like items of one parity; the source knows it, and no reason may cite the other parity."""
    events = [Interaction(f"u{u}", f"i{i}") for u in range(20) for i in range(u % 2, 20, 2)]
    data = Dataset.of(events)
    history = History(np.arange(10, dtype=np.int32), np.ones(10, np.float32), np.full(10, np.nan))
    block = (np.arange(10)[:, None] % 2 == np.arange(10, 20) % 2).astype(np.float32)
    scores = (history.decayed(0.9) @ block)[:, None]
    codes = (
        [data.items.ids.code(f"i{i}") for i in range(10)],
        [data.items.ids.code(f"i{i}") for i in range(10, 20)],
    )
    asked = Query(History(np.array(codes[0], np.int32), history.weights, history.at))
    found = Candidates(np.array(codes[1], np.int32), ("s",), scores, evidence={"s": block})
    for i, reasons in zip(range(10, 20), EvidenceExplainer().fit(data).explain(asked, found)):
        assert reasons[0].kind == "history"
        assert {int(item[1:]) % 2 for item in reasons[0].items} == {i % 2}


def test_reasons_cite_what_moved_the_item(explainer, asked, found):
    first, second = explainer.explain(asked, found)
    assert first[0].items == ("b",) and "“Big”" in first[0].text
    assert second[0].items == ("d",) and second[0].kind == "history"
    assert 0.8 < first[0].share <= 1


def test_reasons_of_one_item_are_of_different_kinds(shop, asked, found):
    all_reasons = EvidenceExplainer(n_reasons=4).fit(shop).explain(asked, found)
    assert max(map(len, all_reasons)) > 1
    for reasons in all_reasons:
        assert len({reason.kind for reason in reasons}) == len(reasons)
    two = EvidenceExplainer(n_reasons=2).fit(shop).explain(asked, found)
    assert [reasons[:2] for reasons in all_reasons] == two, "the best claim of a kind stays"


@pytest.mark.parametrize("n", [0, 1, 3])
def test_never_more_reasons_than_asked_for(shop, asked, found, n):
    assert all(
        len(reasons) <= n for reasons in EvidenceExplainer(n_reasons=n).fit(shop).explain(asked, found)
    )


def test_a_shared_genre_is_told_with_examples_or_a_count(explainer, asked, found):
    reason = next(reason for reason in explainer.explain(asked, found)[0] if reason.kind == "attribute")
    assert reason.facts["value"] == "Comedy"
    assert reason.facts["form"] in {"like", "count"}


def test_words_of_the_request_come_first(explainer, past, found):
    asked = Query(past(A, B, D), words="something funny, on any day")
    reason = explainer.explain(asked, found)[0][0]
    assert reason.kind == "words" and reason.facts["matched"] == "funny, day"


def test_what_was_understood_is_a_reason_where_the_item_meets_it(explainer, past, found):
    """The word stands in no text; it was understood as a genre that Groundhog Day has and Heat has not."""
    asked = replace(
        Query(past(A, B, D)),
        intent=Intent(wishes=(Wish("genres = Comedy", 1.0, "hilarious"), Wish("nothing = x", 1.0, "odd"))),
    )
    first, second = explainer.explain(asked, found)
    assert first[0].kind == "words" and first[0].facts["matched"] == "hilarious"
    assert "“hilarious”" in first[0].text
    assert all(reason.kind != "words" for reason in second)
    unwanted = replace(asked, intent=Intent(wishes=(Wish("genres = Comedy", -1.0, "hilarious"),)))
    assert all(reason.kind != "words" for reason in explainer.explain(unwanted, found)[0])


def test_an_interest_of_the_profile_is_no_word_of_the_request(shop, past, found):
    interest = Interest("old <b>comedies</b>", 1.0, "genres = Comedy", source="user")
    wish = Wish(interest.filter, 0.5, interest.words)
    asked = replace(
        Query(past(A, B, D)), profile=(interest,), intent=Intent(wishes=(wish,), source="profile")
    )
    for locale, starts in (("en", ("Fits your interest in", "You care for")), ("zh", ("符合你对", "你关心"))):
        first, second = EvidenceExplainer(n_reasons=4).fit(shop).explain(replace(asked, locale=locale), found)
        assert [reason.kind for reason in first][:2] == ["history", "profile"]
        assert first[1].text.startswith(starts) and first[1].share == 1
        assert all(reason.kind != "profile" for reason in second)


def test_chinese_words_are_found_in_chinese_texts(explainer, past, ranking):
    asked = Query(past(A), words="想看京剧电影", locale="zh-CN")
    reasons = explainer.explain(asked, ranking(asked, [F]))[0]
    assert reasons[0].text in {"符合“京剧”", "有你要的“京剧”"}


def test_a_disliked_item_is_never_cited(explainer, past, ranking):
    asked = Query(past(A, C, weights=(1, -1)))
    found = ranking(asked, [G], ease=(1.0, np.array([[1], [-9]], np.float32)))
    assert "c" not in {item for reason in explainer.explain(asked, found)[0] for item in reason.items}


def test_without_history_what_many_choose_is_the_reason(explainer, ranking):
    reasons = explainer.explain(Query(), ranking(Query(), [A, H]))
    assert [reason.text for reason in reasons[0]] == ["Chosen 40 times so far"]
    assert [reason.text for reason in reasons[1]] == ["Chosen 5 times so far"]


def test_an_item_about_which_nothing_is_known_has_no_reason(shop, ranking):
    part = EvidenceExplainer().fit(shop.take(shop.item != H))
    assert part.explain(Query(), ranking(Query(), [H])) == [()]


def test_an_item_that_came_after_the_fit_is_new(shop, ranking):
    part = EvidenceExplainer().fit(shop)
    part.refresh(shop.items.with_items([Item("z", "Zodiac")]))
    assert [reason.text for reason in part.explain(Query(), ranking(Query(), [8]))[0]] == ["New here"]


def test_the_locale_of_the_query_speaks_unless_one_is_set(shop, past, found):
    chinese = Query(past(A, B, D), locale="zh-TW")
    assert "《Big》" in EvidenceExplainer().fit(shop).explain(chinese, found)[0][0].text
    assert "“Big”" in EvidenceExplainer(locale="en").fit(shop).explain(chinese, found)[0][0].text
    assert "“Big”" in EvidenceExplainer(locale="xx").fit(shop).explain(chinese, found)[0][0].text


@pytest.mark.parametrize(
    ("kind", "action", "verb"),
    [("purchase", None, "bought"), ("click", None, "chose"), ("purchase", "watched", "watched")],
)
def test_the_verb_is_that_of_the_only_kind_of_event(shop_of, asked, found, kind, action, verb):
    part = EvidenceExplainer(action=action).fit(shop_of(kind=kind))
    assert f"you {verb}" in part.explain(asked, found)[0][0].text


def test_an_event_of_another_kind_makes_the_verb_general(shop_of, asked, found):
    part = EvidenceExplainer().fit(shop_of(kind="purchase"))
    one = (np.zeros(1, np.int32), np.full(1, np.nan), np.ones(1, np.float32))
    part.update_many(*one, np.array([KINDS.index("hide")], np.int8))
    assert "you bought" in part.explain(asked, found)[0][0].text
    part.update_many(*one, np.array([KINDS.index("click")], np.int8))
    assert "you chose" in part.explain(asked, found)[0][0].text


def test_an_unknown_action_is_refused_with_the_nearest(shop, asked, found):
    with pytest.raises(ConfigError, match="did you mean 'watched'"):
        EvidenceExplainer(action="wached").fit(shop).explain(asked, found)


def test_restored_reasons_are_the_same(shop, asked, found, explainer):
    again = EvidenceExplainer().restore(explainer.state())
    with pytest.raises(NotFittedError, match="refresh"):
        again.explain(asked, found)
    again.refresh(shop.items)
    assert again.explain(asked, found) == explainer.explain(asked, found)


def test_asked_before_fit_it_says_so(asked, found):
    with pytest.raises(NotFittedError, match="fit"):
        EvidenceExplainer().explain(asked, found)
    with pytest.raises(NotFittedError, match="fit"):
        EvidenceExplainer().state()


def test_an_empty_ranking_has_no_reasons(explainer, asked):
    assert explainer.explain(asked, Candidates(np.empty(0, np.int32))) == []


def test_ten_reasons_do_not_all_cite_the_same(shop, past, ranking):
    """Six items that five events move alike: the citations go round."""
    asked = Query(past(A, B, C, D, E))
    found = ranking(asked, [F, G, H], ease=(1.0, np.ones((5, 3), np.float32)))
    reasons = EvidenceExplainer(n_reasons=1, n_cited=1).fit(shop).explain(asked, found)
    assert len({reason[0].items for reason in reasons}) == 3
