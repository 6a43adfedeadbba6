"""`zhiyin demo` on a tiny set in MovieLens' form: even users like even films, one after the other."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from zhiyin.cli import main, output
from zhiyin.recommender import Recommender

N_FILMS = 24


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 users walk round twelve films of their side, each from another start: what comes next is certain."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "ml"
    folder.mkdir()
    kinds = ("War", "Musical")
    movies = [f'{n},"Film number {n}, The (19{60 + n})",{kinds[n % 2]}' for n in range(N_FILMS)]
    rows = [
        f"{user},{2 * ((user // 2 + step) % (N_FILMS // 2)) + user % 2},5,{1_000_000 + 100 * step + user}"
        for user in range(1, 41)
        for step in range(8)
    ]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies]))
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *rows]))
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        main([str(argument) for argument in arguments])
        code: Any = 0
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    return int(code or 0), said.out, said.err


def test_the_demo_recommends_explains_and_measures(
    films: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "SHORT", 0.0)  # every stage is told, however fast it was
    code, out, err = call(
        capsys, "demo", "--data", films, "--users", "2,3", "-n", 5, "--out", "kept", "--json"
    )
    assert code == 0, err
    value = json.loads(out)
    for user in value["users"]:
        listed = user["recommendations"]
        assert user["next"] in [row["item"] for row in listed], (
            "the film that always comes next was not foreseen"
        )
        assert int(listed[0]["item"]) % 2 == int(user["user"]) % 2
        assert user["next"] not in user["history"]
        assert all(row["sources"] and row["reasons"] for row in listed[:3])
    rows = {row["name"]: row["metrics"]["hit@10"]["value"] for row in value["evaluation"]["rows"]}
    assert rows["zhiyin"] > rows["popular"]
    assert "T+V" in value["evaluation"]["protocol"]["regime"]
    assert "✓ replay" in err
    check_files(value["files"])


def check_files(files: dict[str, str]) -> None:
    """What the demo leaves is a project like any other; its artefact does not know the hidden films."""
    assert Path(files["report"]).read_text("utf-8").startswith("<!doctype html>")
    again = Recommender.load(files["artefact"])
    assert again.histories_ is not None
    assert len(again.histories_.snapshot) == 40 * 7
    assert Path(files["config"]).is_file()


def test_the_demo_is_for_reading(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("demo", "--data", films, "--users", "2", "-n", 5, "--no-eval", "--no-save", "--locale", "zh")
    code, out, err = call(capsys, *arguments)
    assert code == 0, err
    assert "User 2" in out
    assert "★" in out
    assert "The Film number" in out, "titles are shown as people say them"
    assert max(map(len, out.splitlines())) <= 100
    assert not Path("zhiyin-demo").exists()


def test_an_unknown_user_is_named(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "demo", "--data", films, "--users", "99", "--no-eval", "--no-save")
    assert code == 3
    assert "'99'" in err


@pytest.mark.skipif(
    "ZHIYIN_DATA" not in os.environ or "ZHIYIN_SLOW" not in os.environ,
    reason="needs real data: set ZHIYIN_DATA to a folder with ml-100k, and ZHIYIN_SLOW",
)
def test_the_demo_reaches_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "demo", "--out", tmp_path / "demo", "--json")
    assert code == 0, err
    rows = {row["name"]: row["metrics"] for row in json.loads(out)["evaluation"]["rows"]}
    assert rows["zhiyin"]["ndcg@10"]["value"] >= 0.110
    assert rows["zhiyin"]["hit@10"]["value"] >= 0.205
