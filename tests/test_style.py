"""What a linter does not know: sizes, banned names, and that nothing loaded can run code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 500, 60
VAGUE = {"util", "utils", "helper", "helpers", "manager", "handler", "engine", "misc"}
LOADS_CODE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
RUNS_CODE = {"eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def complaints(name: str, source: str) -> list[str]:
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    said = [*too_long(source, nodes), *vague(name, nodes)]
    if not name.startswith("tests/"):
        said += unsafe(nodes)
    return [f"{name}: {what}" for what in said]


def too_long(source: str, nodes: list[ast.AST]) -> Iterator[str]:
    lines = source.count("\n")
    if lines > MOST_LINES:
        yield f"{lines} lines, at most {MOST_LINES}"
    for node in nodes:
        if isinstance(node, FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield f"{node.name}() has {lines} lines, at most {MOST_LINES_OF_A_FUNCTION}"


def vague(name: str, nodes: list[ast.AST]) -> Iterator[str]:
    for defined in {Path(name).stem, *map(defines, nodes)}:
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", defined)}
        if words & VAGUE or defined == "model":
            yield f"the name {defined!r} says nothing; name what it does"


def defines(node: ast.AST) -> str:
    """The name that this node brings into the world, if any."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else ""


def unsafe(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Call() if ast.unparse(node.func) in RUNS_CODE:
                yield f"line {node.lineno}: {ast.unparse(node.func)}() can run code"
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                yield f"line {node.lineno}: allow_pickle can run code"
        for name in imports(node):
            if name.split(".")[0] in LOADS_CODE:
                yield f"{name} can run code"


def imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "examples"])
def test_every_file_keeps_the_style(folder: str) -> None:
    files = [(str(path.relative_to(ROOT)), path) for path in sorted((ROOT / folder).rglob("*.py"))]
    said = [what for name, path in files for what in complaints(name, path.read_text("utf-8"))]
    assert not said, "\n".join(said)


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("x = 1\n" * 501, "501 lines"),
        ("def f():\n" + "    x = 1\n" * 60, "f() has 61 lines"),
        ("class ModelManager: ...", "ModelManager"),
        ("def load_utils(): ...", "load_utils"),
        ("def f(model): ...", "'model'"),
        ("model = 1", "'model'"),
        ("import pickle", "pickle can run code"),
        ("def f():\n    from joblib import load", "joblib can run code"),
        ("exec('1')", "exec() can run code"),
        ("torch.load(p)", "torch.load() can run code"),
        ("np.load(p, allow_pickle=True)", "allow_pickle"),
    ],
)
def test_a_planted_fault_is_found(source: str, word: str) -> None:
    assert word in " ".join(complaints("a.py", source))


@pytest.mark.parametrize("source", ["language_model = 1", "self.engineer = 1", "re.compile('x')", "x.eval()"])
def test_what_only_looks_like_a_fault_is_free(source: str) -> None:
    assert complaints("a.py", source) == []


def test_a_vague_file_name_is_found() -> None:
    assert complaints("src/zhiyin/utils.py", "") != []
