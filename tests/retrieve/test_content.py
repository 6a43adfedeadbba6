"""Content retrieval: like finds like, words count, new items are there at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from zhiyin.contracts import Persistent, Refreshable, Retriever, Trainable
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError, LlmError, NotFittedError
from zhiyin.represent import HashEncoder, UseEncoder
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.testing import RetrieverTests
from zhiyin.types import FloatArray, History, IntArray, Interaction, Item, Query

TOPICS = json.loads((Path(__file__).parents[1] / "represent" / "topics.json").read_text("utf-8"))
NOBODY = np.empty(0, np.int32)

STARS = [Item(f"s{i}", f"star wars episode {word}") for i, word in enumerate(("one", "two", "three"))]
SOUPS = [Item(f"c{i}", f"soup kitchen recipe {word}") for i, word in enumerate(("red", "green", "white"))]
ITEMS = [*STARS, *SOUPS, Item("blank", "…")]


def data_of(items: Sequence[Item]) -> Dataset:
    return Dataset.of([Interaction("u", items[0].id)], items)


def asked(codes: Sequence[int] = (), words: str = "", weights: Sequence[float] | None = None) -> Query:
    given = np.ones(len(codes), np.float32) if weights is None else np.array(weights, np.float32)
    return Query(History(np.array(codes, np.int32), given, np.full(len(codes), np.nan)), words=words)


def everything(n: int) -> IntArray:
    return np.arange(n, dtype=np.int32)


@pytest.fixture(params=[0.0, 0.2], ids=["mean", "attention"])
def retriever(request: pytest.FixtureRequest) -> ContentRetriever:
    return ContentRetriever(encoder=HashEncoder(), decay=0.5, temperature=request.param).fit(data_of(ITEMS))


def test_it_keeps_the_contracts(retriever: ContentRetriever) -> None:
    for contract in (Retriever, Trainable, Refreshable, Persistent):
        assert isinstance(retriever, contract)


def test_like_finds_like(retriever: ContentRetriever) -> None:
    top = retriever.relevance(asked([0])).top(3, np.array([0], np.int32))
    assert set(top[:2].tolist()) == {1, 2}


def test_the_last_event_counts_most(retriever: ContentRetriever) -> None:
    def best(codes: list[int]) -> int:
        return int(retriever.relevance(asked(codes)).top(1, np.array(codes, np.int32))[0])

    assert best([3, 0]) in (1, 2) and best([0, 3]) in (4, 5)


def test_a_dislike_pushes_its_like_down(retriever: ContentRetriever) -> None:
    scores = retriever.relevance(asked([0, 3], weights=[-1, 1])).of(everything(6))
    assert scores[1] < 0 < scores[4]


def test_words_are_asked_for_too(retriever: ContentRetriever) -> None:
    assert set(retriever.relevance(asked(words="soup recipe")).top(3, NOBODY).tolist()) == {3, 4, 5}
    assert set(retriever.relevance(asked([0, 1], words="soup recipe")).top(3, NOBODY).tolist()) == {3, 4, 5}
    silent = ContentRetriever(encoder=HashEncoder(), words_share=0).fit(data_of(ITEMS))
    assert len(silent.relevance(asked(words="soup")).top(3, NOBODY)) == 0


def test_who_says_nothing_gets_nothing(retriever: ContentRetriever) -> None:
    for query in (asked(), asked([-1, 99]), asked([6]), asked(words="…")):
        relevance = retriever.relevance(query)
        assert len(relevance.top(5, NOBODY)) == 0 and np.isnan(relevance.of(everything(7))).all()


def test_an_item_without_text_cannot_be_scored(retriever: ContentRetriever) -> None:
    relevance = retriever.relevance(asked([0]))
    assert np.isnan(relevance.of(np.array([6, -1, 99], np.int32))).all()
    assert 6 not in relevance.top(99, NOBODY)


def test_the_evidence_adds_up_to_the_score(retriever: ContentRetriever) -> None:
    query = asked([0, -1, 4, 3])
    relevance = retriever.relevance(query)
    block = relevance.evidence(everything(6))
    assert block is not None and block.shape == (4, 6) and not block[1].any()
    np.testing.assert_allclose(query.history.decayed(0.5) @ block, relevance.of(everything(6)), atol=1e-5)


def test_a_new_item_is_found_at_once_and_speaks_in_histories(retriever: ContentRetriever) -> None:
    data = data_of(ITEMS)
    before = retriever.relevance(asked([0])).of(everything(7))
    retriever.refresh(
        data.items.with_items([Item("new", "star wars episode four"), Item("kin", "tea ceremony of japan")])
    )
    np.testing.assert_allclose(retriever.relevance(asked([0])).of(everything(7)), before, atol=1e-6)
    assert 7 in retriever.relevance(asked([0])).top(3, np.array([0], np.int32))
    assert set(retriever.relevance(asked([7])).top(3, np.array([7], np.int32)).tolist()) == {0, 1, 2}


def test_a_changed_text_changes_the_vector(retriever: ContentRetriever) -> None:
    items = data_of(ITEMS).items.with_items([Item("s0", "soup kitchen recipe blue")])
    retriever.refresh(items)
    assert set(retriever.relevance(asked([0])).top(3, np.array([0], np.int32)).tolist()) == {3, 4, 5}


def test_restored_answers_are_identical(retriever: ContentRetriever) -> None:
    back = ContentRetriever(encoder=HashEncoder(), decay=0.5, temperature=retriever.temperature)
    back.restore(retriever.state())
    for query in (asked([0, 4]), asked([0, 4], words="soup"), asked(words="star")):
        one, other = retriever.relevance(query), back.relevance(query)
        np.testing.assert_array_equal(one.of(everything(7)), other.of(everything(7)))
        np.testing.assert_array_equal(one.evidence(everything(7)), other.evidence(everything(7)))


def test_another_encoder_than_the_saved_one_is_refused(retriever: ContentRetriever) -> None:
    with pytest.raises(ArtefactError, match=r"hash/dim=256.*hash/dim=64"):
        ContentRetriever(encoder=HashEncoder(dim=64)).restore(retriever.state())


def test_before_fit_it_says_so() -> None:
    with pytest.raises(NotFittedError, match="fit"):
        ContentRetriever(encoder=HashEncoder()).relevance(asked([0]))


class Away(HashEncoder):
    """Answers for items; fails for words."""

    def encode_words(self, texts: Sequence[str]) -> FloatArray:
        raise LlmError("the server is away")


def test_an_encoder_that_is_away_does_not_fail_the_request() -> None:
    retriever = ContentRetriever(encoder=Away()).fit(data_of(ITEMS))
    relevance = retriever.relevance(asked([0], words="soup"))
    assert relevance.degraded and set(relevance.top(3, NOBODY).tolist()) == {0, 1, 2}
    assert not retriever.relevance(asked([0])).degraded


# -- the embedded encoder ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf() -> tuple[ContentRetriever, list[tuple[str, str]]]:
    """Items of ten topics in two languages, and (topic, language) of each."""
    rows = [
        (topic, language, text)
        for topic in TOPICS
        for language in TOPICS[topic]
        for text in TOPICS[topic][language]
    ]
    items = [Item(str(code), text) for code, (_, _, text) in enumerate(rows)]
    return ContentRetriever(encoder=UseEncoder()).fit(data_of(items)), [row[:2] for row in rows]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_items_find_their_like_in_their_own_and_in_the_other_language(
    shelf: tuple[ContentRetriever, list[tuple[str, str]]], language: str
) -> None:
    retriever, places = shelf
    other = "en" if language == "zh" else "zh"
    found = {language: [], other: []}  # type: dict[str, list[bool]]
    for code, (topic, spoken) in enumerate(places):
        if spoken == language:
            order = retriever.relevance(asked([code])).top(99, np.array([code], np.int32))
            for wanted, hits in found.items():
                first = next(item for item in order if places[item][1] == wanted)
                hits.append(places[first][0] == topic)
    assert len(found[language]) >= 20
    assert np.mean(found[language]) >= 0.8 and np.mean(found[other]) >= 0.8


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("口红", "beauty"), ("学编程", "programming"), ("科幻太空电影", "space"), ("鬼片", "horror"),
        ("lipstick", "beauty"), ("learn to code", "programming"), ("science fiction in space", "space"),
        ("ghost movie", "horror"),
    ],
)  # fmt: skip
def test_words_of_both_languages_find_their_topic(
    shelf: tuple[ContentRetriever, list[tuple[str, str]]], words: str, topic: str
) -> None:
    retriever, places = shelf
    top = retriever.relevance(asked(words=words)).top(6, NOBODY)
    assert sum(places[code][0] == topic for code in top) >= 4


class TestContract(RetrieverTests):
    def make(self) -> Retriever:
        return ContentRetriever(encoder=HashEncoder())


class TestContractOfAttention(RetrieverTests):
    def make(self) -> Retriever:
        return ContentRetriever(encoder=HashEncoder(), temperature=0.8)
