"""What is wrong with a command is said before its work, with its code; as JSON where that is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from zhiyin.cli import main
from zhiyin.data.dataset import Dataset
from zhiyin.types import Interaction

CONFIG = '[retrievers.kernel]\ntype = "kernel"\n[retrievers.popular]\ntype = "popular"\n'


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Imported, not fitted."""
    place = tmp_path / "shop"
    events = [
        Interaction(f"u{u}", f"i{(u + step) % 5}", at=1e9 + step) for u in range(9) for step in range(4)
    ]
    Dataset.of(events).save(place / "data")
    (place / "zhiyin.toml").write_text(CONFIG)
    return place


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("eval", ("--html", "FILE/x.html")),
        ("eval", ("--html", "FOLDER")),
        ("eval", ("--variety", "GONE/x.html")),
        ("tune", ("--html", "GONE/x.html")),
        ("tune", ("--study", "FOLDER")),
    ],
)
def test_reports_that_cannot_be_written_are_refused_before_the_work(
    shop: Path, run: Any, monkeypatch: pytest.MonkeyPatch, command: str, options: tuple[str, ...]
) -> None:
    (shop / "FILE").write_text("kept")
    (shop / "FOLDER").mkdir()
    monkeypatch.chdir(shop)
    monkeypatch.setattr(Dataset, "load", lambda path: pytest.fail("the work had begun"))
    code, out, err = run(command, ".", *options)
    assert (code, out) == (4, "") and "can be written" in err and "bug" not in err
    assert (shop / "FILE").read_text() == "kept"


def test_a_place_that_can_be_written_is_left_as_it_was(shop: Path, run: Any, tmp_path: Path) -> None:
    from zhiyin.cli.targets import check_file, check_folder

    (tmp_path / "old.html").write_text("old")
    check_file(tmp_path / "old.html")
    check_file(tmp_path / "new.html")
    check_folder(tmp_path / "a" / "b")
    assert (tmp_path / "old.html").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.html", "shop"]


def test_projects_that_cannot_be_made(tmp_path: Path, run: Any, shop: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in (("init", tmp_path / "file" / "x"), ("init", tmp_path / "file")):
        code, _, err = run(*command)
        assert code == 4 and "expected a folder that can be written" in err
    (tmp_path / "odd" / "zhiyin.toml").mkdir(parents=True)
    code, _, err = run("init", tmp_path / "odd", "--force")
    assert code == 4 and "it is a folder" in err


def test_a_configuration_that_is_a_folder_is_not_the_default(shop: Path, run: Any) -> None:
    (shop / "zhiyin.toml").unlink()
    (shop / "zhiyin.toml").mkdir()
    for command in ("fit", "serve"):
        code, _, err = run(command, shop)
        assert code == 4 and "expected a readable TOML file" in err
    assert "✗ zhiyin.toml" in run("doctor", shop)[1]


def test_what_the_system_refuses_is_no_bug(shop: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "artefact/x")

    monkeypatch.setattr("zhiyin.recommender.Recommender.save", full)
    code, _, err = run("fit", shop)
    assert code == 1 and "artefact/x: cannot be read or written: No space left on device" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("recommend", "shop", "--locale", "fr"), "expected en or zh, got 'fr'"),
        (("recommend",), "Missing argument 'PROJECT'"),
        (("recommend", "shop", "--nope"), "No such option: --nope"),
        (("recommend", "shop", "-n", "0"), "greater than or equal to 1"),
        (("import", "shop", "e.csv", "--map", "user"), "expected role=column"),
        (("nope",), "No such command 'nope'"),
    ],
)
def test_wrong_usage_is_json_too(run: Any, arguments: tuple[str, ...], said: str) -> None:
    code, out, _ = run(*arguments, "--json")
    error = json.loads(out)["error"]
    assert code == error["exit_code"] == 2 and said in error["message"]
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and said.split("'")[0].strip() in re.sub(r"[\s│]+", " ", err)


def test_an_exit_code_of_a_command_survives_json(run: Any, shop: Path) -> None:
    (shop / "zhiyin.toml").write_text("nope = 1")
    code, out, _ = run("doctor", shop, "--json")
    assert code == 1 and not json.loads(out)["ok"]
    assert run("components", "--json")[0] == 0
    code, out, _ = run("recommend", "--help", "--json")
    assert code == 0 and "Usage" in out


def test_regions_of_the_known_languages_are_taken(run: Any, shop: Path) -> None:
    assert run("fit", shop)[0] == 0
    for locale in ("zh-CN", "zh_TW", "EN", "en-GB"):
        assert run("recommend", shop, "u1", "--locale", locale)[0] == 0


def test_names_of_folders_do_not_steer_the_terminal(tmp_path: Path, run: Any) -> None:
    _, out, err = run("init", tmp_path / "a\x1b[31mb\x07")
    assert "\x1b" not in out + err and "\x07" not in out + err and "[31mb" in out


def test_tags_of_nothing_are_refused(run: Any, shop: Path) -> None:
    code, _, err = run("tags", "put", shop, "i1", ",，, ")
    assert code == 3 and "at least one tag" in err
