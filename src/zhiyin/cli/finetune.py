"""A language model that learns from behaviour: finetune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhiyin.cli.app import Json, ProjectPath, Seed, locale_option
from zhiyin.cli.output import Output, Stages
from zhiyin.cli.project import Project
from zhiyin.cli.targets import check_folder

if TYPE_CHECKING:
    from zhiyin.llm.adapter_training import AdapterTraining, Progress

__all__ = ["finetune"]


def finetune(
    project: ProjectPath,
    llm: Annotated[str, typer.Option("--model", help="Name of an installed model, or a GGUF file.")],
    steps: Annotated[
        int, typer.Option(min=1, help="At most so many; it stops when checks get no better.")
    ] = 200,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Of the adapter.")] = 8,
    batch: Annotated[int, typer.Option(min=1, max=256, help="Windows of titles in a step.")] = 4,
    check: Annotated[int, typer.Option(min=1, help="People whose last event is held for the checks.")] = 32,
    threads: Annotated[int, typer.Option(min=1, help="Of the processor.")] = 1,
    locale: Annotated[str, locale_option("the words around the titles")] = "en",
    out_path: Annotated[Path | None, typer.Option("--out", help="Folder; default PROJECT/adapter.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on with the run of this folder.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Teaches a language model which titles people choose next: a small adapter beside its weights.

    Only titles are learnt from, in their order; nothing says whose they are.

    Example: zhiyin finetune shop --model smollm2-135m --steps 100
    """
    from zhiyin.llm.adapter_files import write_adapter
    from zhiyin.llm.adapter_training import AdapterTraining, Schedule, lesson_of, with_adapter
    from zhiyin.llm.torch_weights import identity_of, loaded_weights
    from zhiyin.rank.next_titles import NextTitles

    out, place = Output(as_json=as_json), Project(project)
    folder = out_path or place.path / "adapter"
    check_folder(folder)
    with out.stages() as stages:
        stages("reading data")
        windows = NextTitles(place.load_data(), n_check=check, locale=locale, seed=seed)
        stages("loading the model")
        weights, tokenizer = loaded_weights(llm, None, "cpu", "float32", threads)
        network = with_adapter(weights, rank, seed)
        stages("learning", 0, steps)
        training = AdapterTraining(
            network,
            lambda rng: lesson_of(tokenizer, windows.draw(rng)),
            [lesson_of(tokenizer, pieces) for pieces in windows.checks()],
            Schedule(steps=steps, batch=batch),
            seed=seed,
            about=f"{identity_of(llm, None)}/{locale}/{windows.fingerprint}",
            checkpoint=folder / "checkpoint" / "run.safetensors",
            watch=lambda done: _tell(out, stages, done),
        )
        training.run(resume=resume)
        file = write_adapter(folder, network, llm)
    _result(out, training, folder, file, llm)


def _result(out: Output, training: AdapterTraining, folder: Path, file: Path, llm: str) -> None:
    """What was gained, and what to write into zhiyin.toml."""
    from rich.text import Text

    before, best = training.checks_[0], training.best_
    lines = [
        f"a held next title costs {best.lesson:.2f} nats after {best.step} steps, {before.lesson:.2f} before",
        f"({best.token:.3f} and {before.token:.3f} a token; {len(training.held)} people)",
    ]
    if best.step:
        lines += ["", "in zhiyin.toml:", "", "[llm]", 'type = "gguf"', f'path = "{llm}"', f'lora = "{file}"']
        lines += ["", f'or type = "torch" with adapter = "{folder}"']
    else:
        lines.append("nothing was gained: leave the adapter out")
    out.show(*map(Text, lines))
    out.result(
        {
            "gguf": file, "peft": folder, "best": best, "checks": training.checks_,
            "steps": len(training.losses_), "held": len(training.held),
        }
    )  # fmt: skip


def _tell(out: Output, stages: Stages, done: Progress) -> None:
    stages("learning", done.step, done.of)
    if done.check is not None:
        out.note(
            f"  step {done.step} of {done.of}: loss {done.loss:.3f}, held title {done.check.lesson:.2f}, "
            f"at most {done.seconds_left / 60:.1f} minutes left"
        )
