"""Tags of a served project by a model: a few at a time, never over what an editor has said."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from service import eventually
from small_project import Clock, make_project, serving

from zhiyin.errors import LlmError
from zhiyin.llm import FakeModel
from zhiyin.represent.tag_prompt import Proposal
from zhiyin.types import Prompt


def test_items_are_described_in_turn_and_again_once_they_change(tmp_path: Path) -> None:
    with serving(make_project(tmp_path), Clock()) as (client, _):
        ground = client.app.state.ground
        tagging, recommender = ground.tagging, ground.live.serving.recommender
        assert tagging.running and tagging.step() is None, "without a model all stays as it is"
        client.put("/v1/items/i1/tags", json={"tags": ["mine"]})
        fake = FakeModel(complete=lambda prompt, schema: Proposal(tags=["Kitchen"], line="A thing."))
        recommender.llm = fake
        first = tagging.step()
        assert first is not None and len(first.tagged) >= 9 and "i1" not in first.tagged
        name = next(iter(first.tagged))
        shown = client.get(f"/v1/items/{name}/tags").json()
        assert (shown["tags"], shown["line"], shown["source"]) == (["Kitchen"], "", "llm"), "no text, no line"
        assert client.get("/v1/items/i1/tags").json()["tags"] == ["mine"]
        while tagging.step().went_on:
            pass
        assert len(fake.asked) == 39, "each item once"
        recommender.llm = FakeModel(always="error")
        assert client.patch("/v1/items/i2", json={"title": "red boots"}).status_code == 200
        assert eventually(lambda: tagging.step() is not None and bool(tagging.step().failed), 10)
        recommender.llm = fake
        assert set(tagging.step().tagged) == {"i2"}
        recommender.llm = None


def test_what_came_lately_is_described_first_and_what_had_no_answer_again(tmp_path: Path) -> None:
    with serving(make_project(tmp_path), Clock(), tags_at_once=3) as (client, _):
        ground = client.app.state.ground
        tagging, recommender = ground.tagging, ground.live.serving.recommender
        away: set[str] = set()

        def answer(prompt: Prompt, schema: object) -> Proposal:
            title = prompt.user.partition("Title: ")[2].partition("\n")[0]
            if title in away:
                raise LlmError("away", passing=True)
            return Proposal(tags=["kitchen"])

        recommender.llm = FakeModel(complete=answer)
        first = tagging.step().tagged
        assert len(first) == 3
        for at in range(4):
            title = f"新的水壶 {at}" if at == 3 else f"new kettle {at}"
            assert client.put(f"/v1/items/new{at}", json={"title": title}).status_code == 200
        assert eventually(lambda: ground.live.serving.recommender.items_.ids.code("new3") >= 0, 10)
        away |= {"new kettle 1", "new kettle 2"}
        assert set(tagging.step().tagged) == {"new0"}
        away.clear()
        assert set(tagging.step().tagged) == {"new1", "new2", "new3"}, "before the old ones, none left out"
        assert all(one.prompt.locale == "en" for one in recommender.llm.asked), "in the shop's language"
        again = tagging.step().tagged
        assert len(again) == 3 and not set(again) & {*first, "new0", "new1", "new2", "new3"}
        recommender.llm = None


def test_tags_can_be_switched_off(tmp_path: Path) -> None:
    with serving(make_project(tmp_path), Clock(), tags_at_once=0, tags_locale="zh") as (client, _):
        ground = client.app.state.ground
        assert not ground.tagging.running and ground.tagging.locale == "zh"
