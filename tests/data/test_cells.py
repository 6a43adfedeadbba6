"""Cells of item and user files as they were meant: nothing known, lists written as text, prices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from zhiyin.data.attributes import guess_attributes
from zhiyin.data.cells import as_lists, words_of
from zhiyin.data.importing import import_events
from zhiyin.data.item_files import ImportedItems, import_items
from zhiyin.data.prices import as_numbers
from zhiyin.errors import DataError


def items_of(folder: Path, columns: dict[str, list[object]]) -> ImportedItems:
    n = len(next(iter(columns.values())))
    pl.DataFrame({"item": [f"i{place}" for place in range(n)], **columns}).write_csv(folder / "i.csv")
    return import_items(folder / "i.csv")


@pytest.mark.parametrize("marker", ["\\N", "null", "NULL", "None", "NaN", "N/A", "NA", "n/a", "#N/A"])
def test_what_only_says_that_nothing_is_known_is_no_word(tmp_path: Path, marker: str) -> None:
    found = items_of(
        tmp_path,
        {
            "title": [marker, *(f"T{place}" for place in range(1, 10))],
            "genre": [marker, marker, *["Drama"] * 8],
            "runtime": [marker, marker, *map(str, range(90, 98))],
            "description": [marker, *["a long tale of many words that goes on " * 4] * 9],
        },
    )
    items = found.items
    assert items.titles[0] == "i0" and items.texts[0] == ""
    assert items.words["genre"].values == ("Drama",)
    assert list(items.numbers) == ["runtime"] and np.isnan(items.numbers["runtime"][:2]).all()
    note = next(note for note in found.report.notes if "count as missing" in note)
    assert "2 of 'genre'" in note and "1 of 'title'" in note and repr(marker) in note


def test_markers_are_none_in_users_and_in_lists_too(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item\nu1,a\nu2,b\n")
    (tmp_path / "u.csv").write_text("user,city,age\nu1,N/A,\\N\nu2,Berlin,30\n")
    found = import_events(tmp_path / "e.csv", users=tmp_path / "u.csv")
    assert found.dataset.user_words["city"].values == ("Berlin",)
    assert found.dataset.user_numbers["age"].tolist()[1] == 30
    assert any("missing of u.csv: 1 of 'city', 1 of 'age'" in note for note in found.report.notes)
    lines = [{"item": "a", "tags": ["x", "null", "N/A"]}, {"item": "b", "tags": ["y"]}]
    (tmp_path / "i.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert import_items(tmp_path / "i.jsonl").items.words["tags"].values == ("x", "y")


def test_ids_keep_what_may_be_a_name(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text("item,title\nNA,Namibia\nDE,Germany\n")
    assert list(import_items(tmp_path / "i.csv").items.ids) == ["NA", "DE"]


WRITTEN = {
    "python": ["['Action', 'Comedy']", "['Science Fiction']", "[]", "[\"Children's\", 'Drama']"],
    "json": ['["Action", "Comedy"]', '["Science Fiction"]', "[]", '["Children\'s", "Drama", null]'],
    "postgres": ["{Action,Comedy}", '{"Science Fiction"}', "{}", "{Children's,Drama,NULL}"],
    "tuple": ["('Action', 'Comedy')", "('Science Fiction',)", "()", "(\"Children's\", 'Drama')"],
    "numpy": ["['Action' 'Comedy']", "['Science Fiction']", "[]", "[\"Children's\" 'Drama']"],
    "python 2": ["[u'Action', u'Comedy']", "[u'Science Fiction']", "[]", "[u\"Children's\", u'Drama']"],
}


@pytest.mark.parametrize("form", WRITTEN)
def test_lists_written_as_text_are_words(tmp_path: Path, form: str) -> None:
    cells = ["" if form == "tuple" and cell == "()" else cell for cell in WRITTEN[form]]
    found = items_of(tmp_path, {"genres": cells * 3, "title": ["t"] * 12})
    words = [found.items.words["genres"].words(place) for place in range(4)]
    assert words == [("Action", "Comedy"), ("Science Fiction",), (), ("Children's", "Drama")]
    assert any("'genres' are lists written as text" in note for note in found.report.notes)


def test_words_of_a_list_may_hold_commas_quotes_and_any_script() -> None:
    assert words_of('["Smith, John", "say \\"hi\\"", "\\u559c\\u5267"]') == [
        "Smith, John",
        'say "hi"',
        "喜剧",
    ]
    assert words_of("['it\\'s', 'a \"b\"']") == ["it's", 'a "b"']
    assert words_of("no list") == ["no list"]


@pytest.mark.parametrize(
    "cells",
    [
        ["[x] y", "plain", "words"] * 5,
        ["[{'id': 1, 'name': 'Action'}]"] * 5,
        ['{"a": "b"}'] * 5,
        ["(2019)", "(2020)"] * 5,
        [],
    ],
)
def test_what_is_no_list_stays_as_it_is(cells: list[str]) -> None:
    assert as_lists(pl.Series(cells, dtype=pl.String)) is None


@pytest.mark.parametrize(
    ("cells", "numbers", "note"),
    [
        (["$10.50", "$1,299.00", "$7"], [10.5, 1299, 7], "without '$', thousands apart"),
        (["10,50", "1.299,00", "7"], [10.5, 1299, 7], "a comma as the decimal point"),
        (["€ 12,50", "9,99 €"], [12.5, 9.99], "without '€', a comma"),
        (["1,299.00", "12,345,678.90"], [1299, 12_345_678.9], "thousands apart"),
        (["1 299,00", "2\u202f400,50", "3\u00a0000,00"], [1299, 2400.5, 3000], "a comma"),
        (["99元", "¥1,200"], [99, 1200], "several currencies"),
        (["1,299", "12,500", "7"], [1299, 12500, 7], "as thousands, not as decimals"),
        (["-$5", "$-3.50"], [-5, -3.5], "without '$'"),
        (["0,125", "0,250"], [0.125, 0.25], "a comma"),
        (["12,50", "12,5"], None, ""),
        (["12.50", "13", ""], None, ""),
        (["12.50", "12,50"], None, "with a decimal comma and with a decimal point"),
        (["3,10", "1,2", "5", "2,14"], None, ""),
        (["Smith, John", "2,50"], None, ""),
        (["a", "b"], None, ""),
    ],
)
def test_numbers_as_people_write_them(cells: list[str], numbers: list[float] | None, note: str) -> None:
    found, said = as_numbers(pl.Series(cells))
    assert (None if found is None else found.to_list()) == numbers
    assert (note in said) if note else not said


def test_a_few_other_cells_do_not_make_words_of_prices() -> None:
    found, said = as_numbers(pl.Series(["12,50"] * 200 + ["free"]))
    assert found is not None and found.to_list()[-2:] == [12.5, None]
    assert "1 cells are no numbers and count as missing" in said


def test_prices_of_a_file_are_numbers(tmp_path: Path) -> None:
    found = items_of(tmp_path, {"price": ["€ 12,50", "€ 1.299,00"], "title": ["a", "b"]})
    assert found.items.numbers["price"].tolist() == [12.5, 1299.0]
    assert any("'price' was read as numbers: without '€'" in note for note in found.report.notes)


def test_a_decimal_comma_in_events_stops_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text('user,item,rating\nu,a,"2,0"\n')
    with pytest.raises(DataError, match=r"got '2,0'.*comma is a decimal one.*as in 2\.5"):
        import_events(tmp_path / "e.csv")


def test_types_that_are_neither_words_nor_numbers_are_left_out() -> None:
    frame = pl.DataFrame(
        {"binary": [b"\xff"], "binaries": [[b"\xff"]], "words": [["a"]], "number": [1.0]},
        schema_overrides={"binaries": pl.List(pl.Binary)},
    )
    found = guess_attributes(frame, frame.columns)
    assert found.useless == ["binary", "binaries"] and list(found.words) == ["words"]
