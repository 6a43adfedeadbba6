"""A room imports only from the rooms above it, and no two files import each other in a circle on loading."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"

ROOMS = (
    "errors prepared", "types", "contracts", "page terminal",
    "llm", "data", "store", "represent", "retrieve", "rank", "explain",
    "components config",
    "artefact decide dialogue recommendations defaults saving fitting why_not causes recommender",
    "evaluate distil", "analyse", "serve", "client", "console", "testing", "cli", "__main__", "__init__",
)  # fmt: skip
"""In the order of the imports; a room of several files names them all. `__init__` shows what it likes."""


def imported(source: str, known: frozenset[str], *, later: bool) -> set[str]:
    """The modules of `known` that a file imports on loading, and later too; types alone do not count."""
    names: set[str] = set()
    for node in running(ast.parse(source), later):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (members & known) | (set() if members <= known else {node.module or ""})
    return names & known


def running(node: ast.AST, later: bool) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING:` and, unless `later`, those inside of functions."""
    for child in ast.iter_child_nodes(node):
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not typing and (later or not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))):
            yield child
            yield from running(child, later)


def floor(module: str) -> int:
    """How far down the room of a module stands; -1 when there is no such room."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else "__init__"
    return next((place for place, names in enumerate(ROOMS) if name in names.split()), -1)


def complaints(files: Mapping[str, str]) -> list[str]:
    """What is wrong with these files, given as module -> source."""
    known = frozenset(files)
    said = [f"{module}: no such room; name it in ROOMS" for module in files if floor(module) < 0]
    for module, source in files.items():
        for target in sorted(imported(source, known, later=True)):
            if 0 <= floor(module) < floor(target):
                said.append(f"{module} imports {target}: {ROOMS[floor(module)]} stands above it")
    graph = {module: imported(source, known, later=False) - {module} for module, source in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        said.append("a circle: " + " imports ".join(reversed(error.args[1])))
    return said


def package() -> dict[str, str]:
    modules = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    return modules


def test_every_room_imports_only_from_the_rooms_above() -> None:
    said = complaints(package())
    assert not said, "\n".join(said)


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"zhiyin.data.a": "import zhiyin.rank.b", "zhiyin.rank.b": ""}, "stands above"),
        ({"zhiyin.data.a": "from zhiyin.rank.b import f", "zhiyin.rank.b": ""}, "stands above"),
        ({"zhiyin.data.a": "def f():\n    from zhiyin.rank import b", "zhiyin.rank.b": ""}, "stands above"),
        ({"zhiyin.types": "from zhiyin import cli", "zhiyin": "", "zhiyin.cli": ""}, "stands above"),
        ({"zhiyin.common.a": ""}, "no such room"),
        ({"zhiyin.data.a": "import zhiyin.data.b", "zhiyin.data.b": "import zhiyin.data.a"}, "circle"),
    ],
)
def test_a_planted_fault_is_found(files: dict[str, str], word: str) -> None:
    assert word in " ".join(complaints(files))


def test_what_only_types_need_is_free() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from zhiyin.cli import main\n"
    assert complaints({"zhiyin.types": source, "zhiyin.cli": ""}) == []
