"""Lexical retrieval: terms of two languages, BM25 by hand, real catalogues."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from zhiyin.contracts import Persistent, Refreshable, Retriever, Trainable
from zhiyin.data.dataset import Dataset
from zhiyin.errors import NotFittedError
from zhiyin.retrieve import segment
from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.retrieve.segment import terms
from zhiyin.testing import RetrieverTests
from zhiyin.types import History, Interaction, Item, Query

NOBODY = np.empty(0, np.int32)
ITEMS = [
    Item(
        "earth", "流浪地球", "太阳即将毁灭，人类带着地球去流浪", {"genre": ("科幻", "灾难"), "year": 2019.0}
    ),
    Item("hero", "英雄", "刺客与秦王", {"genre": ("武侠",), "cast": ("李连杰", "甄子丹")}),
    Item("toys", "Toy Story", "Toys come alive when nobody is looking", {"genre": ("Animation",)}),
    Item("wars", "Star Wars", "A farm boy joins a rebellion in space", {"genre": ("Sci-Fi",)}),
    Item("trek", "Star Trek", "A ship explores space, the final frontier; no toy", {"genre": ("Sci-Fi",)}),
    Item("none", "…"),
]


def data_of(items: Sequence[Item] = ITEMS) -> Dataset:
    return Dataset.of([Interaction("u", items[0].id)], items)


def asked(words: str = "", codes: Sequence[int] = ()) -> Query:
    return Query(
        History(np.array(codes, np.int32), np.ones(len(codes), np.float32), np.full(len(codes), np.nan)),
        words=words,
    )


def found(retriever: LexicalRetriever, words: str, n: int = 9) -> list[str]:
    return [ITEMS[code].id for code in retriever.relevance(asked(words)).top(n, NOBODY)]


@pytest.fixture(scope="module")
def retriever() -> LexicalRetriever:
    return LexicalRetriever().fit(data_of())


# -- terms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Toy Stories", ["toy", "story"]),
        ("ＤＶＤ　３Ｄ", ["dvd", "3d"]),
        ("the Earth's glass is his", ["the", "earth", "glass", "is", "his"]),
        ("流浪地球 2", ["流浪", "地球", "2"]),
        ("看Netflix电影", ["看", "netflix", "电影"]),
        ("…!?", []),
        ("", []),
        ("naïve café", ["naïve", "café"]),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize("around", ["{}", "由{}主演", "主演：{}、某某", "{}的电影"])
def test_a_name_has_a_term_of_its_own_in_any_sentence(around: str) -> None:
    assert "甄嬛" in terms(around.format("甄嬛"))


def test_without_a_dictionary_characters_are_joined_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "_cut", segment._pieces)
    assert terms("流浪地球") == ["流", "浪", "流浪", "地", "浪地", "球", "地球"]
    plain = LexicalRetriever().fit(data_of())
    assert found(plain, "流浪地球")[0] == "earth" and found(plain, "李连杰") == ["hero"]


def test_a_text_of_many_megabytes_is_cut() -> None:
    assert len(terms("地球" * 2_000_000)) < 100_000


# -- scores ------------------------------------------------------------------------------------------


def test_it_keeps_the_contracts(retriever: LexicalRetriever) -> None:
    for contract in (Retriever, Trainable, Refreshable, Persistent):
        assert isinstance(retriever, contract)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("流浪地球", ["earth"]), ("科幻", ["earth"]), ("人类 毁灭", ["earth"]), ("2019", ["earth"]),
        ("李连杰", ["hero"]), ("toy", ["toys", "trek"]), ("TOYS!", ["toys", "trek"]),
        ("star wars", ["wars", "trek"]), ("sci-fi", ["wars", "trek"]),
    ],
)  # fmt: skip
def test_words_find_their_items_the_title_first(
    retriever: LexicalRetriever, words: str, expected: list[str]
) -> None:
    assert found(retriever, words) == expected


def test_scores_are_those_of_the_formula() -> None:
    texts = ["apple pear", "apple apple fig", "fig", "plum pear"]
    retriever = LexicalRetriever(k1=1.5, b=0.6, title_weight=1.0).fit(
        data_of([Item(str(i), "…", text) for i, text in enumerate(texts)])
    )
    scores = retriever.relevance(asked("apple pear unheard")).of(np.arange(4, dtype=np.int32))
    documents = [Counter(text.split()) for text in texts]
    mean = sum(sum(document.values()) for document in documents) / 4
    for document, score in zip(documents, scores):
        expected = 0.0
        for term in ("apple", "pear"):
            df = sum(term in other for other in documents)
            tf, length = document[term], sum(document.values())
            idf = math.log(1 + (4 - df + 0.5) / (df + 0.5))
            expected += idf * tf * 2.5 / (tf + 1.5 * (1 - 0.6 + 0.6 * length / mean))
        assert score == pytest.approx(expected, rel=1e-5)


def test_who_matches_nothing_is_not_proposed(retriever: LexicalRetriever) -> None:
    for words in ("unheard", "…"):
        assert found(retriever, words) == []
    assert retriever.relevance(asked("toy")).of(np.array([0, -1, 99], np.int32)).tolist()[0] == 0


def test_without_words_it_is_silent(retriever: LexicalRetriever) -> None:
    relevance = retriever.relevance(asked("", [0, 3]))
    assert len(relevance.top(9, NOBODY)) == 0 and np.isnan(relevance.of(np.arange(6, dtype=np.int32))).all()
    assert relevance.evidence(np.arange(2, dtype=np.int32)) is None


def test_the_last_titles_may_speak_in_place_of_words() -> None:
    retriever = LexicalRetriever(from_titles=1).fit(data_of())
    relevance = retriever.relevance(asked("", [2, -1, 3]))
    assert relevance.top(9, np.array([3], np.int32)).tolist() == [4]  # the toys are too long ago
    block = relevance.evidence(np.array([4, 2, -1], np.int32))
    assert block is not None and block.shape == (3, 3)
    assert block[2, 0] > 0 and not block[:2].any() and not block[:, 1:].any()


def test_titles_decay_and_their_evidence_adds_up() -> None:
    retriever = LexicalRetriever(from_titles=9, decay=0.5).fit(data_of())
    query, codes = asked("", [2, 99, 3]), np.array([4, 2, 3], np.int32)
    relevance = retriever.relevance(query)
    block = relevance.evidence(codes)
    assert block is not None
    np.testing.assert_allclose(query.history.decayed(0.5) @ block, relevance.of(codes), rtol=1e-5)
    assert len(retriever.relevance(asked("", [-1, 99])).top(9, NOBODY)) == 0


def test_a_new_and_a_changed_item_are_found_at_once_as_if_fitted_on_them() -> None:
    data = data_of()
    retriever = LexicalRetriever().fit(data)
    items = data.items.with_items([Item("new", "Toy Soldiers", "战争"), Item("hero", "无名", "toys")])
    retriever.refresh(items)
    anew = LexicalRetriever().fit(data_of([items.item(code) for code in range(len(items))]))
    codes = np.arange(len(items), dtype=np.int32)
    for words in ("toy", "战争", "李连杰", "无名", "star"):
        np.testing.assert_allclose(
            retriever.relevance(asked(words)).of(codes), anew.relevance(asked(words)).of(codes), rtol=1e-5
        )
    assert 6 in retriever.relevance(asked("toy soldier")).top(1, NOBODY)


def test_restored_answers_are_identical(retriever: LexicalRetriever) -> None:
    back = LexicalRetriever().restore(retriever.state())
    codes = np.arange(6, dtype=np.int32)
    for words in ("toy", "流浪地球", "star wars", "甄子丹"):
        np.testing.assert_array_equal(
            back.relevance(asked(words)).of(codes), retriever.relevance(asked(words)).of(codes)
        )


def test_a_catalogue_without_words() -> None:
    retriever = LexicalRetriever().fit(data_of([Item("a", "…")]))
    assert len(retriever.relevance(asked("toy")).top(5, NOBODY)) == 0
    assert len(LexicalRetriever().restore(retriever.state()).relevance(asked("toy")).top(5, NOBODY)) == 0


def test_before_fit_it_says_so() -> None:
    with pytest.raises(NotFittedError, match="fit"):
        LexicalRetriever().relevance(asked("toy"))


# -- real catalogues ---------------------------------------------------------------------------------


def table(name: str) -> list[dict[str, str]]:
    folder = os.environ.get("ZHIYIN_DATA")
    path = Path(folder or "") / name / "items.parquet"
    if not folder or not path.exists():
        pytest.skip(f"no {name}/items.parquet under $ZHIYIN_DATA")
    return pl.read_parquet(path).to_dicts()


def titles(items: list[Item], words: str, n: int = 10) -> list[str]:
    retriever = LexicalRetriever().fit(data_of(items))
    return [items[code].title for code in retriever.relevance(asked(words)).top(n, NOBODY)]


def test_movielens() -> None:
    rows = table("ml-100k")
    items = [
        Item(
            r["item"],
            r["title"] or "",
            attributes={"genre": tuple(r["genres"].split()), "year": r["release_year"] or ""},
        )
        for r in rows
    ]
    assert titles(items, "star wars", 1) == ["Star Wars"]
    assert titles(items, "toy stories", 1) == ["Toy Story"]
    assert {"Aladdin", "Lion King, The"} & set(titles(items, "animation musical children's", 20))
    assert sum("Star Trek" in title for title in titles(items, "star trek", 6)) == 6


def test_douban() -> None:
    rows = table("douban-zh")
    items = [
        Item(
            r["item"],
            r["title"] or "",
            r["storyline"] or "",
            {name: tuple((r[name] or "").split("/")) for name in ("genres", "tags", "actors", "directors")},
        )
        for r in rows
    ]
    exact = [title for title in dict.fromkeys(item.title for item in items) if len(title) >= 3][:200]
    retriever = LexicalRetriever().fit(data_of(items))
    hits = [
        title in [items[c].title for c in retriever.relevance(asked(title)).top(3, NOBODY)] for title in exact
    ]
    assert np.mean(hits) >= 0.95
    names = [name for row in rows for name in (row["actors"] or "").split("/")[:1] if 2 <= len(name) <= 4]
    found = [
        any(name in (rows[c]["actors"] or "") for c in retriever.relevance(asked(name)).top(3, NOBODY))
        for name in names
    ]
    assert len(names) >= 100 and np.mean(found) >= 0.95


class TestContract(RetrieverTests):
    def make(self) -> Retriever:
        return LexicalRetriever(from_titles=3)
