"""Tags of a served project by a model: a few at a time, never over what an editor has said."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from service import eventually
from small_project import Clock, make_project, serving

from zhiyin.llm import FakeModel
from zhiyin.represent.tag_prompt import Proposal


def test_items_are_described_in_turn_and_again_once_they_change(tmp_path: Path) -> None:
    with serving(make_project(tmp_path), Clock()) as (client, _):
        ground = client.app.state.ground
        tagging, recommender = ground.tagging, ground.live.serving.recommender
        assert tagging.step() is None, "without a model all stays as it is"
        client.put("/v1/items/i1/tags", json={"tags": ["mine"]})
        fake = FakeModel(complete=lambda prompt, schema: Proposal(tags=["Kitchen"], line="A thing."))
        recommender.llm = fake
        first = tagging.step()
        assert first is not None and len(first.tagged) >= 9 and "i1" not in first.tagged
        name = next(iter(first.tagged))
        shown = client.get(f"/v1/items/{name}/tags").json()
        assert (shown["tags"], shown["line"], shown["source"]) == (["Kitchen"], "", "llm"), "no text, no line"
        assert client.get("/v1/items/i1/tags").json()["tags"] == ["mine"]
        while tagging.step().tagged:
            pass
        assert len(fake.asked) == 39, "each item once"
        recommender.llm = FakeModel(always="error")
        assert client.patch("/v1/items/i2", json={"title": "red boots"}).status_code == 200
        assert eventually(lambda: tagging.step() is not None and bool(tagging.step().failed), 10)
        recommender.llm = fake
        assert set(tagging.step().tagged) == {"i2"}
        recommender.llm = None
