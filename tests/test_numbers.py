"""No part takes a number with which it could not work: it says so where the number is set."""

from __future__ import annotations

import math
from typing import Any

import pytest

from zhiyin.components import Component, Option, components
from zhiyin.errors import ConfigError
from zhiyin.llm import FakeModel
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder

GIVEN: dict[str, Any] = {
    "encoder": HashEncoder(), "features": [], "llm": FakeModel(), "language_model": FakeModel(),
    "attribute": "genre", "name": "some", "base_url": "http://127.0.0.1:1/v1", "path": "nowhere.gguf",
    "rules": [], "pins": {}, "boosts": [],
}  # fmt: skip
"""What must be given to a part before its numbers can be looked at."""
ANY = {"seed"}


def numbers() -> list[tuple[Component, Option]]:
    found = []
    for part in components():
        for option in part.options:
            kinds = {word.strip() for word in str(option.annotation).replace("<class", "").split("|")}
            kinds = {kind.strip("' >") for kind in kinds} - {"None"}
            if kinds and kinds <= {"int", "float"} and option.name not in ANY:
                found.append((part, option))
    return found


@pytest.mark.parametrize(
    ("part", "option"), numbers(), ids=lambda value: getattr(value, "name", None) or str(value)
)
def test_a_number_that_no_part_can_work_with_is_refused(part: Component, option: Option) -> None:
    needed = {one.name: GIVEN[one.name] for one in part.options if one.required}
    part.cls(**needed)
    for value in (-1e9, math.nan):
        with pytest.raises(ConfigError, match=f"{option.name} = .*expected a number from"):
            part.cls(**{**needed, option.name: value})


def test_the_numbers_of_many_parts_are_looked_at() -> None:
    assert len(numbers()) > 100, "the test above would pass with nothing to look at"
    assert {part.room for part, _ in numbers()} >= {"represent", "retrieve", "rank", "explain", "llm"}


def test_a_mistake_in_a_file_names_the_number() -> None:
    from zhiyin.config import from_toml

    text = "[retrievers.kernel]\ntype = 'kernel'\ndecay = 8.0\nwindow = 0\n"
    with pytest.raises(ConfigError, match=r"window = 0: expected a number from 1.*decay = 8\.0") as said:
        from_toml(text)
    assert "kernel" in str(said.value), "of which part"
    assert isinstance(from_toml(text.replace("8.0", "0.8").replace("= 0\n", "= 1\n")), Recommender)
