"""Meaning on the command line: a dialogue, a profile that is kept, tags."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent / "serve"))

from small_project import Clock, make_project, serving

from zhiyin.cli import app
from zhiyin.cli.project import Project
from zhiyin.llm import FakeModel
from zhiyin.recommender import Recommender
from zhiyin.represent.intent_prompt import Reading


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
