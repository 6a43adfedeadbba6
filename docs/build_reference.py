"""Write docs/reference.md from the code; with `--check`, only say whether it is up to date."""

from __future__ import annotations

import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from zhiyin.cli import app
from zhiyin.components import options_of, role_of, type_of
from zhiyin.serve.problems import PROBLEMS
from zhiyin.serve.routes import ROUTES
from zhiyin.serve.settings import ServeSettings

PAGE = Path(__file__).with_name("reference.md")
ROOMS = (
    "recommender", "data", "represent", "retrieve", "rank", "explain", "evaluate", "config", "llm",
    "client", "types", "contracts", "errors",
)  # fmt: skip
HEAD = """# Reference

<!-- Written by docs/build_reference.py from the code; do not edit. `make reference` writes it anew. -->

Every public class of every room with its options, and every command. A part is named in TOML by its
`type`; its options are the keyword arguments of its constructor. [中文文档](../README.zh-CN.md)
"""


def page() -> str:
    rooms = [(name, list(exported(name))) for name in ROOMS]
    titles = ("Command line", "Routes", "Problems", "Settings of the service")
    lines = [HEAD, *(f"- [{title}](#{title.lower().replace(' ', '-')})" for title in titles)]
    lines += [f"- [`zhiyin.{name}`](#zhiyin{name})" for name, found in rooms if found]
    lines += ["\n## Command line\n", *commands(), *routes(), *problems(), *settings()]
    for name, found in rooms:
        if found:
            lines.append(f"\n## `zhiyin.{name}`\n\n{sentence(import_module(f'zhiyin.{name}'))}")
            lines += [text for value in found for text in entry(value)]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def exported(room: str) -> Iterator[Any]:
    """Classes and functions that a room shows: in its own `__all__`, else in those of its files."""
    module = import_module(f"zhiyin.{room}")
    files = [module]
    if not getattr(module, "__all__", None) and hasattr(module, "__path__"):
        files = [
            import_module(f"zhiyin.{room}.{found.name}") for found in pkgutil.iter_modules(module.__path__)
        ]
    shown = [getattr(file, name) for file in files for name in getattr(file, "__all__", ())]
    values = {id(value): value for value in shown}
    yield from sorted(
        (value for value in values.values() if inspect.isclass(value) or inspect.isfunction(value)),
        key=lambda value: (not inspect.isclass(value), value.__name__),
    )


def entry(value: Any) -> Iterator[str]:
    if inspect.isfunction(value):
        call = f"{value.__name__}{signature(value)}"
        yield f"\n### `{value.__name__}()`\n\n{sentence(value)}\n\n```text\n{call}\n```"
        return
    named = f' (`type = "{type_of(value)}"`)' if role_of(value) not in ("", value.__name__) else ""
    yield f"\n### `{value.__name__}`\n\n{sentence(value)}{named}"
    options = options_of(value)
    if options and not getattr(value, "_is_protocol", False) and not issubclass(value, BaseException):
        yield "\n| option | default | |\n|---|---|---|"
        yield from (f"| `{o.name}` | {default(o.default)} | {cell(o.doc)} |" for o in options)
    methods = list(documented(value))
    if methods:
        yield "\n" + "\n".join(
            f"- `{name}{signature(method)}`: {sentence(method)}" for name, method in methods
        )


def documented(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods that have something to say."""
    for name, method in vars(cls).items():
        method = getattr(method, "__func__", method)
        if not name.startswith("_") and inspect.isfunction(method) and method.__doc__:
            yield name, method


def signature(function: Any) -> str:
    """Without `self`, on one line."""
    text = str(inspect.signature(function))
    plain = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    return re.sub(r"^\((self|cls)(, )?(/, )?", "(", plain)


def sentence(value: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    text = value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__
    return " ".join((text or "").strip().split("\n\n")[0].split())


def default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    text = repr(value)
    return f"`{type(value).__name__}`" if " at 0x" in text else f"`{cell(text)}`"


def cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def named(command: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Every command with its full name; a group stands for the commands in it."""
    for name in sorted(command.commands):
        inner = command.commands[name]
        if hasattr(inner, "commands"):
            yield from named(inner, f"{before} {name}")
        else:
            yield f"{before} {name}", inner


def commands() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    for name, command in named(root, "zhiyin"):
        yield f"\n### `{name}`\n\n{' '.join((command.help or '').split())}\n"
        yield "| option | default | |\n|---|---|---|"
        for option in command.params:
            names = ", ".join(f"`{word}`" for word in option.opts) if option.opts else option.name
            shown = (
                ""
                if option.default in (None, False, (), "") or callable(option.default)
                else f"`{option.default}`"
            )
            yield f"| {names} | {shown} | {cell(getattr(option, 'help', None) or '')} |"


def routes() -> Iterator[str]:
    yield "\n## Routes\n\nWhat the service can be asked, and which scope a key needs for it.\n"
    yield "| | route | scope | what |\n|---|---|---|---|"
    for route in ROUTES:
        path = re.sub(r":path}", "}", route.path)
        yield f"| {route.method} | `{path}` | {route.scope or 'none'} | {cell(route.summary)} |"


def problems() -> Iterator[str]:
    yield "\n## Problems\n\nThe codes of errors; their meaning never changes.\n"
    yield "| code | status | what | | way out |\n|---|---|---|---|---|"
    for code, kind in PROBLEMS.items():
        yield f"| `{code}` | {kind.status} | {kind.title} | {kind.title_zh} | {cell(kind.hint)} |"


def settings() -> Iterator[str]:
    yield (
        "\n## Settings of the service\n\nIn `[serve]` of zhiyin.toml, as `ZHIYIN_SERVE__NAME`"
        " (in capitals), or as `--set name=value`.\n"
    )
    yield "| setting | kind | default | |\n|---|---|---|---|"
    for row in ServeSettings.table():
        shown = default(row.default) if row.default not in ("", []) else ""
        yield f"| `{row.name}` | {cell(row.kind)} | {shown} | {cell(row.description)} |"


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        fresh = PAGE.exists() and PAGE.read_text("utf-8") == text
        print("docs/reference.md is up to date" if fresh else "docs/reference.md is stale: make reference")
        return 0 if fresh else 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
