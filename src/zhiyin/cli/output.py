"""Results to stdout, talk to stderr; with --json, stdout is one JSON value and nothing else."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from zhiyin.terminal import printable

__all__ = ["Output", "Stages", "forgive", "now", "plain", "reader_may_go", "to_nowhere"]

WIDTH = 100
"""Columns where there is no terminal to ask."""
SHORT = 0.05
"""Seconds below which a stage needs no line."""


class Output:
    """What one command says."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = _console(sys.stdout)
        self.talk = _console(sys.stderr)

    def show(self, *parts: RenderableType) -> None:
        """For people; silent with --json."""
        if self.as_json:
            return
        for part in map(_safe, parts):
            if self.console.is_terminal:
                self.console.print(part)
            else:
                with self.console.capture() as captured:
                    self.console.print(part)
                with reader_may_go():
                    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())

    def result(self, value: Any) -> None:
        """For programs; silent without --json."""
        if self.as_json:
            exact = not str(getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
            with reader_may_go():
                json.dump(plain(value), sys.stdout, ensure_ascii=exact, indent=1, allow_nan=False)
                sys.stdout.write("\n")

    def note(self, text: str, style: str = "dim") -> None:
        """An aside on stderr."""
        self.talk.print(Text(printable(text), style=style))

    @contextmanager
    def stages(self) -> Iterator[Stages]:
        """A progress callback; each stage ends in a line with its time."""
        stages = Stages(self.talk)
        try:
            yield stages
            stages.close()
        finally:
            stages.stop()


class Stages:
    """Called with (stage, done, of): a bar on a terminal, plain lines elsewhere.

    Stages `group.part` that follow each other end in one line for the group.
    """

    def __init__(self, talk: Console) -> None:
        self.talk = talk
        self.seconds: dict[str, float] = {}
        """Time by stage."""
        self._stage, self._group = "", ""
        self._stage_start = self._group_start = self._said = time.perf_counter()
        self._bar: Progress | None = None
        if talk.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn())
            self._bar = Progress(*columns, TimeElapsedColumn(), console=talk, transient=True)
            self._task = self._bar.add_task("", total=None)
            self._bar.start()

    def __call__(self, stage: str, done: int = 0, of: int = 0) -> None:
        if stage != self._stage:
            self._begin(stage)
        now = time.perf_counter()
        if self._bar:
            self._bar.update(self._task, completed=done, total=of or None)
        elif done < of and now - self._said > 10:
            self._said = now
            self._line(f"  … {stage}", f"{100 * done // of} %")

    def close(self) -> None:
        """The last stage has come to its end."""
        self._begin("")

    def stop(self) -> None:
        """Clears the screen, whatever happened."""
        if self._bar:
            self._bar.stop()

    def _begin(self, stage: str) -> None:
        now = self._said = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._stage_start
        group = stage.partition(".")[0]
        if group != self._group:
            if self._group and now - self._group_start >= SHORT:
                self._line(f"  ✓ {self._group}", f"{now - self._group_start:.1f} s")
            self._group, self._group_start = group, now
        self._stage, self._stage_start = stage, now
        if self._bar and stage:
            self._bar.reset(self._task, description=printable(stage.replace(".", " ")), total=None)

    def _line(self, what: str, figure: str) -> None:
        self.talk.print(Text(f"{printable(what):<40}{figure:>8}", style="dim"))


def forgive() -> None:
    """Lets both streams write `?` for what their encoding lacks, and a reader that goes be no failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")
    setattr(Console, "on_broken_pipe", _gone)  # noqa: B010  # typer prints the help through one, too


@contextmanager
def reader_may_go() -> Iterator[None]:
    """The command ends well when whoever reads its output has enough, as `head` has."""
    try:
        yield
    except BrokenPipeError:
        to_nowhere()
        raise SystemExit(0) from None


def to_nowhere() -> None:
    """What still waits for stdout is thrown away."""
    with suppress(OSError, ValueError):  # no real stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _gone(console: Console) -> None:
    console.quiet = True
    to_nowhere()
    raise SystemExit(0)


def now() -> str:
    """The moment in UTC, for what is written to a file."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(value: Any) -> Any:
    """Any value of this package as JSON values; NaN and infinity become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.to_builtins(value))
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, str):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (Sequence, set, frozenset)):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def _safe(part: RenderableType) -> RenderableType:
    """Names in a line (of folders, say) cannot steer the terminal; every character keeps its place."""
    if isinstance(part, Text) and not part.plain.isprintable():
        part.plain = "".join(c if c == "\n" or printable(c) else " " for c in part.plain)
    return part


def _console(stream: Any) -> Console:
    width = None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)
