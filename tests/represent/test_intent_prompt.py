"""Intents by a model: golden questions, and answers of which only what the catalogue knows is taken."""

from __future__ import annotations

from typing import Any

import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.llm import FakeModel
from zhiyin.represent.intent_prompt import Reading, intent_prompt, offered_values, read_by_model, with_reading
from zhiyin.represent.intent_rules import read_intent
from zhiyin.represent.vocabulary import Vocabulary
from zhiyin.types import Intent, Item

FILMS = Catalogue.of(
    [
        Item("a", "A", "", {"genre": ("Comedy", "Romance"), "price": 3.0}),
        Item("b", "B", "", {"genre": ("Horror", "Comedy"), "price": 30.0}),
    ]
)


def read(words: str, fake: FakeModel) -> tuple[Intent, bool]:
    return read_by_model(words, fake, Vocabulary.of(FILMS), FILMS, timeout=1.0)


def test_the_question_is_the_same_word_for_word() -> None:
    english = intent_prompt("a date <b>movie", offered_values(FILMS))
    assert english.user == "Known words: Comedy, Horror, Romance\nRequest: a date movie\nJSON:"
    chinese = intent_prompt("约会看的", offered_values(FILMS), locale="zh-CN")
    assert chinese.user == "已知词：Comedy, Horror, Romance\n要求：约会看的\nJSON："
    assert (english.task, english.version, english.locale, chinese.locale) == ("intent", "3", "en", "zh")
    assert english.system == intent_prompt("other", []).system


def test_known_words_are_taken_and_others_dropped() -> None:
    said = Reading(want=["romance", "Cartoon", "ROMANCE"], avoid=["Horror", "x" * 9999], fresh=7, popular=-1)
    found, took_part = read("for our date evening", FakeModel(complete=lambda prompt, schema: said))
    assert took_part and found.source == "llm"
    assert [(wish.filter, wish.by) for wish in found.wishes] == [
        ('"genre" = "Romance"', 0.8),
        ('"genre" = "Horror"', -0.8),
    ]
    assert (found.fresh, found.popular) == (0.0, -1.0)


def test_what_the_rules_have_read_stands() -> None:
    book = Vocabulary.of(FILMS)
    rules = read_intent("a comedy under 10, no horror", book, FILMS)
    both = with_reading(rules, Reading(want=["Horror"], avoid=["Comedy"], fresh=1), book)
    assert (both.require, both.wishes, both.fresh) == (rules.require, rules.wishes, 1.0)


@pytest.mark.parametrize("fault", ["error", "type"])
def test_without_an_answer_the_rules_have_read(fault: Any) -> None:
    fake = FakeModel(complete=lambda prompt, schema: Reading(want=["Horror"]), always=fault)
    found, took_part = read("for our date", fake)
    assert not took_part and found.source == "rules" and found.text and not found.wishes


@pytest.mark.parametrize("words", ["comedy", "under 10", "喜剧", "the newest", "nothing sad"])
def test_nobody_is_asked_where_the_rules_understand(words: str) -> None:
    fake = FakeModel(complete=lambda prompt, schema: Reading(want=["Horror"]))
    found, complete = read(words, fake)
    assert complete and not fake.asked
    assert found == read_intent(words, Vocabulary.of(FILMS), FILMS)


def test_the_same_words_are_asked_once() -> None:
    fake = FakeModel(complete=lambda prompt, schema: Reading(want=["Romance"]))
    book = Vocabulary.of(FILMS)
    both = [read_by_model("for us", fake, book, FILMS, timeout=1.0)[0] for _ in range(2)]
    assert both[0] == both[1] and len(fake.asked) == 1
