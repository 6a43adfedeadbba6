"""Filters as people read them."""

import pytest

from zhiyin.explain.understood_words import filter_in_words


@pytest.mark.parametrize(
    ("expression", "en", "zh"),
    [
        ("year >= 1990 and year < 2000", "year ≥ 1990 < 2000", "year ≥ 1990 < 2000"),
        ("year = 1995", "year 1995", "year 1995"),
        ("year >= 1960 and year < 1970 or year >= 1980 and year < 1990",
         "year ≥ 1960 < 1970 or ≥ 1980 < 1990", "year ≥ 1960 < 1970或≥ 1980 < 1990"),
        ("not (year >= 1990 and year < 2000)", "no year ≥ 1990 < 2000", "不要year ≥ 1990 < 2000"),
        ('not genre = "Horror" and price <= 20', "no Horror price ≤ 20", "不要Horror price ≤ 20"),
        ('genre in ("War", "Crime")', "War or Crime", "War或Crime"),
        ("no filter at all (", "no filter at all (", "no filter at all ("),
    ],
)  # fmt: skip
def test_a_filter_is_said_as_it_works(expression: str, en: str, zh: str) -> None:
    assert filter_in_words(expression) == en
    assert filter_in_words(expression, "zh") == zh
