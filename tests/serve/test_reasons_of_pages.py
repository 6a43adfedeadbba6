"""The reasons of later pages, and those that are asked for, are of the kind that the first page gave."""

from __future__ import annotations

import pytest
from small_project import make_project, serving

from zhiyin.retrieve.understood import as_dict
from zhiyin.serve.meaning_messages import intent_kept
from zhiyin.serve.service import plain
from zhiyin.store.records import Slate
from zhiyin.types import Intent, Wish

CORRECTED = {
    "require": ["price < 38"],
    "wishes": [{"filter": 'side = "red shoes"', "said": "crimson"}],
    "text": "red",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(make_project(tmp_path_factory.mktemp("pages") / "shop")) as (client, _):
        yield client


def texts(answer):
    return [reason["text"] for line in answer["items"] for reason in line["reasons"]]


def first(served, **asked):
    return served.post("/v1/recommend", json={"user": "u3", "n": 3, **asked}).json()


def second(served, one):
    return served.post("/v1/recommend", json={"cursor": one["meta"]["next_cursor"]}).json()


def test_a_limit_in_words_is_no_reason_in_the_syntax_of_filters(served):
    words = "red shoes under 30"
    one = first(served, words=words)
    named = {"user": "u3", "words": words, "items": [line["id"] for line in one["items"]]}
    ranked = served.post("/v1/rank", json=named).json()
    for answer in (one, second(served, one), served.post("/v1/explain", json=named).json(), ranked):
        assert len(texts(answer)) >= 3 and not any("price" in text for text in texts(answer))
        assert all("red shoes" in text for text in texts(answer))
    assert '"' not in ranked["meta"]["understood"]["sentence"]


def test_a_corrected_intent_holds_for_all_pages(served):
    one = first(served, words="blue kettle", intent=CORRECTED)
    two = second(served, one)
    assert len(two["items"]) == 3
    for answer in (one, two):
        assert sum("crimson" in text for text in texts(answer)) == 3, texts(answer)


def kept(intent: Intent, request: dict | None = None) -> Slate:
    details = plain({"intent": as_dict(intent)})
    stages = [{"name": "retrieve", "details": {}}, {"name": "understand", "details": details}]
    return Slate(id="s", at=1.0, version="v", n=3, shown=[], request=request or {}, stages=stages)


def test_what_a_model_has_read_is_taken_over_and_own_interests_come_once():
    asked = Wish('side = "red shoes"', 2.0, "crimson")
    own = Wish('side = "blue kettle"', 0.5, "kettles")
    read = Intent(require=("price < 30",), wishes=(asked, own), like=("i1",), text="red", source="llm")
    found = intent_kept(kept(read), {"kettles"})
    assert found == Intent(require=("price < 30",), wishes=(asked,), like=("i1",), text="red", source="llm")


def test_what_the_rules_read_is_read_again():
    assert intent_kept(kept(Intent(text="red")), ()) is None
    assert intent_kept(Slate(id="s", at=1.0, version="v", n=3, shown=[]), ()) is None
