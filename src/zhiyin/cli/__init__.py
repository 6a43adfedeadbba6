"""`zhiyin` on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer
from rich.text import Text

from zhiyin.cli.app import app
from zhiyin.cli.ask import recommend, similar, why_not
from zhiyin.cli.backup import backup
from zhiyin.cli.bench import bench
from zhiyin.cli.demo import demo
from zhiyin.cli.finetune import finetune
from zhiyin.cli.importing import import_
from zhiyin.cli.look import components, doctor
from zhiyin.cli.meaning import chat, profile, tags
from zhiyin.cli.measure import evaluate
from zhiyin.cli.models import models
from zhiyin.cli.order import distil
from zhiyin.cli.output import Output, forgive, to_nowhere
from zhiyin.cli.prepare import fit, init
from zhiyin.cli.serve import artefacts, keys, refit, serve
from zhiyin.cli.tune import tune
from zhiyin.errors import ZhiyinError
from zhiyin.terminal import printable

__all__ = ["app", "main"]

WrongUsage: type[Exception] = typer.BadParameter.__base__ or typer.BadParameter
"""Of every mistake in options and arguments."""

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo, "init": init, "import": import_, "fit": fit, "recommend": recommend, "similar": similar,
    "why-not": why_not, "chat": chat, "eval": evaluate, "tune": tune,
    "serve": serve, "refit": refit, "components": components,
    "doctor": doctor, "distil": distil, "finetune": finetune,
}  # fmt: skip
"""In the order in which a newcomer needs them."""

for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(keys, name="keys")
app.add_typer(artefacts, name="artefacts")
app.add_typer(backup, name="backup")
app.add_typer(models, name="models")
app.add_typer(bench, name="bench")
app.add_typer(profile, name="profile")
app.add_typer(tags, name="tags")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and ends the process: 0 well, 1 to 8 as `errors.py` says, 2 wrong usage, 70 a bug."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    forgive()
    try:
        try:
            if "--json" not in given:
                app(given, prog_name="zhiyin")
            else:
                sys.exit(app(given, prog_name="zhiyin", standalone_mode=False) or 0)
        finally:
            sys.stdout.flush()
    except WrongUsage as error:  # raised with --json only, else it was shown
        _fail(error, given, getattr(error, "format_message", error.__str__)(), 2)
    except ZhiyinError as error:
        _fail(error, given, str(error), error.exit_code)
    except BrokenPipeError:  # the reader of a pipe has gone, as `head` does
        to_nowhere()
        sys.exit(0)
    except typer.Abort:
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # a full disk, a folder of somebody else's
        place = f"{error.filename}: " if error.filename else ""
        _fail(error, given, f"{place}cannot be read or written: {error.strerror or error}", 1)
    except Exception as error:  # noqa: BLE001  # the last line of defence: a person sees a sentence
        said = f"{type(error).__name__}: {error}. This is a bug in zhiyin; `zhiyin --debug …` shows where"
        _fail(error, given, said, 70)


def _fail(error: Exception, given: Sequence[str], message: str, code: int) -> None:
    if "--debug" in given:
        raise error
    out = Output(as_json="--json" in given)
    lines = [printable(line) for line in message.splitlines()]
    out.talk.print(Text.assemble(("error  ", "bold red"), "\n       ".join(lines)), soft_wrap=True)
    try:
        out.result({"error": {"type": type(error).__name__, "message": message, "exit_code": code}})
        sys.stdout.flush()
    except OSError:  # what is wrong may be stdout itself
        to_nowhere()
    sys.exit(code)
