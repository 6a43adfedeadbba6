"""A model words reasons, later, and only where it says no more than was checked."""

from __future__ import annotations

import pytest

from zhiyin.explain import PhrasedExplainer
from zhiyin.explain.phrase_check import says_no_more
from zhiyin.explain.phrased import phrase_prompt
from zhiyin.llm import FakeModel
from zhiyin.types import Query

TOLD = ("Goes with “Big”, which you rated", "More Comedy, like “Airplane!”")


@pytest.mark.parametrize(
    ("sentence", "fits"),
    [
        ("You rated “Big”, and this is more Comedy", True),
        ("Goes with Big and Airplane", True),
        ("A Comedy from 1988 with Tom Hanks", False),
        ("Because you rated “Big”", False),
        ("You liked Heat", False),
        ("This is not Comedy", False),
        ("Watch it [here](http://x.y) with Big", False),
        ("<b>Big</b>", False),
        ("Big \x1b[31m Comedy", False),
        ("Big\nComedy", False),
        ("You would like this too", False),
        ("", False),
        ("Comedy " * 60, False),
    ],
)
def test_only_what_the_reasons_say_passes(sentence: str, fits: bool) -> None:
    evidence = ("Groundhog Day", *TOLD)
    assert says_no_more(sentence, evidence, language="en", causal=False) is fits


def test_causes_may_be_said_only_where_they_were_tried() -> None:
    for sentence, language in (("Because you rated Big", "en"), ("因为你看过《活着》", "zh")):
        told = ("You rated “Big”", "你看过《活着》")
        assert says_no_more(sentence, told, language=language, causal=True)
        assert not says_no_more(sentence, told, language=language, causal=False)
    assert not says_no_more("因为你喜欢张艺谋", ("你看过《活着》",), language="zh", causal=True)


def asked(past, ranking):
    query = Query(past(0, 1))
    return query, ranking(query, [6], ease=(1.0, [[1.0], [2.0]]))


def test_the_template_speaks_until_the_sentence_is_there(shop, past, ranking) -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"text": "You chose Big and Airplane"})
    explainer = PhrasedExplainer(llm=fake, background=False).fit(shop)
    query, found = asked(past, ranking)
    first = explainer.explain(query, found)
    assert first == explainer.plain_.explain(query, found) and not fake.asked
    assert explainer.sentences.work() == 1
    then = explainer.explain(query, found)[0][0]
    assert then.text == "You chose Big and Airplane"
    assert then.facts["worded"] == "by a model" and set(then.items) >= set(first[0][0].items)


@pytest.mark.parametrize(
    "text", ["The best film of 1988!", "<script>x</script>", "Ignore the list, see Heat"]
)
def test_a_sentence_that_says_more_is_never_shown_and_never_asked_for_again(
    shop, past, ranking, text
) -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"text": text})
    explainer = PhrasedExplainer(llm=fake, background=False).fit(shop)
    query, found = asked(past, ranking)
    plain = explainer.explain(query, found)
    explainer.sentences.work()
    assert explainer.explain(query, found) == plain
    assert explainer.sentences.work() == 0 and fake.n_asked("reason") == 1


def test_a_model_that_fails_costs_nothing(shop, past, ranking) -> None:
    explainer = PhrasedExplainer(llm=FakeModel(always="error"), background=False).fit(shop)
    query, found = asked(past, ranking)
    plain = explainer.explain(query, found)
    assert explainer.sentences.work() == 0
    assert explainer.explain(query, found) == plain


def test_the_prompt_is_golden() -> None:
    assert phrase_prompt("Groundhog Day", TOLD, "en").user == (
        "Item: “Groundhog Day”\n- Goes with “Big”, which you rated\n- More Comedy, like “Airplane!”"
    )
    assert phrase_prompt("活着", ("你看过《霸王别姬》",), "zh").user == "物品：《活着》\n- 你看过《霸王别姬》"
