"""Events sent with a context: learnt at the next fit, and looked at in the history of who asks."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import START, Clock, serving

from zhiyin.config import to_toml
from zhiyin.data.dataset import Dataset
from zhiyin.rank import BoostedRanker, ContextFeature, SourceFeature
from zhiyin.recommender import Recommender
from zhiyin.retrieve import PopularRetriever, RepeatRetriever
from zhiyin.serve.asking import Asker
from zhiyin.serve.ground import Places
from zhiyin.serve.messages import ExplainRequest, HistoryEvent, RankRequest, RecommendRequest
from zhiyin.serve.refit import refit
from zhiyin.types import Interaction, Item

WEATHERS = ("sun", "rain")
N_USERS, N_ITEMS, N_EVENTS = 24, 6, 20


def wants(user: int, weather: str) -> str:
    """Everybody has an item for the sun and another for the rain; over all users no weather has an item."""
    first, second = f"i{user % N_ITEMS}", f"i{(user + 1) % N_ITEMS}"
    return first if (weather == "sun") == (user % 4 < 2) else second


def recommender() -> Recommender:
    features = [SourceFeature(), ContextFeature()]
    return Recommender(
        retrievers={"repeat": RepeatRetriever(), "popular": PopularRetriever()},
        ranker=BoostedRanker(features=features, n_trees=30, min_rows_in_leaf=5, n_threads=1),
        repeats=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Fitted on events that say nothing of the weather."""
    rng = np.random.default_rng(0)
    events = [
        Interaction(f"u{u}", f"i{rng.integers(N_ITEMS)}", at=START + u + 100.0 * step)
        for u in range(N_USERS)
        for step in range(4)
    ]
    data = Dataset.of(events, [Item(f"i{k}", f"thing {k}") for k in range(N_ITEMS)])
    data.save(tmp_path / "data")
    (tmp_path / "zhiyin.toml").write_text(to_toml(recommender()), encoding="utf-8")
    recommender().fit(data).save(tmp_path / "artefact")
    return tmp_path


def sent() -> list[dict[str, object]]:
    rng = np.random.default_rng(1)
    return [
        {"user": f"u{u}", "item": wants(u, weather), "at": START + 10_000 + 100.0 * step + u,
         "context": {"weather": weather}}
        for step in range(N_EVENTS)
        for u in range(N_USERS)
        for weather in [WEATHERS[rng.integers(2)]]
    ]  # fmt: skip


def test_what_was_sent_with_a_context_is_answered_by_context_after_a_refit(project: Path) -> None:
    clock = Clock()
    with serving(project, clock) as (client, _):
        ground = client.app.state.ground
        done = client.post("/v1/events", json=sent())
        assert done.json()["accepted"] == N_USERS * N_EVENTS
        entry = refit(Places(project), ground.store, now=clock)

        def first(**asked: object) -> str:
            answer = client.post("/v1/recommend", json={"n": 1, **asked}).json()
            found = answer["meta"]["versions"]["artefact"], answer["items"][0]["id"]
            return found[1] if found[0] == entry.version else ""

        until = time.monotonic() + 15
        while not first(user="u0"):
            assert time.monotonic() < until, "the new artefact was not taken"
            time.sleep(0.01)
        asked = [(u, weather) for u in range(N_USERS) for weather in WEATHERS]
        right = [first(user=f"u{u}", context={"weather": w}) == wants(u, w) for u, w in asked]
        assert np.mean(right) > 0.95

        visit = [{"session": "new", "item": item, "context": {"weather": w}}
                 for item, w in (("i2", "sun"), ("i5", "rain")) * 4]  # fmt: skip
        client.post("/v1/events", json=visit)
        said = [first(session="new", context={"weather": w}) for w in WEATHERS]
        assert said == ["i2", "i5"], "a session has a history with its contexts too"
        given = [{name: value for name, value in event.items() if name != "session"} for event in visit]
        said = [first(history=given, context={"weather": w}) for w in WEATHERS]
        assert said == ["i2", "i5"], "so has a history that comes with the request"


def test_contexts_are_read_only_where_they_count(project: Path) -> None:
    with serving(project, Clock()) as (client, _):
        ground = client.app.state.ground
        client.post("/v1/events", json=sent()[:N_USERS])
        serving_now = ground.live.serving

        def history(**asked: object) -> dict[str, list[str]]:
            asker = Asker(ground.store, serving_now, START + 100_000)
            query = asker.recommend(RecommendRequest(user="u0", **asked)).query  # type: ignore[arg-type]
            return {name: words.tolist() for name, words in query.history.context.items()}

        assert serving_now.contexts == () and history(context={"weather": "sun"}) == {}
        serving_now.contexts = ("weather",)
        assert history() == {}
        assert history(context={"city": "here"}) == {}
        weather = sent()[0]["context"]["weather"]  # type: ignore[index]
        assert history(context={"weather": "sun"}) == {"weather": [*[""] * 4, weather]}
        ranked = Asker(ground.store, serving_now, START).rank(
            RankRequest(user="u0", items=["i1"], context={"weather": "sun"})
        )
        assert ranked.query.history.context["weather"][-1] == weather
        asked = ExplainRequest(user="u0", items=["i1"], context={"weather": "sun"})
        explained = Asker(ground.store, serving_now, START).explain(asked).query
        given = [{"item": "i2", "context": {"weather": "sun", "city": "c" * 1024}}, "i1"]
        assert history(
            history=msgspec.convert(given, list[HistoryEvent | str]), context={"weather": "rain"}
        ) == {"weather": ["sun", ""]}
        for name, value in (("city", "c" * 1025), ("c" * 65, "")):
            sent_with = {"history": [{"item": "i2", "context": {name: value}}], "context": {name: ""}}
            answer = client.post("/v1/recommend", json=sent_with)
            assert answer.status_code == 422 and "context" in answer.json()["path"], answer.text
        assert explained.context == {"weather": "sun"} and explained.history.context["weather"][-1] == weather
