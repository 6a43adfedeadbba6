"""What a language model teaches: distil."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from zhiyin.cli.app import AllowImport, Json, ProjectPath, Seed
from zhiyin.cli.output import Output
from zhiyin.cli.project import Project
from zhiyin.errors import ConfigError

__all__ = ["distil"]

FIRST_S = 600.0
"""Seconds for the first answer, which loads the model and may unpack it."""


def distil(
    project: ProjectPath,
    llm: Annotated[str, typer.Option("--model", help="Name of an installed model, or a GGUF file.")],
    way: Annotated[str, typer.Option(help="How it is asked; best: as zhiyin models verify found.")] = "best",
    lists: Annotated[int, typer.Option(min=10, help="Lists that the model judges.")] = 100,
    questions: Annotated[int, typer.Option(min=40, help="Held-out questions that test the student.")] = 1000,
    seed: Seed = 0,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Teaches a small student what a language model thinks of lists, and finds for whom it pays.

    Fits once more without everybody's last event, so that the figures are honest.

    Example: zhiyin distil shop --model smollm2-135m --lists 50
    """
    import numpy as np

    from zhiyin.data.split import LeaveOneOut
    from zhiyin.distil import school
    from zhiyin.rank.student import StudentReranker

    out = Output(as_json=as_json)
    place = Project(project)
    data = place.load_data()
    teacher, asked = teacher_of(llm, way, place.path)
    split = LeaveOneOut(regime="T+V").split(data)
    made = place.configured(data, allow_import or ())
    if made.encoder is None:
        raise ConfigError("a student reads vectors of texts, and this recommender has no encoder")
    with out.stages() as stages:
        made.fit(split.fit, seed=seed, progress=stages)
        student = StudentReranker(encoder=made.encoder).fit(split.fit)
        order = np.random.default_rng(seed).permutation(len(split.holdout))[: lists + questions].tolist()
        n = min(lists, len(order) // 2)
        found = school(
            made, split.holdout, order, teacher, asked, student,
            n_lessons=n, progress=lambda done: stages("lessons", done, n),
        )  # fmt: skip
    file = Path(place.path) / "student.json"
    found.saved(file, student, teacher.identity)
    tell(out, file, found, student)


def tell(out: Output, file: Path, found: Any, student: Any) -> None:
    """The figures, and what to write into zhiyin.toml where the student pays."""
    import numpy as np
    from rich.text import Text

    lines = [f"agreement with the model on lists it has not seen: {found.agreement:.2f} (rank correlation)"]
    for name, (n, mean, half) in found.gains.table().items():
        lines.append(
            f"history {name:>7}: {100 * mean:+.2f} ± {100 * half:.2f} NDCG@10 × 100 of {n} questions"
        )
    if found.gate.groups:
        lines += ["it pays; in zhiyin.toml:", "", "[[rerankers]]", 'type = "student"', f'weights = "{file}"']
        lines += [f"window = {student.window}", f"weight = {student.weight}"]
        lines += [f"groups = {list(student.groups)}"]
        lines += [f"max_spread = {student.max_spread}"] if np.isfinite(student.max_spread) else []
    else:
        lines.append("it pays for nobody: leave it out")
    out.show(*(Text(line) for line in lines))
    out.result(
        {
            "file": str(file), "agreement": found.agreement, "lessons": found.n_lessons,
            "window": found.window, "weight": found.weight, "groups": list(found.gate.groups),
            "gains": found.gains.table(),
        }
    )  # fmt: skip


def teacher_of(name: str, way: str, project: Path) -> tuple[Any, Any]:
    """The guarded model and how to ask it: likelihoods by torch, everything else by llama.cpp. What it has
    judged is kept in the project, so that a run that was cut short goes on. It answers one question here: a
    missing package or a damaged file is known before anything is fitted."""
    from zhiyin.llm import GgufLanguageModel, GuardedLanguageModel, verdict_of
    from zhiyin.llm.verdict import WAYS, Way
    from zhiyin.rank.llm_judge import judged

    if way not in ("best", *WAYS):
        raise ConfigError(f"--way {way!r}: expected best or one of {', '.join(WAYS)}")
    local = GgufLanguageModel(path=name)
    if way == "best":
        verdict = verdict_of(local.identity)
        way = (verdict.best("en") if verdict else None) or "likelihood"
    made: Any = local
    if way == "likelihood":
        from zhiyin.llm.torch_scorer import TorchLanguageModel

        made = TorchLanguageModel(path=name)
    guarded = GuardedLanguageModel(language_model=made, max_at_once=1)
    guarded.keep_in(project)
    judged(guarded, cast("Way", way), ["Tea"], ["Cup", "Kettle"], timeout=FIRST_S)
    return guarded, way
