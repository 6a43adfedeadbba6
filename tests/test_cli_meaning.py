"""Meaning on the command line: a dialogue, a profile that is kept, tags."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent / "serve"))

from small_project import Clock, make_project, serving

from zhiyin.cli import app
from zhiyin.cli.answering import answering
from zhiyin.cli.project import Project
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError
from zhiyin.llm import FakeModel
from zhiyin.recommender import Recommender
from zhiyin.represent.intent_prompt import Reading
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.types import Interaction


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("cli"))


def ran(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output + str(done.exception)
    return json.loads(done.stdout)


def test_a_dialogue_goes_on_from_what_was_shown(project: Path) -> None:
    turns = ran("chat", str(project), "--say", "blue kettle", "--say", "cheaper, but not the first")["turns"]
    first, second = ([line["item"] for line in turn["items"]] for turn in turns)
    assert first[0] not in second and len(second) == 5
    assert "Understood as" in turns[1]["text"]


def test_a_model_of_the_project_reads_the_turn_and_phrases_the_answer(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeModel(
        complete=lambda prompt, schema: Reading(want=["blue kettle"] if "boil" in prompt.user else []),
        write=lambda prompt: ["Here you are. Try “Heat”", ", which is not in the list. "],
    )
    away = FakeModel(always="error")
    at_work = [fake]
    load = Project.load

    def with_model(self: Project, *given: Any) -> Recommender:
        found = load(self, *given)
        found.llm = at_work[0]
        return found

    monkeypatch.setattr(Project, "load", with_model)
    (turn,) = ran("chat", str(project), "--say", "I must boil something")["turns"]
    assert all(int(line["item"][1:]) % 2 for line in turn["items"])
    assert turn["text"] == "Here you are.", "a sentence that names another item is left out"
    at_work[0] = away
    (turn,) = ran("chat", str(project), "--say", "blue kettle")["turns"]
    assert "Understood as" in turn["text"] and len(turn["items"]) == 5


def test_profiles_and_tags_are_kept_once_there_is_a_store(project: Path) -> None:
    shown = ran("profile", "show", str(project), "u2")
    assert [one["words"] for one in shown["interests"]] == ["red shoes"] and not shown["edited"]
    refused = CliRunner().invoke(app, ["profile", "edit", str(project), "u2", "--put", "tea=1"])
    assert "zhiyin serve" in str(refused.exception)
    with serving(project, Clock()):
        pass
    ran("profile", "edit", str(project), "u2", "--put", "blue kettle=2", "--remove", "red shoes")
    shown = ran("profile", "show", str(project), "u2")
    assert shown["edited"]
    assert [(one["words"], one["weight"]) for one in shown["interests"]] == [("blue kettle", 2.0)]
    assert [one["words"] for one in shown["removed"]] == ["red shoes"]
    assert ran("profile", "delete", str(project), "u2")["deleted"]
    assert not ran("profile", "show", str(project), "u2")["edited"]
    ran("tags", "put", str(project), "i1", "tea，kitchen, tea")
    assert ran("tags", "show", str(project), "i1")["tags"] == ["tea", "kitchen"]


def test_a_served_project_is_asked_as_its_service_is(tmp_path: Path) -> None:
    """Artefact, events, items and profiles of the store; `artefact/` may be deleted, as is advised."""
    folder = make_project(tmp_path / "shop")
    with serving(folder, time.time) as (client, made):
        shutil.rmtree(folder / "artefact")
        events = [{"user": "new", "item": item} for item in ("i1", "i3", "i5")]
        assert client.post("/v1/events", json=events).status_code == 200
        assert client.delete("/v1/items/i7").status_code == 200
        while client.get("/v1/similar/i7").status_code != 404:
            time.sleep(0.02)
        wish = {"interests": [{"words": "blue kettle", "weight": 3}]}
        assert client.put("/v1/users/u2/profile", json=wish).status_code == 200
        for user in ("new", "u2"):
            asked = client.post("/v1/recommend", json={"user": user, "n": 10, "dry_run": True}).json()
            said = ran("recommend", str(folder), user, "-n", "10")
            assert said["version"] == made.version
            found = [line["item"] for line in said["recommendations"]]
            assert found == [line["id"] for line in asked["items"]]
    liked = [int(line["item"][1:]) % 2 for line in said["recommendations"]]
    assert sum(liked) >= 5, "the profile that u2 has stated brings odd items to an even user"
    assert ran("why-not", str(folder), "i7", "new")["stage"] == "removed"
    assert ran("tags", "show", str(folder), "i1")["source"] == "rules"
    found = ran("doctor", str(folder))["findings"]
    assert {one["name"]: one["status"] for one in found}["artefact"] == "ok"
    (folder / "artefacts" / made.version / "config.toml").write_text("other")
    refused = CliRunner().invoke(app, ["recommend", str(folder), "u2"])
    assert isinstance(refused.exception, ArtefactError) and "zhiyin refit" in str(refused.exception)


def test_the_store_weighs_a_play_as_the_log_did(tmp_path: Path) -> None:
    """Half of an hour, live and in the batch; the artefact has seen durations."""
    half = {"kind": "play", "value": 1800, "context": {"duration": "3600"}}
    log = [Interaction(f"u{u}", f"i{i}", at=1.7e9 + i, **half) for u in range(6) for i in range(u % 3 + 2)]
    folder = tmp_path / "player"
    parts = Recommender(retrievers={"kernel": KernelRetriever(), "popular": PopularRetriever()})
    data = Dataset.of(log)
    data.save(folder / "data")
    parts.fit(data).save(folder / "artefact")
    with serving(folder, time.time) as (client, _):
        assert client.post("/v1/events", json={"user": "new", "item": "i1", **half}).status_code == 200
    with answering(folder) as known:
        assert known.past("new").weights.tolist() == known.past("u0").weights[:1].tolist() == [0.5]


def test_a_list_for_words_says_what_they_were_taken_for(project: Path) -> None:
    told = ran("recommend", str(project), "--words", "blue kettle under 20")
    assert told["understood"] == "Understood as: price ≤ 20, blue kettle" and told["recommendations"]
    assert "understood" not in ran("recommend", str(project), "u1")
    shown = CliRunner().invoke(app, ["recommend", str(project), "--words", "blue kettle, no zebras"])
    assert "unknown here: zebras" in shown.stderr
