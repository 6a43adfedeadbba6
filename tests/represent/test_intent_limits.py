"""Limits of numbers as people state them: with a "not", joined, in any numerals; in English and Chinese."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filters import parse_filter
from zhiyin.represent.intent_rules import read_intent
from zhiyin.represent.numerals import number
from zhiyin.represent.vocabulary import Vocabulary
from zhiyin.types import Intent, Item

FILMS = Catalogue.of(
    [
        Item(
            "toy", "Toy Story", "",
            {"genre": ("Comedy",), "year": 1995.0, "price": 9.0, "rating": 8.0, "minutes": 81.0},
        ),
        Item(
            "alien", "Alien", "",
            {"genre": ("Horror",), "year": 1979.0, "price": 30.0, "rating": 9.0, "minutes": 117.0},
        ),
    ]
)  # fmt: skip
BOOK = Vocabulary.of(FILMS)
THIS_YEAR = time.gmtime().tm_year


def read(words: str) -> Intent:
    return read_intent(words, BOOK, FILMS)


def required(words: str) -> str:
    return " & ".join(read(words).require).replace('"', "")


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("nothing over 50 dollars", "price <= 50"),
        ("I don't want anything over 50", "price <= 50"),
        ("don't show me anything above $50", "price <= 50"),
        ("dont show me films over 50", "price <= 50"),
        ("without spending more than 50", "price <= 50"),
        ("can't spend more than 50", "price <= 50"),
        ("no more than 50", "price <= 50"),
        ("不超过50元", "price <= 50"),
        ("不要超过50元", "price <= 50"),
        ("别超过100块", "price <= 100"),
        ("不能超过50元", "price <= 50"),
        ("价格不高于50", "price <= 50"),
        ("not less than 100 minutes", "minutes >= 100"),
        ("no less than 100 minutes", "minutes >= 100"),
        ("no longer than 100 minutes", "minutes <= 100"),
        ("not longer than 100 minutes", "minutes <= 100"),
        ("nothing longer than 100 minutes", "minutes <= 100"),
        ("片长不要超过120分钟", "minutes <= 120"),
        ("评分不低于8分", "rating >= 8"),
        ("评分不少于8", "rating >= 8"),
        ("评分低于5分的不要", "rating >= 5"),
        ("nothing with a rating under 5", "rating >= 5"),
        ("not rated above 8", "rating <= 8"),
        ("not before 1990", "year >= 1990"),
        ("not after 1990", "year <= 1990"),
        ("nothing older than 2000", "year >= 2000"),
        ("上映不早于2000年", "year >= 2000"),
        ("不要1990年以前的", "year >= 1990"),
        ("不要超过1990年的", "year <= 1990"),
        ("不超过2000元的", "price <= 2000"),
        ("90年代以前的不要", "year >= 1990"),
        ("not after the 80s", "year < 1990"),
        ("not from the 90s", "not (year >= 1990 and year < 2000)"),
        ("no films from the 80s", "not (year >= 1980 and year < 1990)"),
        ("anything but the 90s", "not (year >= 1990 and year < 2000)"),
        ("不要90年代的", "not (year >= 1990 and year < 2000)"),
        ("90年代的就不要了", "not (year >= 1990 and year < 2000)"),
        ("除了八十年代的", "not (year >= 1980 and year < 1990)"),
        ("cheaper than 50 but not under 20", "price <= 50 & price >= 20"),
        ("nothing over 50 or longer than 100 minutes", "price <= 50 & minutes <= 100"),
        ("horror but not over 100 minutes", "minutes <= 100"),
    ],
)
def test_a_not_turns_a_limit_round(words: str, filters: str) -> None:
    found = read(words)
    assert " & ".join(found.require).replace('"', "") == filters
    assert (found.unmet, found.text) == ((), "")


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("nothing but 80s comedies", "year >= 1980 and year < 1990"),
        ("I don't know what to watch under 100 minutes", "minutes <= 100"),
        ("no horror, under 50", "price <= 50 & not genre in (Horror)"),
        ("no horror but under 50", "price <= 50 & not genre in (Horror)"),
        ("I don't mind paying over 50", "price >= 50"),
        ("不要恐怖片，50元以下", "price <= 50 & not genre in (Horror)"),
        ("不要恐怖片但要50元以下", "price <= 50 & not genre in (Horror)"),
        ("不到50元", "price <= 50"),
    ],
)
def test_a_not_about_something_else_leaves_a_limit_as_it_is(words: str, filters: str) -> None:
    assert required(words) == filters


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("80s or 90s comedies", "year >= 1980 and year < 2000"),
        ("90s and 2000s films", "year >= 1990 and year < 2010"),
        ("80年代或者90年代的喜剧", "year >= 1980 and year < 2000"),
        ("80年代、90年代的喜剧", "year >= 1980 and year < 2000"),
        ("八九十年代的喜剧", "year >= 1980 and year < 2000"),
        ("60s or 80s", "year >= 1960 and year < 1970 or year >= 1980 and year < 1990"),
        ("60、90年代的片", "year >= 1960 and year < 1970 or year >= 1990 and year < 2000"),
        ("from the 70s to the 90s", "year >= 1970 and year < 2000"),
        ("between the 70s and the 90s", "year >= 1970 and year < 2000"),
        ("70年代到90年代", "year >= 1970 and year < 2000"),
        ("2010年到2020年", "year >= 2010 and year <= 2020"),
        ("1995 or 1996", "year >= 1995 and year <= 1996"),
        ("1995年或1999年的", "year = 1995 or year = 1999"),
        ("under 10 or over 100", "price <= 10 or price >= 100"),
        (
            "not from the 80s or 90s",
            "not (year >= 1980 and year < 1990) & not (year >= 1990 and year < 2000)",
        ),
        ("80年代和90年代的不要", "not (year >= 1980 and year < 1990) & not (year >= 1990 and year < 2000)"),
        ("before the 60s", "year < 1960"),
        ("60年代以前的电影", "year < 1960"),
        ("after the 80s", "year >= 1990"),
        ("80年代以后", "year >= 1990"),
        ("since the 80s", "year >= 1980"),
        ("90年代至今", "year >= 1990"),
        ("80s and earlier", "year < 1990"),
        ("pre-1960", "year < 1960"),
        ("after 1990 and before 2000", "year >= 1990 & year < 2000"),
    ],
)
def test_years_and_decades_join_to_what_is_meant(words: str, filters: str) -> None:
    assert required(words) == filters
    assert read(words).text == ""


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("under 1,000 yuan", "price <= 1000"),
        ("under $1,200", "price <= 1200"),
        ("1,000元以下", "price <= 1000"),
        ("under 2k", "price <= 2000"),
        ("two hundred dollars or less", "price <= 200"),
        ("三百五以下", "price <= 350"),
        ("三百零五以下", "price <= 305"),
        ("1.5万以下", "price <= 15000"),
        ("喜剧,50元以下", "price <= 50"),
        ("一九九五年的电影", "year = 1995"),
        ("1995年", "year = 1995"),
        ("一个半小时以内", "minutes <= 90"),
        ("under half an hour", "minutes <= 30"),
        ("under an hour and a half", "minutes <= 90"),
        ("两个小时以内", "minutes <= 120"),
        ("rated above 8", "rating >= 8"),
        ("rated 8+", "rating >= 8"),
        ("rated 8 or higher", "rating >= 8"),
        ("rated under 5", "rating <= 5"),
        ("评分在8以上", "rating >= 8"),
        ("100+ minutes", "minutes >= 100"),
        ("价格在50到100之间", "price >= 50 and price <= 100"),
        ("price from 50 to 100", "price >= 50 and price <= 100"),
        ("预算50元", "price <= 50"),
        ("budget of 50", "price <= 50"),
        ("the last 5 years", f"year >= {THIS_YEAR - 5}"),
        ("近五年的电影", f"year >= {THIS_YEAR - 5}"),
        ("from the last decade", f"year >= {THIS_YEAR - 10}"),
        ("去年", f"year = {THIS_YEAR - 1}"),
    ],
)
def test_numerals_and_what_they_count_are_read_whole(words: str, filters: str) -> None:
    assert required(words) == filters
    assert read(words).text == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,200", 1200), ("2k", 2000), ("三百五", 350), ("三百零五", 305), ("两千三", 2300),
        ("一万二", 12000), ("三百二十五", 325), ("一九九五", 1995), ("二〇一〇", 2010), ("一个半", 1.5),
        ("半", 0.5), ("two hundred", 200), ("two and a half", 2.5), ("十", 10), ("12x", None), ("", None),
    ],
)  # fmt: skip
def test_numerals(text: str, value: float | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "words", ["I'm in my 30s and like comedies", "comedies for people in their sixties", "我30多岁，喜欢喜剧"]
)
def test_the_age_of_a_person_is_no_decade(words: str) -> None:
    found = read(words)
    assert found.require == () and len(found.unmet) == 1
    assert [wish.filter for wish in found.wishes] == ['"genre" = "Comedy"']


def test_a_rating_is_no_price_where_nothing_is_rated() -> None:
    shop = Catalogue.of([Item("a", "Tea", "", {"price": 3.0})])
    found = read_intent("rated above 8", Vocabulary.of(shop), shop)
    assert (found.require, found.unmet) == ((), ("rated above 8",))


PIECES = (
    "not ", "no more than ", "不", "不要", "50", "1,000", "元以下", "90s", " or ", "到", "年代", "and ",
    "的不要", "八九十",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=40).map("".join))
def test_any_limits_are_filters_that_can_be_asked(words: str) -> None:
    for expression in read_intent(words, Vocabulary.of(FILMS), FILMS).require:
        parse_filter(expression).mask(FILMS)


@pytest.mark.parametrize(
    "piece", ["not over 50 or ", "不超过50元或", "80年代和", "no ", "1,000", "50元以下" + 400 * " "]
)
def test_long_lists_of_limits_take_no_longer(piece: str) -> None:
    start = time.process_time()
    read(piece * 3000)
    assert time.process_time() - start < 1.0
