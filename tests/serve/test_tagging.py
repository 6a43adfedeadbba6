"""Tags of a served project by a model: a few at a time, never over what an editor has said."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from service import eventually
from small_project import Client, Clock, make_project, serving

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


def lists_of(client: Client, words: str) -> list[str]:
    return [
        line["id"] for line in client.post("/v1/recommend", json={"words": words, "n": 3}).json()["items"]
    ]


def test_what_an_editor_says_is_searched_filtered_and_fitted_on(tmp_path: Path) -> None:
    with serving(make_project(tmp_path), Clock()) as (client, _):
        live = client.app.state.ground.live
        said = {"tags": ["zeppelin", "Airship"]}
        asked = {"filter": 'tags = "Airship"', "n": 5}
        assert client.put("/v1/items/i7/tags", json=said).status_code == 200
        assert eventually(lambda: "tags" in live.serving.recommender.items_.words, 10)
        found = client.post("/v1/recommend", json=asked).json()["items"]
        assert [line["id"] for line in found] == ["i7"]
        assert lists_of(client, "a zeppelin please")[0] == "i7"
        fitted_on = client.app.state.ground.store.snapshot().items
        assert fitted_on.item(fitted_on.ids.code("i7")).attributes["tags"] == ("zeppelin", "Airship")
        assert client.patch("/v1/items/i7", json={"title": "red shoes 7"}).status_code == 200
        assert client.put("/v1/items/i7/tags", json={"tags": []}).status_code == 200
        assert eventually(lambda: not client.post("/v1/recommend", json=asked).json()["items"], 10)
        assert client.put("/v1/items/i8/tags", json=said).status_code == 200
        assert client.delete("/v1/items/i8").status_code == 200
        assert client.put("/v1/items/i8", json={"title": "another thing"}).status_code == 200
        assert client.app.state.ground.store.tags("i8") is None, "what was said of the item that is gone"


def test_tags_of_a_model_are_in_lists_only_where_that_is_wished(tmp_path: Path) -> None:
    proposal = FakeModel(complete=lambda prompt, schema: Proposal(tags=["zeppelin"]))
    for wished in (False, True):
        clock = Clock()
        with serving(make_project(tmp_path / str(wished)), clock, tags_in_lists=wished) as (client, _):
            ground = client.app.state.ground
            recommender = ground.live.serving.recommender
            recommender.llm = proposal
            clock.at += 60.0
            rounds = 1
            while ground.tagging.step().went_on:
                rounds += 1
            assert rounds == 5, "what its own tags have changed is not asked about again"
            recommender.llm = None
            code = recommender.items_.ids.code("i3")
            last = ground.store.last_revision()
            assert eventually(lambda: ground.live.serving.revision == last, 10)  # noqa: B023
            tags = recommender.items_.item(code).attributes.get("tags", ())
            assert tags == (("zeppelin",) if wished else ())
            assert client.get("/v1/items/i3/tags").json()["tags"] == ["zeppelin"]
