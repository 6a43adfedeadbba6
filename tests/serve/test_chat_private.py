"""What a dialogue tells a model server of its user: the message with marks, nothing of it in the clear."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_project import Client, Clock, make_project, serving

from zhiyin.llm import FakeModel, GuardedLanguageModel
from zhiyin.represent.intent_prompt import Reading
from zhiyin.types import Prompt


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    project = make_project(tmp_path_factory.mktemp("private"))
    with serving(project, Clock()) as (client, _):
        yield client


def asked(client: Client, folder: Path, message: str, state: Any = None) -> tuple[list[str], Any]:
    """Every prompt that left, and the answer."""
    left: list[str] = []

    def complete(prompt: Prompt, schema: object) -> Reading:
        left.append(prompt.user)
        return Reading()

    def write(prompt: Prompt) -> list[str]:
        left.append(prompt.user)
        return ["A fine list."]

    recommender = client.app.state.ground.live.serving.recommender
    fake = FakeModel(complete=complete, write=write)
    recommender.llm = GuardedLanguageModel(language_model=fake, mask=True, path=folder / "llm.sqlite")
    try:
        body = {"message": message, "n": 3, **({"state": state} if state else {})}
        answer = client.post("/v1/chat", json=body)
    finally:
        recommender.llm.close()
        recommender.llm = None
    assert answer.status_code == 200, answer.text
    return left, answer.json()


@pytest.mark.parametrize(
    ("message", "values"),
    [
        (
            "我叫王小明，住在北京市朝阳区建国路88号，身份证110101199003070031，想看喜剧",
            ["王小明", "110101199003070031", "建国路"],
        ),
        (
            "My name is John Smith, call 555 123 4567 when a blue kettle comes",
            ["smith", "5551234567", "4567"],
        ),
        ("blue kettle for john@example.com, 护照E12345678", ["example.com", "e12345678"]),
    ],
)
def test_a_message_leaves_with_marks_in_all_its_places(
    client: Client, tmp_path: Path, message: str, values: list[str]
) -> None:
    left, answer = asked(client, tmp_path, message)
    assert answer["text"] == "A fine list." and any("<customer>" in prompt for prompt in left)
    left += asked(client, tmp_path, "cheaper", answer["state"])[0]
    for prompt in left:
        assert not [value for value in values if value in prompt.casefold()], prompt


def test_the_model_hears_what_was_understood_and_not_the_words_again(client: Client, tmp_path: Path) -> None:
    left, _ = asked(client, tmp_path, "blue kettle under 20, with a zigzag handle")
    told = left[-1].split("<understood>")[1].split("</understood>")[0]
    assert "blue kettle" in told and "price ≤ 20" in told and "zigzag" not in told
    assert "zigzag" in left[-1].split("<customer>")[1]
