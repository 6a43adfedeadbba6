"""A verdict is kept under the model's identity, and says nothing where a model only guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhiyin.llm import Verdict, verdict_of
from zhiyin.llm.verdict import WayResult, by_luck, clear, keep_verdict, models_directory, verdict_file


def verdict(*rights: int, identity: str = "m") -> Verdict:
    ways = ("likelihood", "yes_no", "letters", "listwise")
    results = tuple(WayResult(way, "en", right, 20, 10.0) for way, right in zip(ways, rights))
    return Verdict(identity, results, chance=0.2)


def test_the_best_way_must_be_better_than_guessing() -> None:
    # Of 20 questions with 5 options, guessing gets 8 or more in 3.2 % of tests, 7 or more in 8.7 %.
    assert verdict(4, 7, 5, 3).best("en") is None
    assert verdict(4, 8, 5, 3).best("en") == "yes_no"
    assert verdict(4, 8, 12, 3).best("en-GB") == "letters"
    assert verdict(4, 8, 12, 3).best("zh") is None


def test_luck_is_the_tail_of_guessing() -> None:
    assert by_luck(0, 10, 0.2) == pytest.approx(1.0) and by_luck(2, 2, 0.2) == pytest.approx(0.04)
    assert by_luck(5, 10, 0.2) == pytest.approx(0.0328, abs=1e-4)
    assert [clear(n, 0.2) for n in (1, 2, 10, 16, 20)] == [2, 2, 5, 7, 8]


def test_of_equals_the_faster_one_is_taken() -> None:
    results = (WayResult("listwise", "zh", 15, 20, 900.0), WayResult("letters", "zh", 15, 20, 90.0))
    assert Verdict("m", results, chance=0.2).best("zh-CN") == "letters"


def test_what_could_not_be_asked_is_no_way() -> None:
    assert Verdict("m", (WayResult("letters", "en", 0, 0, 0.0, "no"),), chance=0.2).best("en") is None


def test_it_comes_back_from_disk_under_its_identity(tmp_path: Path) -> None:
    kept = verdict(4, 8, 12, 3)
    keep_verdict(kept, tmp_path)
    assert verdict_of("m", tmp_path) == kept and verdict_of("other", tmp_path) is None
    verdict_file("m", tmp_path).write_text('{"identity"')
    assert verdict_of("m", tmp_path) is None


def test_the_place_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "c"))
    monkeypatch.delenv("ZHIYIN_MODELS", raising=False)
    assert models_directory() == tmp_path / "c" / "models"
    monkeypatch.setenv("ZHIYIN_MODELS", str(tmp_path / "m"))
    assert models_directory() == tmp_path / "m"
