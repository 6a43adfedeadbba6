"""The command line as people and programs see it: from init to eval, and everything that goes wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zhiyin import cli
from zhiyin.cli import COMMANDS, look, main
from zhiyin.cli import checks as machine
from zhiyin.cli.output import plain
from zhiyin.cli.project import suggestions
from zhiyin.terminal import printable

CONFIG = """
[retrievers.kernel]
type = "kernel"
[retrievers.popular]
type = "popular"
[explainer]
type = "evidence"
"""
EVIL = "Evil \x1b[31mred\x07 \u202egnirts [bold]tea[/bold]"
ANSI = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class Run:
    """One call: its exit code and what it said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def value(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> Run:
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code: Any = 0
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return Run(int(code or 0), said.out, said.err)

    return call


def write_files(folder: Path) -> None:
    """Even users take even items in a round, odd ones odd; item 0 has a hostile title."""
    rows = [
        f"u{user},i{2 * ((user + step) % 5) + user % 2},click,{1_600_000_000 + 60 * step}"
        for user in range(40)
        for step in range(4)
    ]
    (folder / "events.csv").write_text("\n".join(["uid,sku,kind,time", *rows]))
    titles = [EVIL, *(f"Thing {n}" for n in range(1, 9)), "绿茶"]
    lines = [f'i{n},"{title}",{"odd" if n % 2 else "even"}' for n, title in enumerate(titles)]
    (folder / "items.csv").write_text("\n".join(["sku,title,side", *lines]))


@pytest.fixture
def shop(tmp_path: Path, run: Any) -> Path:
    """A fitted project."""
    write_files(tmp_path)
    place = tmp_path / "shop"
    assert run("init", place).code == 0
    (place / "zhiyin.toml").write_text(CONFIG)
    done = run(
        "import",
        place,
        tmp_path / "events.csv",
        "--items",
        tmp_path / "items.csv",
        "--map",
        "user=uid,item=sku",
    )
    assert done.code == 0, done.err
    assert run("fit", place).code == 0
    return place


# -- from nothing to a list ------------------------------------------------------------------------


def test_init_writes_the_default_and_never_over_it(tmp_path: Path, run: Any) -> None:
    from zhiyin.config import from_toml, to_toml
    from zhiyin.recommender import Recommender

    made = run("init", tmp_path / "new", "--json")
    assert made.value["config"].endswith("zhiyin.toml")
    assert to_toml(from_toml(tmp_path / "new" / "zhiyin.toml")) == to_toml(Recommender.default())
    again = run("init", tmp_path / "new")
    assert again.code == 4
    assert "--force" in again.err
    assert run("init", tmp_path / "new", "--force").code == 0


def test_a_dry_run_says_all_and_writes_nothing(tmp_path: Path, run: Any) -> None:
    write_files(tmp_path)
    done = run(
        "import",
        tmp_path / "shop",
        tmp_path / "events.csv",
        "--map",
        "user=uid,item=sku",
        "--dry-run",
        "--json",
    )
    assert done.code == 0
    assert done.value["mapping"]["user"] == "uid"
    assert done.value["sample"][0]["user"] == "u0"
    assert done.value["data"] is None
    assert not (tmp_path / "shop").exists()


def test_a_broken_row_is_named(tmp_path: Path, run: Any) -> None:
    (tmp_path / "events.csv").write_text("user,item,time\na,b,2024-01-01\na,c,soon\n")
    stopped = run("import", tmp_path / "shop", tmp_path / "events.csv")
    assert stopped.code == 3
    assert "events.csv" in stopped.err
    assert "'soon'" in stopped.err
    assert "Traceback" not in stopped.err
    dropped = run("import", tmp_path / "shop", tmp_path / "events.csv", "--errors", "drop", "--json")
    assert dropped.value["events"]["n_kept"] == 1


def test_importing_again_replaces(shop: Path, tmp_path: Path, run: Any) -> None:
    (tmp_path / "few.csv").write_text("user,item\na,b\na,c\n")
    assert run("import", shop, tmp_path / "few.csv", "--json").value["data"]["interactions"] == 2


def test_the_list_is_personal(shop: Path, run: Any) -> None:
    for user in ("u2", "u3"):
        found = run("recommend", shop, user, "-n", 1, "--json").value["recommendations"]
        assert int(found[0]["item"][1:]) % 2 == int(user[1:]) % 2
        assert found[0]["sources"]["kernel"] == 1
        assert found[0]["reasons"][0]["text"]


def test_a_history_of_ones_own_decides(shop: Path, run: Any) -> None:
    found = run("recommend", shop, "--history", "i1, Thing 3", "-n", 3, "--json").value["recommendations"]
    listed = [row["item"] for row in found]
    assert not {"i1", "i3"} & set(listed), "seen items came back"
    assert listed[0] == "i5"


def test_the_trace_shows_every_stage(shop: Path, run: Any) -> None:
    value = run("recommend", shop, "u2", "--trace", "--json").value
    assert value["stages"][0]["name"] == "retrieve"
    assert value["query"]["n_history"] == 4
    assert value["version"]
    shown = run("recommend", shop, "u2", "--trace").out
    assert "retrieve" in shown
    assert value["version"] in shown


def test_a_stranger_is_answered_and_a_slip_is_seen(shop: Path, run: Any) -> None:
    done = run("recommend", shop, "u22x", "--json")
    assert done.code == 0
    assert done.value["recommendations"]
    assert "Did you mean 'u2" in done.err


def test_similar_takes_ids_and_titles(shop: Path, run: Any) -> None:
    by_id, by_title = (
        run("similar", shop, "i3", "--json").value,
        run("similar", shop, "thing 3", "--json").value,
    )
    assert by_id == by_title
    assert int(by_id["similar"][0]["item"][1:]) % 2 == 1
    missed = run("similar", shop, "Thing")
    assert missed.code == 3
    assert "Did you mean" in missed.err
    assert "Thing 1" in missed.err


def test_why_not_names_the_stage_in_both_languages(shop: Path, run: Any) -> None:
    listed = run("recommend", shop, "u0", "-n", 2, "--json").value["recommendations"]
    there = run("why-not", shop, listed[0]["item"], "u0", "-n", 2, "--json").value
    assert (there["stage"], there["place"]) == ("listed", 1)
    missed = run("why-not", shop, "thing 1", "u0", "-n", 2, "--locale", "zh")
    assert missed.code == 0 and "《Thing 1》" in missed.out
    assert run("why-not", shop, "Thing", "u0").code == 3


def test_eval_measures_beside_the_floors(shop: Path, tmp_path: Path, run: Any) -> None:
    done = run("eval", shop, "--k", 3, "--html", tmp_path / "report.html", "--json")
    rows = {row["name"] for row in done.value["rows"]}
    assert {"popular", "kernel", "ease", "zhiyin"} <= rows
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")
    shown = run("eval", shop, "--k", 3, "--protocol", "user", "--no-floors", "--max-questions", 5)
    assert "by user" in shown.out
    assert "ndcg@3" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100


# -- looking ---------------------------------------------------------------------------------------


def test_components_are_listed(run: Any) -> None:
    found = {(part["role"], part["type"]): part for part in run("components", "--json").value}
    assert {"name": "half_life_days", "required": False, "default": 0.0, "takes": "value"}.items() <= found[
        "retriever", "popular"
    ]["options"][0].items()
    assert "half_life_days" in run("components", "popular").out
    missed = run("components", "populer")
    assert missed.code == 4
    assert "did you mean 'popular'" in missed.err


def test_the_doctor_finds_nothing_and_finds_damage(shop: Path, run: Any) -> None:
    well = run("doctor", shop, "--json")
    assert (well.code, well.value["ok"]) == (0, True), well.out
    file = next((shop / "artefact").rglob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1])
    ill = run("doctor", shop)
    assert ill.code == 1
    said = re.sub(r"\s+", "", ill.out)  # long paths are folded
    assert str(file) in said
    assert f"zhiyinfit{shop}" in said


def test_the_doctor_shows_the_way_out(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    finding = machine.Finding("cache", "warn", "cannot be written", "set ZHIYIN_CACHE")
    monkeypatch.setattr(machine, "checks", lambda project: [lambda: finding])
    done = run("doctor")
    assert done.code == 0
    assert "set ZHIYIN_CACHE" in done.out
    assert set(look.MARKS) == {"ok", "warn", "fail"}


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("recomend",), 2, "Did you mean 'recommend'"),
        (("fit",), 2, "PROJECT"),
        (("fit", "nowhere"), 3, "zhiyin import nowhere"),
        (("recommend", "nowhere", "u1"), 4, "zhiyin fit nowhere"),
        (("import", "shop", "nothing.csv"), 3, "nothing.csv"),
        (("import", "shop", "nothing.csv", "--map", "user"), 2, "role=column"),
        (("recommend", "shop", "-n", "0"), 2, "-n"),
        (("demo", "--data", "nothing.zip", "--no-save"), 3, "nothing.zip"),
    ],
)
def test_a_mistake_has_its_code_and_its_way_out(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.code == code
    assert said in re.sub(r"[│\s]+", " ", done.err)
    assert "Traceback" not in done.err
    assert done.out == ""


def test_errors_are_json_too(tmp_path: Path, run: Any) -> None:
    done = run("fit", tmp_path, "--json")
    assert done.value["error"]["type"] == "DataError"
    assert done.value["error"]["exit_code"] == done.code == 3


def test_debug_shows_where(tmp_path: Path, run: Any) -> None:
    from zhiyin.errors import DataError

    with pytest.raises(DataError):
        run("--debug", "fit", tmp_path)


def test_a_bug_is_a_sentence(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no \x1b[31mpanic")

    monkeypatch.setattr(cli, "app", broken)
    done = run("fit", "shop")
    assert done.code == 70
    assert "RuntimeError: no [31mpanic" in done.err
    assert not ANSI.search(done.err)


# -- the shape of everything -----------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_with_an_example(name: str, run: Any) -> None:
    done = run(name, "--help")
    assert done.code == 0
    assert f"Example: zhiyin {name}" in re.sub(r"\s+", " ", done.out)
    assert "--json" in done.out


def test_hostile_titles_do_not_reach_the_terminal(shop: Path, run: Any) -> None:
    for done in (run("similar", shop, "i0"), run("recommend", shop, "u1", "-n", 9, "--seen")):
        assert "[bold]tea[/bold]" in done.out, "markup was interpreted, not shown"
        assert not ANSI.search(done.out.replace("\n", "")), repr(done.out)


def test_what_is_piped_is_plain(shop: Path, run: Any) -> None:
    done = run("recommend", shop, "u2")
    assert "\x1b" not in done.out + done.err
    assert all(line == line.rstrip() for line in done.out.splitlines())


def test_columns_line_up_under_chinese(shop: Path, run: Any) -> None:
    from rich.cells import cell_len

    lines = run("recommend", shop, "u1", "-n", 9, "--seen").out.splitlines()
    heads = [line for line in lines if re.match(r" +\d+  ", line)]
    assert any("绿茶" in line for line in heads)
    ends = {cell_len(re.match(r".*?-?\d+\.\d{3}(?=  )", line).group()) for line in heads}  # type: ignore[union-attr]
    assert len(ends) == 1


def test_the_module_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zhiyin", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("zhiyin ")


def test_json_holds_no_nan() -> None:
    import numpy as np

    value = plain({"a": (float("nan"), np.float32(1.5)), 2: np.array([[1, 2]]), "p": Path("x")})
    assert value == {"a": [None, 1.5], "2": [[1, 2]], "p": "x"}


def test_printable_keeps_letters_and_drops_commands() -> None:
    assert printable("知音 👨‍👩‍👧 café") == "知音 👨‍👩‍👧 café"
    assert printable("a\u200eb\ud800c\x9b2Jd\r\ne") == "abc2Jd  e"
    assert len(printable("x" * 10_000, 50)) == 50


def test_suggestions_put_the_same_beginning_first() -> None:
    assert suggestions("star", ["Lone Star", "Star Wars", "Titanic"])[:2] == ["Lone Star", "Star Wars"]
    assert suggestions("titanik", ["Lone Star", "Star Wars", "titanic"]) == ["titanic"]


def sorted_sums(path: Path) -> Path:
    """A table of sums per user and item, as a database gives it: no times, sorted by both."""
    rows = [f"u{user:03},i{item:03}" for user in range(150) for item in range(user % 5, 40, 5 + user % 3)]
    path.write_text("\n".join(["user,item", *sorted(rows)]))
    return path


def test_an_untouched_configuration_is_suited_to_the_data_and_a_changed_one_stays(
    run: Any, tmp_path: Path
) -> None:
    shop, file = tmp_path / "shop", sorted_sums(tmp_path / "sums.csv")
    run("init", shop)
    said = run("import", shop, file)
    assert said.code == 0 and "now holds the default for this data" in plainly(said)
    suited = (shop / "zhiyin.toml").read_text()
    assert "\nordered = false" in suited
    assert "now holds" not in plainly(run("import", shop, file))
    for part in (shop / "data").iterdir():
        part.write_bytes(b"damaged")
    assert run("import", shop, file).code == 0, "data that cannot be read can be replaced"
    (shop / "zhiyin.toml").write_text(CONFIG)
    assert "now holds" not in plainly(run("import", shop, file))
    assert (shop / "zhiyin.toml").read_text() == CONFIG
    assert "`ordered = false`" in plainly(run("fit", shop))
    assert "--protocol random" in plainly(run("eval", shop, "--no-floors"))
    assert "--protocol random" not in plainly(run("eval", shop, "--no-floors", "--protocol", "random"))


def plainly(said: Run) -> str:
    """Notes without the ends of lines."""
    return " ".join(said.err.split())
