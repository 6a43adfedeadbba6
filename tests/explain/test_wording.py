from __future__ import annotations

import unicodedata

import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.explain.claim import FORMS, Claim
from zhiyin.explain.wording import ACTIONS, TEMPLATES, language, wording
from zhiyin.types import Item

ITEMS = Catalogue.of([Item("a", "Airplane!"), Item("b", "霸王别姬"), Item("c", "“Quoted” 《书》"), Item("d")])
FULL = Claim("like", 0, (1, 2, 3), "genres", "Comedy", 1990, 3, 7, ("funny", "笑"))


@pytest.mark.parametrize("locale", ["en", "zh"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("item", range(4))
def test_every_form_has_words_in_every_language(locale, form, item):
    claim = Claim(form, item, FULL.cited, "genres", "Comedy", 1990, 3, 7, FULL.matched)
    text = wording(claim, ITEMS, locale=locale)
    assert text and "{" not in text and text == wording(claim, ITEMS, locale=locale)
    assert any("\u4e00" <= char <= "\u9fff" for char in text.replace("霸王别姬", "").replace("书", "")) >= (
        locale == "zh"
    )


def test_both_languages_know_the_same():
    assert set(TEMPLATES["en"]) == set(TEMPLATES["zh"]) == set(FORMS)
    assert all(set(names) == {"en", "zh"} for names in ACTIONS.values())


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "More Comedy from the 1990s, like “霸王别姬”, “‘Quoted’ 《书》” and “d”"),
        ("zh-CN", "同样是1990年代的Comedy，如《霸王别姬》、《“Quoted” 〈书〉》和《d》"),
    ],
)
def test_titles_stand_in_the_quotes_of_the_language(locale, text):
    variants = {
        wording(Claim("like", i, FULL.cited, "genres", "Comedy", 1990), ITEMS, locale=locale)
        for i in range(4)
    }
    assert text in variants


def test_reasons_of_one_form_vary():
    items = Catalogue.of([Item(f"i{i}") for i in range(30)])
    starts = {wording(Claim("goes", i, (0,)), items).split()[0] for i in range(1, 30)}
    assert starts == {"Close", "Goes"}


@pytest.mark.parametrize(
    ("locale", "speaks"),
    [("zh", "zh"), ("zh_TW", "zh"), ("ZH-hant", "zh"), ("en-GB", "en"), ("de", "en"), ("", "en")],
)
def test_what_no_language_speaks_is_said_in_english(locale, speaks):
    assert language(locale) == speaks


@pytest.mark.parametrize(
    "title",
    [
        "x\x1b[31m",
        "\u202egnp.exe",
        "a\nb\r\tc",
        "zero\u200bwidth",
        "half \ud800",
        "long " * 999,
        "{did}",
        "%s",
    ],
)
def test_hostile_titles_and_words_stay_on_one_short_clean_line(title):
    items = Catalogue.of([Item("a", title), Item("b", title, title, {"tags": (title,)})])
    for form in FORMS:
        claim = Claim(form, 0, (1,), "tags", title, None, 1, 1, (title,))
        text = wording(claim, items, locale="en")
        assert len(text) < 300 and not {unicodedata.category(char)[0] for char in text} & {"C"}
