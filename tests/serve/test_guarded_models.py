"""A served project with a language model in every part that takes one: it may help, it may never harm."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from model_server import ModelServer
from service import data, eventually, project, serving

from zhiyin import Recommender
from zhiyin.explain.phrased import PhrasedExplainer
from zhiyin.llm import EndpointLanguageModel, GuardedLanguageModel
from zhiyin.llm.llm_file import LlmFile, UsageSum
from zhiyin.rank import LlmReranker
from zhiyin.retrieve import EaseRetriever, PopularRetriever


def dearest(question: str) -> list[int]:
    """The numbers of the options, those first whose titles end in the largest number."""
    ends = {int(place): int(end) for place, end in re.findall(r"(?m)^(\d+)\. .* (\d+)$", question)}
    return sorted(ends, key=lambda place: -ends[place])


def reworded(question: str) -> str:
    """The first reason, as a cry."""
    return question.partition("- ")[2].partition("\n")[0].rstrip(".") + "!"


@pytest.fixture
def asked_server() -> Iterator[ModelServer]:
    server = ModelServer(best=dearest, text=reworded, want=["even"], tags=["even"])
    yield server
    server.close()


def asked_of(folder: Path) -> dict[str, UsageSum]:
    """The ledger of the project, by task."""
    file = LlmFile(folder / "llm.sqlite", max_answers=10)
    found = {one.task: one for one in file.sums()}
    file.close()
    return found


def shop(folder: Path, url: str, **limits: Any) -> str:
    """A fitted project whose parts share one guarded model; its key."""
    endpoint = EndpointLanguageModel(base_url=url, name="m", api_key_env="")
    llm = GuardedLanguageModel(language_model=endpoint, **limits)
    whole = Recommender(
        retrievers={"ease": EaseRetriever(regularisation=10.0), "popular": PopularRetriever()},
        rerankers=[LlmReranker(llm=llm, way="listwise", weight=50.0, groups=(0, 1, 2, 3), min_words=0.0)],
        explainer=PhrasedExplainer(llm=llm),
        llm=llm,
    )
    return project(folder, whole.fit(data()))


def test_order_reasons_and_intent_come_from_the_model_and_stand_in_the_ledger(
    tmp_path: Path, asked_server: ModelServer
) -> None:
    key = shop(tmp_path / "shop", asked_server.url)
    with serving(tmp_path / "shop", key, workers=1) as service:
        before = service.ids("u0", n=10, dry_run=True)

        wanted = sorted(before, key=lambda item: -int(item[1:]))

        def turned() -> bool:
            return service.ids("u0", n=10, dry_run=True) == wanted

        assert eventually(turned, 5), (before, service.ids("u0", n=10, dry_run=True), len(asked_server.asked))

        def worded() -> bool:
            lines = service.recommend("u0", n=3, reasons=True, dry_run=True)["items"]
            return any(one["text"].endswith("!") for line in lines for one in line["reasons"])

        assert eventually(worded, 8), (asked_server.asked, service.log[-3000:])
        understood = service.recommend("u0", words="something", dry_run=True)["meta"]
        assert understood["understood"]["source"] == "llm" and understood["degraded"] == []
    found = asked_of(tmp_path / "shop")
    assert {"order", "reason", "intent"} <= set(found)


@pytest.mark.parametrize("fault", ["hangs", "errors", "budget"])
def test_a_bad_model_costs_no_answer(tmp_path: Path, asked_server: ModelServer, fault: str) -> None:
    asked_server.fault = "" if fault == "budget" else fault
    key = shop(tmp_path / "shop", asked_server.url, tokens_per_day=1 if fault == "budget" else 2_000_000)
    with serving(tmp_path / "shop", key, workers=1) as service:
        plain = service.ids("u1", n=10, dry_run=True)
        for n in range(5):
            began = time.monotonic()
            answer = service.recommend("u1", n=10, words=f"curious w{n}", reasons=True, dry_run=True)
            assert time.monotonic() - began < 2.0, "nobody waits for the model beyond the deadline"
            assert len(answer["items"]) == 10 and "intent" in answer["meta"]["degraded"]
            assert service.ids("u1", n=10, dry_run=True) == plain
        if fault != "hangs":
            assert eventually(lambda: "intent" in asked_of(tmp_path / "shop"), 20)
            assert asked_of(tmp_path / "shop")["intent"].failed > 0
    if fault == "budget":
        assert asked_server.asked == []
