"""How good: eval."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zhiyin.cli.app import AllowImport, Json, ProjectPath, Seed, locale_option
from zhiyin.cli.output import Output
from zhiyin.cli.project import UNORDERED, Project
from zhiyin.cli.scores import Scores
from zhiyin.cli.targets import check_file

if TYPE_CHECKING:
    from zhiyin.data.dataset import Dataset
    from zhiyin.data.split import Splitter
    from zhiyin.evaluate import Protocol
    from zhiyin.recommender import Recommender

__all__ = ["Regime", "SplitName", "evaluate"]


CUTS = (5, 10, 20)


class SplitName(StrEnum):
    """How the questions are held out."""

    leave_one_out = "leave-one-out"
    time = "time"
    random = "random"
    user = "user"


class Regime(StrEnum):
    """Whether the validation events may be learnt from."""

    t = "T"
    t_v = "T+V"


def evaluate(
    project: ProjectPath,
    protocol: Annotated[
        SplitName, typer.Option(help="How questions are held out.")
    ] = SplitName.leave_one_out,
    regime: Annotated[
        Regime, typer.Option(help="Leave-one-out: fit without (T) or with (T+V) the validation events.")
    ] = Regime.t,
    k: Annotated[list[int] | None, typer.Option("--k", min=1, help="Cut of the list; repeatable.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report with pictures: one file.")] = None,
    variety: Annotated[
        Path | None, typer.Option(help="Write what variety costs, drawn along the dial: one file.")
    ] = None,
    floors: Annotated[bool, typer.Option("--floors/--no-floors", help="Measure the baselines too.")] = True,
    seen: Annotated[
        bool | None,
        typer.Option("--seen/--no-seen", help="May items of the history come back? As served, unless said."),
    ] = None,
    max_questions: Annotated[int, typer.Option(min=0, help="Ask a random sample of so many; 0 = all.")] = 0,
    seed: Seed = 0,
    locale: Annotated[str, locale_option("the HTML report")] = "en",
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Measure the recommender of zhiyin.toml on held-out events, beside the baselines.

    Example: zhiyin eval shop --protocol time --k 10 --html report.html
    """
    from zhiyin.data.order import is_ordered
    from zhiyin.evaluate import Protocol
    from zhiyin.evaluate import evaluate as run

    out, place = Output(as_json=as_json), Project(project)
    check_file(html, variety)
    with out.stages() as progress:
        progress("reading data")
        data = place.load_data()
        recommender = place.configured(data, allow_import or ())
        rules = Protocol(
            splitter=_splitter(protocol, regime, seed),
            filter_seen=not (recommender.repeats if seen is None else seen),
            k=_cuts(out, k, data.n_items),
            max_questions=max_questions,
            seed=seed,
        )
        found = run({"zhiyin": recommender}, data, rules, floors=floors, progress=progress)
    out.show(Scores(found))
    if protocol is SplitName.leave_one_out and not is_ordered(data):
        out.note(f"{UNORDERED}. So no event is the last one: --protocol random")
    if html is not None:
        found.to_html(html, title=f"zhiyin: {data.name}", locale=locale)
        out.note(f"report: {html}")
    if variety is not None:
        _price(out, variety, recommender, data, rules)
    out.result(found.as_dict())


def _cuts(out: Output, given: Sequence[int] | None, n_items: int) -> tuple[int, ...]:
    """The cuts of the list, rising; of those that are asked for none is longer than the catalogue."""
    if not given:
        return CUTS
    cuts = tuple(sorted({min(cut, n_items) for cut in given}))
    if max(given) > n_items:
        out.note(f"--k {max(given)}: the catalogue has {n_items:,} items, so lists are cut at {cuts[-1]}")
    return cuts


def _price(out: Output, path: Path, recommender: Recommender, data: Dataset, rules: Protocol) -> None:
    """One more fit, asked at several positions of the dial."""
    from zhiyin.evaluate.trade_off import trade_off

    with out.stages() as progress:
        found = trade_off(recommender, data, rules, progress=progress)
    path.write_text(found.to_html(f"zhiyin: {data.name}"), encoding="utf-8")
    out.show(Text(found.table()))
    out.note(f"variety: {path}")


def _splitter(name: SplitName, regime: Regime, seed: int) -> Splitter:
    from zhiyin.data.split import LeaveOneOut, RandomSplit, TimeSplit, UserSplit

    if name is SplitName.time:
        return TimeSplit()
    if name is SplitName.random:
        return RandomSplit(seed=seed)
    if name is SplitName.user:
        return UserSplit(seed=seed)
    return LeaveOneOut(regime="T+V" if regime is Regime.t_v else "T")
