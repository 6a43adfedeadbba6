from __future__ import annotations

from dataclasses import fields

import pytest

from zhiyin.data.split import ColdItems, LeaveOneOut
from zhiyin.errors import ConfigError
from zhiyin.evaluate.protocol import Protocol


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"splitter": LeaveOneOut("T+V")}, "T+V"),
        ({"part": "validation"}, "part validation"),
        ({"filter_seen": False}, "seen items allowed"),
        ({"candidates": "cold"}, "cold: only the items hidden"),
        ({"k": (3, 7)}, "k 3, 7"),
        ({"ties": "by item id"}, "ties by item id"),
        ({"relevant_above": 0.5}, "weight > 0.5"),
        ({"depth": 300}, "list length 300"),
        ({"known_users": False}, "unnamed"),
        ({"max_questions": 77}, "sample of 77"),
        ({"seed": 31}, "seed 31"),
    ],
)
def test_every_field_changes_the_printed_text(setting, said):
    assert said in Protocol(**setting).describe()
    assert said not in Protocol().describe()


def test_no_field_is_forgotten_above():
    tried = {
        mark for m in test_every_field_changes_the_printed_text.pytestmark for s, _ in m.args[1] for mark in s
    }
    assert tried == {field.name for field in fields(Protocol)}


def test_a_splitter_that_cannot_describe_itself_is_named_with_its_settings():
    class Halves:
        def __init__(self):
            self.share = 0.5

        def split(self, data, part="test"): ...

    assert "Halves(share=0.5)" in Protocol(splitter=Halves()).describe()
    assert "seed 9" in Protocol(splitter=ColdItems(seed=9)).describe()


@pytest.mark.parametrize(
    "setting",
    [
        {"k": ()},
        {"k": (10, 5)},
        {"k": (0, 5)},
        {"k": (20,), "depth": 10},
        {"candidates": "all"},
        {"part": "train"},
    ],
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ConfigError, match="expected"):
        Protocol(**setting)


def test_the_main_cut_is_ten_where_there_is_one():
    assert Protocol(k=(5, 10, 20)).main_k == 10
    assert Protocol(k=(1, 3)).main_k == 3
    assert Protocol(k=(1, 50)).main_k == 50
