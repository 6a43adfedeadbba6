"""Requests that name nothing: the catalogue's words that are near in meaning become wishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.errors import LlmError
from zhiyin.represent import UseEncoder
from zhiyin.represent.intent_reader import IntentReader
from zhiyin.represent.intent_rules import read_intent
from zhiyin.types import FloatArray, Item, Query

GENRES = ("Sci-Fi", "Romance", "War", "Children's", "Animation", "Crime")
FILMS = Catalogue.of(
    Item(f"f{place}", title, "", {"genre": (GENRES[place % 6],), "maker": f"maker {place}"})
    for place, title in enumerate(
        ["Alien", "Titanic", "Das Boot", "Heidi", "Bambi", "Heat", "Solaris", "Emma", "Glory", "Matilda"] * 30
    )
)


class Counting(UseEncoder):
    """The embedded encoder, with what it was asked."""

    asked, fails = 0, False

    def encode(self, texts: Sequence[str]) -> FloatArray:
        if self.fails:
            raise LlmError("away", passing=True)
        self.asked += len(texts)
        return super().encode(texts)


@pytest.mark.parametrize(
    ("words", "genres"),
    [
        ("spaceships and laser guns", ["Sci-Fi"]),
        ("kisses and a wedding", ["Romance"]),
        ("飞船与激光枪", ["Sci-Fi"]),
        ("bank robbers and crooked cops, or spaceships", ["Crime", "Sci-Fi"]),
        ("战壕与坦克", ["War"]),
    ],
)
def test_what_names_nothing_is_understood_by_its_meaning(words: str, genres: list[str]) -> None:
    reader = IntentReader(UseEncoder())
    intent = reader.read(Query(words=words), FILMS).intent
    assert intent is not None and intent.source == "vectors" and intent.text
    firm = [wish.filter for wish in intent.wishes if wish.by == 0.8]
    assert firm == [f'"genre" = "{genre}"' for genre in genres]
    assert not any("maker" in wish.filter for wish in intent.wishes), "names are no meanings"
    assert [wish.said for wish in intent.wishes if wish.by == 0.8] == genres, "what a reason may claim"


@pytest.mark.parametrize(
    "words", ["a war film", "Titanic", "das boot", "under 20", "", "hello", "你好", "something, please"]
)
def test_what_is_understood_or_names_a_title_is_left_as_it_is(words: str) -> None:
    encoder = Counting()
    intent = read_intent(words, IntentReader(encoder).vocabulary(FILMS), FILMS)
    assert intent.source == "rules" and not encoder.asked


def test_only_what_is_wanted_is_read() -> None:
    book = IntentReader(UseEncoder()).vocabulary(FILMS)
    intent = read_intent("spaceships but no wedding", book, FILMS)
    assert intent.unmet == ("wedding",)
    assert not any("Romance" in wish.filter for wish in intent.wishes) and intent.wishes
    assert read_intent("spaceships", book, FILMS, near=False).wishes == ()


def test_the_words_are_encoded_once_and_again_when_there_are_others() -> None:
    encoder = Counting()
    reader = IntentReader(encoder)
    reader.read(Query(words="spaceships and laser guns"), FILMS)
    first = encoder.asked
    reader.read(Query(words="trenches and tanks"), FILMS)
    assert encoder.asked == first + 1, "the clause"
    reader.read(Query(words="spaceships, please"), FILMS)
    assert encoder.asked == first + 2, "'please' says nothing"
    more = FILMS.with_items([Item("new", "Shane", "", {"genre": "Gardening"})])
    reader.refresh(more, np.array([len(FILMS)], np.int32))
    found = reader.read(Query(words="planting tulips and pulling weeds"), more).intent
    assert found is not None and found.wishes[0].filter == '"genre" = "Gardening"'
    assert encoder.asked == first + 4, "the new word and the clause"
    named = more.with_items([Item("f0", "Tulips", "", {"genre": "Crime"})])
    reader.refresh(named, np.array([0], np.int32))
    gone = named.with_items([Item("new", "Shane", "", {"genre": "War"})])
    reader.refresh(gone, np.array([len(FILMS)], np.int32))
    without = reader.read(Query(words="planting tulips and pulling weeds and weeds"), gone).intent
    assert without is not None and not any("Gardening" in wish.filter for wish in without.wishes), (
        "nobody has it"
    )
    again = reader.read(Query(words="tulips"), named).intent
    assert again is not None and again.source == "rules", "a title now"


def test_without_an_encoder_or_when_it_fails_the_rules_stand() -> None:
    words = Query(words="spaceships and laser guns")
    plain = IntentReader().read(words, FILMS).intent
    encoder = Counting()
    encoder.fails = True
    reader = IntentReader(encoder)
    failed = reader.read(words, FILMS).intent
    encoder.fails = False
    again = reader.read(words, FILMS).intent
    assert again is not None and again.wishes, "a failure is not remembered"
    assert plain == failed and plain is not None and plain.wishes == () and plain.source == "rules"
    bare = Catalogue.of([Item("a"), Item("b")])
    nothing = IntentReader(UseEncoder()).read(words, bare).intent
    assert nothing is not None and nothing.wishes == ()


def test_a_placeholder_is_not_what_somebody_means() -> None:
    genres = ["unknown", "War"] * 30
    named = Catalogue.of([Item(f"i{n}", f"Tale {n}", "", {"genre": genre}) for n, genre in enumerate(genres)])
    found = IntentReader(UseEncoder()).read(Query(words="something I cannot name yet"), named).intent
    assert found is not None and not any("unknown" in wish.filter for wish in found.wishes)
