"""Public tables made anew: bench quality."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zhiyin.cli.app import Json, Seed
from zhiyin.cli.output import Output
from zhiyin.cli.targets import check_folder

if TYPE_CHECKING:
    from zhiyin.evaluate.bench import BenchResult

__all__ = ["bench"]

bench = typer.Typer(help="Make the public tables anew.", no_args_is_help=True)


@bench.command("quality")
def quality(
    names: Annotated[
        list[str], typer.Option("--set", help="A table such as ml-1m/T, or a set for all of its; repeatable.")
    ],
    data: Annotated[Path | None, typer.Option(help="Folder of the sets; default $ZHIYIN_DATA.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="So many seeds, from --seed on.")] = 1,
    seed: Seed = 0,
    validation: Annotated[
        bool, typer.Option("--validation", help="The part on which settings are chosen, instead of the test.")
    ] = False,
    max_questions: Annotated[int, typer.Option(min=0, help="Ask a random sample of so many; 0 = all.")] = 0,
    floors: Annotated[bool, typer.Option("--floors/--no-floors", help="Measure the baselines too.")] = True,
    source: Annotated[
        list[str] | None, typer.Option(help="A source that gets a row of its own; repeatable.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML of a recommender; without it the default for the set.")
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for table, JSON, HTML and settings of every table.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the default recommender on public sets, beside the baselines and what others have published.

    Example: zhiyin bench quality --set ml-100k --seeds 3
    """
    from zhiyin.config import from_toml
    from zhiyin.data.sets import load_bench
    from zhiyin.evaluate.bench import run_benchmark
    from zhiyin.evaluate.benchmarks import chosen

    out, results = Output(as_json=as_json), []
    check_folder(out_dir)
    for benchmark in [one for name in names for one in chosen(name)]:
        with out.stages() as progress:
            progress(f"reading {benchmark.data}")
            table = load_bench(benchmark.data, data)
            found = run_benchmark(
                benchmark,
                table,
                seeds=range(seed, seed + seeds),
                recommender=from_toml(config) if config else None,
                part="validation" if validation else "test",
                max_questions=max_questions,
                floors=floors,
                sources=source or (),
                progress=progress,
            )
        out.show(Text(found.table() + "\n"))
        out.note(f"peak memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
        if out_dir is not None:
            _write(found, out_dir)
        results.append(found.as_dict())
    out.result(results)


def _write(found: BenchResult, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stem = found.benchmark.name.replace("/", "-").replace("+", "")
    (folder / f"{stem}.txt").write_text(found.table() + "\n", encoding="utf-8")
    whole = json.dumps(found.as_dict(per_user=True), ensure_ascii=False, allow_nan=False)
    (folder / f"{stem}.json").write_text(whole, encoding="utf-8")
    (folder / f"{stem}.toml").write_text(found.settings, encoding="utf-8")
    found.evaluations[0].to_html(folder / f"{stem}.html", title=found.benchmark.name)
