"""Parts, stages and features have words in both languages; *Why* and *Live* say what was."""

from __future__ import annotations

import inspect
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from zhiyin import decide
from zhiyin.rank import clock, distance, likeness, pins, repeats
from zhiyin.retrieve import understood

STATIC = Path(__file__).parents[2] / "src" / "zhiyin" / "console" / "static"
CHINESE = re.compile("[\u4e00-\u9fff]")


def words() -> dict[str, dict[str, str]]:
    said: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    for path in STATIC.rglob("*.strings.json"):
        for language, rows in json.loads(path.read_text("utf-8")).items():
            said[language] |= rows
    return said


def names() -> dict[str, set[str]]:
    """Group -> what the code can say of it."""
    from zhiyin import rank, retrieve

    ends = "Retriever"
    parts = [name.removesuffix(ends) for name in retrieve.__all__ if name.endswith(ends)]
    sources = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in parts}
    features = {*repeats.NAMES, *likeness.NAMES, *distance.NAMES, *clock.PARTS, "lift", "own"}
    features |= {"score", "relative", "rank", "support", "max", "best_rank", "reciprocal", "count", "trend"}
    features |= {"length", "distinct", "hours_since_last", "affinity", "last", "value", "to_mean", "to_last"}
    groups = {"popularity", "agreement", "history", "clock", "distance", "likeness", "repeat", "context"}
    policies = {name for name in rank.__all__ if name.endswith("Reranker")} | {pins.PinReranker.__name__}
    stages = set(re.findall(r'watch\.stage\("(\w+)"', inspect.getsource(decide))) | {"explain"}
    details = set(re.findall(r'shown \|= \{"(\w+)"', inspect.getsource(understood.Understood.details)))
    return {"source": sources | groups, "feature": features, "stage": stages | policies, "detail": details}


def test_every_name_has_words_in_both_languages() -> None:
    said = words()
    asked = [f"{group}.{name}" for group, found in names().items() for name in sorted(found)]
    asked += [f"feature.n.{name}" for name in ("last", "decay", "days", "first")]
    assert len(asked) > 80 and "stage.understand" in asked
    missing = [key for key in asked if key not in said["en"] or not CHINESE.search(said["zh"].get(key, ""))]
    assert not missing


@pytest.mark.parametrize("language", ["en", "zh"])
def test_why_counts_candidates_and_says_no_bare_names(sit: Any, service: Any, language: str) -> None:
    slate = service.recommend("u06", n=5, words="blue kettle")["meta"]["slate_id"]
    trace = service.http.get(f"/v1/trace/{slate}").json()
    assert [stage["name"] for stage in trace["stages"]][:2] == ["understand", "retrieve"]
    seat = sit(language)
    page = seat.open(f"/console/why?slate={slate}", ".because")
    seat.settled()
    facts = page.locator(".facts").first.inner_text().split("\n")
    candidates = facts[[*facts].index({"en": "Candidates", "zh": "候选"}[language]) + 1]
    assert int(candidates) == trace["stages"][1]["n_out"] > 0
    shown = page.locator(".page-why").inner_text()
    bare = {
        "en": r"\w+\.\w*_\d|\blast_\d",
        "zh": r"\b(understand|retrieve|popularity|repeat|wish|last_\d|decay_\d)",
    }
    assert not re.findall(bare[language], shown)
    seat.unhurt()


def test_an_event_is_as_old_as_it_is(sit: Any, service: Any) -> None:
    old = time.time() - 100 * 86_400
    service.http.post("/v1/events", json={"user": "u02", "item": "p9", "kind": "share", "at": old})
    seat = sit()
    page = seat.open("/console/live?kind=share", ".page-live .tile-value")
    row = page.wait_for_selector(".feed li:has-text('Lantern'), .feed li:has-text('Compass')")
    assert row.query_selector("time").inner_text() == "3 months ago"
    seat.unhurt()
