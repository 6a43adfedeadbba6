"""The documents: links lead somewhere, twins agree, commands exist, and what they show runs.

A page's blocks run from top to bottom in an empty folder: `python` in one namespace, each `zhiyin` line of
`console` through the command line. `<!-- file: NAME -->` before a block makes it a file of that folder,
`<!-- not run: reason -->` leaves it at checking that the commands exist, `<!-- ends with N -->` expects that
exit status.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")],
    key=lambda page: str(page.relative_to(ROOT)),
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
ALONE = re.compile(r"^(CHANGELOG|CONTRIBUTING|SECURITY)\.md$|^bench/|^docs/decisions/|^docs/reference\.md$")
"""Pages for developers, and the generated one, are in English only."""
LAST = "D7 A7 R9 C18 X5 L3 S3 V5 K4 T5 E3 M8 O5 P9"
ROWS = [f"{last[0]}{number}" for last in LAST.split() for number in range(1, int(last[1:]) + 1)]
"""What zhiyin must do in the end, row by row."""
SHOWN = {name: (ROOT / name).read_text("utf-8") for name in NAMES}
RUNNING = [name for name in NAMES if re.search(r"^```(python|console)$", SHOWN[name], re.M)]
FENCE = re.compile(r"(?:<!-- (?P<mark>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    mark: str = ""

    @property
    def commands(self) -> list[list[str]]:
        """What a reader would type; an answer shown below a `$ ` line is none."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        elif self.language != "bash":
            return []
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    @property
    def code(self) -> str:
        """Python without its comments."""
        return ast.unparse(ast.parse(self.text)) if self.language == "python" else ""


def blocks(text: str) -> list[Block]:
    return [Block(found["language"], found["text"], found["mark"] or "") for found in FENCE.finditer(text)]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(text: str) -> str:
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The names under which a page's headings can be linked to."""
    heads = re.findall(r"^#+ (.+)$", prose(text), re.M)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


def tracked() -> list[Path]:
    """Every text file that a clone contains."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in found if path.is_file() and b"\0" not in path.read_bytes()[:1024]]


# -- text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    text = prose(read(name))
    targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"", text)
    for target in map("".join, targets):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        page = (ROOT / name).parent / file if file else ROOT / name
        assert page.exists(), f"{name}: nothing at {target}"
        if anchor and page.suffix == ".md":
            assert anchor in anchors(page.read_text("utf-8")), f"{name}: no heading for {target}"


@pytest.mark.parametrize("name", [name for name in NAMES if not ALONE.search(name)])
def test_both_languages_say_the_same(name: str) -> None:
    if name.endswith(".zh-CN.md"):
        assert (ROOT / name.replace(".zh-CN.md", ".md")).exists(), f"{name} translates nothing"
        return
    twin = name.replace(".md", ".zh-CN.md")
    assert (ROOT / twin).exists(), f"{twin} is missing"
    one, other = read(name), read(twin)
    levels = [re.findall(r"^(#+) ", prose(text), re.M) for text in (one, other)]
    assert levels[0] == levels[1], f"{name} and {twin} have other headings"
    shown = [
        [(block.mark, block.language, block.commands) for block in blocks(text)] for text in (one, other)
    ]
    assert shown[0] == shown[1], f"{name} and {twin} show other commands"


def test_coverage_names_every_row_once_and_only_files_that_exist() -> None:
    text = read("docs/coverage.md")
    assert re.findall(r"^\| \*\*([A-Z]\d+)\*\* \|", text, re.M) == ROWS
    paths = set(re.findall(r"`((?:src|tests|bench|docs|examples)/[^`]*|Makefile|\.ci/run)`", text))
    missing = sorted(path for path in paths if not list(ROOT.glob(path)))
    assert missing == []


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    assert re.search(r"^## \[?Unreleased\]?", read("CHANGELOG.md"), re.M)


def test_nothing_points_at_one_machine_or_one_mirror() -> None:
    secret = re.compile(
        r"(?<![\w.])/(?:w[o]rk|r[o]ot|h[o]me|U[s]ers)/|/t[m]p/\w|"
        r"py[p]i\.org|python[h]osted|npm[j]s|--ind[e]x-url|find-l[i]nks|C[l]aude|Anthr[o]pic|sub-?a[g]ent"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if secret.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_reference_is_what_the_code_says() -> None:
    script = [sys.executable, str(ROOT / "docs" / "build_reference.py"), "--check"]
    said = subprocess.run(script, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


# -- commands --------------------------------------------------------------------------------------


def complaint(words: list[str]) -> str:
    """What is wrong with a command line that a page shows; "" when nothing is."""
    program, *rest = words
    if program == "make":
        targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
        unknown = [word for word in rest if "=" not in word and word not in targets]
        return f"make has no {unknown[0]}" if unknown else ""
    return complaint_of_zhiyin(rest) if program == "zhiyin" else ""


def complaint_of_zhiyin(words: list[str]) -> str:
    import typer

    from zhiyin.cli import app

    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    if hasattr(command, "commands") and words and not words[0].startswith("-"):
        return f"there is no command {words[0]!r}"
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
        "--help"
    }
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    unknown = [option for option in options if option not in known]
    return f"{command.name} has no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("name", NAMES)
def test_every_command_exists(name: str) -> None:
    shown = [words for block in blocks(read(name)) for words in block.commands]
    assert [f"{' '.join(words)}: {what}" for words in shown if (what := complaint(words))] == []


def test_a_wrong_command_is_found() -> None:
    assert (
        complaint(["make", "teapot"])
        and complaint(["zhiyin", "brew"])
        and complaint(["zhiyin", "fit", "--hot"])
    )


# -- runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name in NAMES if re.search(r"^```(python|console)$", read(name), re.M)]
)
def test_what_a_page_shows_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = name.replace(".zh-CN.md", ".md")
    if twin != name and [one.code for one in blocks(read(name))] == [one.code for one in blocks(read(twin))]:
        pytest.skip("its twin runs the same code")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(read(name)):
        mark, _, rest = block.mark.partition(": ")
        if mark == "file":
            (tmp_path / rest).write_text(block.text, "utf-8")
        elif mark != "not run" and block.language == "python":
            exec(compile(block.text, name, "exec"), namespace)  # the repository's own page
        elif mark != "not run":
            expected = int(mark.removeprefix("ends with ") or 0)
            for words in block.commands:
                assert status(words) == expected, f"{name}: {' '.join(words)}"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_every_example_runs(path: Path, tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def status(words: list[str]) -> int:
    """Runs a command of a page; what sets up or only looks is left out."""
    from zhiyin.cli import main

    if words[0] == "python":
        return subprocess.run(
            [sys.executable, str(ROOT / words[1]), *words[2:]], capture_output=True
        ).returncode
    if words[0] != "zhiyin" or words[1] == "demo":
        return 0
    with pytest.raises(SystemExit) as end:
        main(words[1:])
    return int(end.value.code or 0)
