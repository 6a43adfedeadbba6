"""Filters: a mask says what a plain reading of each item says; a fault is shown where it stands."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filters import FilterLimits, parse_filter
from zhiyin.errors import FilterError
from zhiyin.types import Item

FILMS = Catalogue.of(
    [
        Item("a", "Love Story", "sad", {"genre": ("Drama", "Romance"), "price": 10.0, "year": 1970}),
        Item("b", "The Love Bug", "", {"genre": ("Comedy",), "price": 20.0, "brand": "Acme"}),
        Item("c", "爱情故事", "一部电影", {"genre": ("喜剧", "Drama"), "brand": "B & Co", "year": 1999}),
        Item("d-4", "Heat", "", {"price": 30.5, "brand": "acme"}),
        Item("e", "in", "", {"片长 (分)": 90}),
    ]
)


def found(text: str, **limits: int) -> str:
    mask = parse_filter(text, limits=FilterLimits(**limits)).mask(FILMS)
    assert mask.dtype == np.bool_ and mask.shape == (5,)
    return " ".join(FILMS.ids[code] for code in np.flatnonzero(mask))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("price < 30.5", "a b"),
        ("price<=30.5", "a b d-4"),
        ("price > 10 and price < 25", "b"),
        ("price = 1e1", "a"),
        ("price != 10", "b d-4"),
        ("not price = 10", "b c d-4 e"),
        ("price exists", "a b d-4"),
        ("not price exists", "c e"),
        ("price in (10, 30.5, 7)", "a d-4"),
        ("price not in (10)", "b d-4"),
        ("year >= -5", "a c"),
        ("genre = Drama", "a c"),
        ('genre != "Drama"', "b"),
        ("genre in (Comedy, 'Romance', nothing)", "a b"),
        ("genre not in (Drama, nothing)", "b"),
        ("genre = drama", ""),
        ("genre contains dram", "a c"),
        ("genre exists", "a b c"),
        ('brand = "B & Co"', "c"),
        ("brand contains acme", "b d-4"),
        ('title contains "LOVE"', "a b"),
        ("title = Heat", "d-4"),
        ('title in ("in", Heat)', "d-4 e"),
        ("text exists", "a c"),
        ("text != sad", "c"),
        ("id in (a, d-4, zz)", "a d-4"),
        ("id != a", "b c d-4 e"),
        ("id contains d-", "d-4"),
        ("genre = 喜剧 or title contains “爱情”", "c"),
        ("（genre in （喜剧，Comedy）） and price ＜ 25", "b"),
        ('"片长 (分)" = 90', "e"),
        (r'title = "a\"b"', ""),
        ("genre = Drama OR brand = Acme AND price > 15", "a b c"),
        ("(genre = Drama or brand = Acme) and price > 15", "b"),
        ("not genre = Drama and price exists", "b d-4"),
        ("not (genre = Drama and price exists)", "b c d-4 e"),
        ("not not genre = Drama", "a c"),
        ("not price < 15 or id = a and not id = a", "b c d-4 e"),
        ("((((id = a))))", "a"),
        ('title contains ""', "a b c d-4 e"),
        ('text contains ""', "a c"),
    ],
)
def test_what_an_expression_finds(text: str, ids: str) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(
    ("text", "at", "word"),
    [
        ("", 0, "name of an attribute"),
        ("price <", 7, "a number or a word"),
        ("price < and", 8, "a number or a word; got 'and'"),
        ("pric < 3", 0, "did you mean 'price'?"),
        ("id = a and Genre = x", 11, "did you mean 'genre'?"),
        ("price < cheap", 8, "price holds numbers, got 'cheap'"),
        ("price contains 3", 0, "price holds numbers"),
        ("genre < 3", 0, "genre holds words"),
        ("genre = a genre = b", 10, "`and`, `or`"),
        ("(id = a", 0, "never closes"),
        ("id = a)", 6, "never opened"),
        ("id = 'a", 5, "never close"),
        ("id in a", 6, "( and a list"),
        ("id in ()", 7, "a number or a word"),
        ("id in (a b)", 9, "`,` or `)`"),
        ("id not = a", 7, "`in`"),
        ("price = 1e999", 8, "finite"),
        ("id = a ; drop", 7, "no meaning"),
        ("类型 = 喜剧", 0, "There are: brand"),
        ("and", 0, "name of an attribute; got 'and'"),
        ("id = a and", 10, "name of an attribute; got the end"),
    ],
)
def test_a_fault_is_shown_where_it_stands(text: str, at: int, word: str) -> None:
    with pytest.raises(FilterError) as caught:
        found(text)
    said = str(caught.value).split("\n")
    assert caught.value.at == at and word in said[0], said
    assert len(said) == 3 and said[1] == f"  {text}" and said[2].endswith("^")


def test_the_caret_stands_under_the_fault_where_letters_are_wide() -> None:
    with pytest.raises(FilterError) as caught:
        found("类型 = 喜剧 oder")
    assert str(caught.value).split("\n")[2] == "  " + " " * len("xxxx = xxxx ") + "^"


def test_a_message_neither_floods_nor_steers_a_terminal() -> None:
    with pytest.raises(FilterError) as caught:
        found("id = a " + "\x1b[2J\n" * 20 + "x" * 3000)
    assert len(str(caught.value)) < 600 and "\x1b" not in str(caught.value)
    assert str(caught.value).count("\n") == 2


@pytest.mark.parametrize(
    ("text", "limits", "word"),
    [
        ("id = aaaaaaaa", {"length": 8}, "filter.length"),
        ("((id = a))", {"depth": 1}, "filter.depth"),
        ("not not id = a", {"depth": 1}, "filter.depth"),
        ("id = a or id = b", {"terms": 1}, "filter.terms"),
        ("id in (a, b, c)", {"values": 2}, "filter.values"),
        ("(" * 3000 + "id = a", {}, "filter.depth"),
        ("not " * 900 + "id = a", {}, "filter.depth"),
        ("(" * 900_000, {"length": 10**6, "depth": 10**6}, "name of an attribute"),
    ],
)
def test_a_limit_is_named(text: str, limits: dict[str, int], word: str) -> None:
    with pytest.raises(FilterError, match=word):
        found(text, **limits)


def test_what_stands_at_a_limit_passes() -> None:
    assert found("(id in (a, b))", length=14, depth=1, terms=1, values=2) == "a b"


def test_depth_costs_no_call_stack() -> None:
    n = 20_000
    text = "not (" * n + "id = a" + ")" * n
    assert found(text, length=10**6, depth=10**6) == "a"


def test_a_changed_catalogue_is_asked_afresh() -> None:
    asked = parse_filter("genre = Drama or title contains heat or brand = new")
    before = asked.mask(FILMS)
    more = FILMS.with_items([Item("d-4", "Cold"), Item("f", "Heat 2"), Item("g", "x", "", {"brand": "new"})])
    assert before.tolist() == [True, False, True, True, False]
    assert asked.mask(more).tolist() == [True, False, True, False, False, True, True]
    assert asked.mask(FILMS).tolist() == before.tolist()
    with pytest.raises(ValueError, match="read-only"):
        before[0] = False


def test_an_empty_catalogue_is_answered() -> None:
    none = Catalogue.of([])
    assert parse_filter("title contains a or id = b").mask(none).shape == (0,)


def test_a_frequent_and_a_rare_needle_are_found_alike() -> None:
    many = Catalogue.of(
        [Item(f"{code}", f"Ähre {'und' if code % 3 else '诗'} {code}") for code in range(9000)]
    )
    for needle in ("ähre", "诗", "und 8999", "诗 8997", "e", "e 诗"):
        mask = parse_filter(f'title contains "{needle}"').mask(many)
        assert mask.tolist() == [needle in title.casefold() for title in many.titles], needle


# -- a plain reading, item by item -----------------------------------------------------------------

WORDS = ["Ab", "aB", "b", "b b", "in", "喜", "喜剧", "7", 'q"']
words = st.sampled_from(WORDS)
numbers = st.sampled_from([-1.5, 0.0, 2.0, 7.0, 1e9])
attributes = st.fixed_dictionaries(
    {}, optional={"tag": st.lists(words, min_size=1, max_size=3).map(tuple), "名": words, "n x": numbers}
)
catalogues = st.lists(
    st.tuples(st.one_of(st.just(""), words), st.one_of(st.just(""), words), attributes), max_size=8
).map(lambda rows: Catalogue.of([Item(f"i{c}", *row) for c, row in enumerate([*rows, ALL])]))
ALL = ("b", "b", {"tag": ("b",), "名": "b", "n x": 2.0})
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def reads(name: str, does: str, values: list[Any]) -> Callable[[Catalogue, int], bool]:
    def fits(items: Catalogue, code: int) -> bool:
        item = items.item(code)
        fields: dict[str, Any] = {"id": item.id, "title": item.title, "text": item.text}
        given = fields.get(name) if name in fields else item.attributes.get(name)
        if given is None or given == "" or given == () or (isinstance(given, float) and math.isnan(given)):
            return False
        several = given if isinstance(given, tuple) else (given,)
        match does:
            case "exists":
                return True
            case "contains":
                return any(values[0].casefold() in word.casefold() for word in several)
            case "in":
                return any(word in values for word in several)
            case "not in" | "!=":
                return not any(word in values for word in several)
            case _:
                return any(COMPARE[does](word, values[0]) for word in several)

    return fits


@st.composite
def terms(draw: st.DrawFn) -> tuple[str, Callable[[Catalogue, int], bool]]:
    name = draw(st.sampled_from(["tag", "名", "n x", "id", "title", "text"]))
    numeric = name == "n x"
    does = draw(
        st.sampled_from([*COMPARE, "in", "not in", "exists"])
        if numeric
        else st.sampled_from(["=", "!=", "in", "not in", "contains", "exists"])
    )
    value = numbers if numeric else st.sampled_from([*WORDS, "i0", "i1", "nobody", ""])
    values = draw(st.lists(value, min_size=1, max_size=4 if "in" in does.split() else 1))
    said = [repr(one) if numeric else quoted(one) for one in values]
    spelt = {"exists": "", "in": f"({', '.join(said)})", "not in": f"({', '.join(said)})"}.get(does, said[0])
    return f"{quoted(name)} {does} {spelt}", reads(name, does, values)


def joined(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def negated(one: Any) -> Any:
        return f"not ({one[0]})", lambda items, code: not one[1](items, code)

    def both(two: Any) -> Any:
        (a, f), (b, g) = two
        return f"({a}) and ({b})", lambda items, code: f(items, code) and g(items, code)

    def either(two: Any) -> Any:
        (a, f), (b, g) = two
        return f"({a}) or ({b})", lambda items, code: f(items, code) or g(items, code)

    pairs = st.tuples(parts, parts)
    return st.one_of(parts.map(negated), pairs.map(both), pairs.map(either))


@settings(max_examples=300, deadline=None)
@given(items=catalogues, expression=st.recursive(terms(), joined, max_leaves=6))
def test_a_mask_says_what_a_plain_reading_says(items: Catalogue, expression: Any) -> None:
    text, fits = expression
    mask = parse_filter(text).mask(items)
    assert mask.tolist() == [fits(items, code) for code in range(len(items))], text


@settings(max_examples=200, deadline=None)
@given(flat=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_precedence_is_that_of_python(flat: list[tuple[bool, bool, bool]]) -> None:
    ours, theirs = "", ""
    for place, (yes, no, both) in enumerate(flat):
        link = "" if not place else (" and " if both else " or ")
        ours += f"{link}{'not ' if no else ''}id {'=' if yes else '!='} a"
        theirs += f"{link}{'not ' if no else ''}{yes}"
    mask = parse_filter(ours).mask(Catalogue.of([Item("a")]))
    expected = any(all(value is not negated for value, negated in group) for group in _groups(flat))
    assert mask.tolist() == [expected], theirs


def _groups(flat: list[tuple[bool, bool, bool]]) -> list[list[tuple[bool, bool]]]:
    """Terms joined by `and`, between one `or` and the next."""
    groups: list[list[tuple[bool, bool]]] = [[]]
    for place, (yes, no, both) in enumerate(flat):
        if place and not both:
            groups.append([])
        groups[-1].append((yes, no))
    return groups


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("ab1.,()\"'=<>!-\\ \n喜“”（）andornotexsi"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FilterError):
        assert parse_filter(text).mask(FILMS).shape == (5,)
