"""`zhiyin demo`: from nothing to explained, measured lists on real data, in one command."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from zhiyin.cli import show
from zhiyin.cli.app import Json, N, Seed, locale_option
from zhiyin.cli.demo_words import show_words
from zhiyin.cli.output import Output, Stages, now
from zhiyin.cli.project import Project
from zhiyin.cli.scores import Scores
from zhiyin.cli.targets import check_folder
from zhiyin.errors import ConfigError, DataError
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.data.dataset import Dataset
    from zhiyin.data.split import Holdout
    from zhiyin.evaluate import Evaluation, Protocol
    from zhiyin.recommendations import Recommendations
    from zhiyin.recommender import Recommender

__all__ = ["Shown", "demo"]

USERS = "471,904"
METRICS = ("ndcg@10", "hit@10", "mrr@10", "coverage@10")
N_HISTORY = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """One user of the demonstration: what was known, what was listed, what came next."""

    user: str
    history: tuple[str, ...]
    """Titles, oldest first."""
    n_history: int
    next: str
    """The id of the item that this user really chose next; the recommender has not seen it."""
    recommendations: Recommendations

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        kept = {name: getattr(self, name) for name in ("user", "history", "n_history", "next")}
        return {**kept, "recommendations": self.recommendations.to_dicts()}


def demo(
    out_path: Annotated[Path, typer.Option("--out", help="Folder for the project.")] = Path("zhiyin-demo"),
    data_path: Annotated[
        Path | None, typer.Option("--data", help="Your own copy of a MovieLens set: a folder or .zip.")
    ] = None,
    users: Annotated[str, typer.Option(help="Ids of the users to show, separated by commas.")] = USERS,
    n: N = 10,
    measure: Annotated[bool, typer.Option("--eval/--no-eval", help="Measure on all users.")] = True,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep data, artefact and report.")] = True,
    locale: Annotated[str, locale_option("the reasons")] = "en",
    seed: Seed = 0,
    llm: Annotated[
        bool, typer.Option("--llm", help="Show profile, tags and intents, with a model if there is one.")
    ] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Then serve it over HTTP.")] = False,
    port: Annotated[int | None, typer.Option(help="With --serve: port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="With --serve: processes that answer.")] = None,
    as_json: Json = False,
) -> None:
    """Recommend films from MovieLens 100K, say why, and measure how good it is. Everything is set up here.

    Example: zhiyin demo --users 7,42 -n 5
    """
    from zhiyin.data.movielens import load_movielens
    from zhiyin.data.split import LeaveOneOut
    from zhiyin.evaluate import Protocol

    if serve and _is_ready(out_path, as_json=as_json, save=save):
        return _served(out_path, port, workers)
    check_folder(out_path if save else None)
    out, started = Output(as_json=as_json), time.perf_counter()
    with out.stages() as progress:
        progress("fetch and import MovieLens" if data_path is None else "import MovieLens")
        data = load_movielens(data_path)
        rules = Protocol(splitter=LeaveOneOut(regime="T+V"), seed=seed)
        split = rules.splitter.split(data)
        recommender = _fitted(split.fit, seed, progress)
    hidden = "The last film of each user is hidden: the lists have to foresee it. ★ marks it."
    out.show(Text(repr(data), "bold"), Text(hidden, "dim"))
    shown = [_shown(recommender, split.holdout, user.strip(), n, locale) for user in users.split(",")]
    for one in shown:
        _print_user(out, one, data, locale)
    words = show_words(out, recommender, shown[0].user) if llm else None
    found = _measured(out, recommender, data, rules) if measure else None
    files = _saved(out, Project(out_path), recommender, split.fit, found) if save else {}
    seconds = time.perf_counter() - started
    out.show(Text(f"\nall of it in {seconds:.0f} s", "dim"), *(_next_steps(out_path, shown) if save else ()))
    out.result(
        {
            "data": data.describe(),
            "users": [one.as_dict() for one in shown],
            "words": words,
            "evaluation": found.as_dict() if found else None,
            "stages_s": progress.seconds,
            "seconds": seconds,
            "files": files,
        }
    )
    return _served(out_path, port, workers) if serve else None


def _is_ready(project: Path, *, as_json: bool, save: bool) -> bool:
    """Whether an earlier demonstration has left what can be served."""
    if as_json or not save:
        raise ConfigError("--serve needs what is saved and blocks: it does not go with --json or --no-save")
    return Project(project).artefact.is_dir()


def _served(project: Path, port: int | None, workers: int | None) -> None:
    """The project of an earlier demonstration is served as it is."""
    from zhiyin.cli.serve import run_service
    from zhiyin.serve.settings import ServeSettings

    curl = 'curl -H "Authorization: Bearer $ZHIYIN_KEY" "ADDRESS/v1/recommend?user=471&n=5"'
    run_service(
        project,
        ServeSettings.of_project(project, {"port": port, "workers": workers}),
        ["try it:", f"  {curl}"],
    )


def _fitted(data: Dataset, seed: int, progress: Stages) -> Recommender:
    from zhiyin.recommender import Recommender

    recommender = Recommender.default(data)
    if recommender.encoder is not None:
        texts = [data.items.describe(code) for code in range(data.n_items)]
        stage = f"encode {len(texts):,} films"
        for begin in range(0, len(texts), 256):
            progress(stage, begin, len(texts))
            recommender.encoder.encode(texts[begin : begin + 256])
        progress(stage, len(texts), len(texts))
    return recommender.fit(data, seed=seed, progress=progress)


def _shown(recommender: Recommender, holdout: Holdout, user: str, n: int, locale: str) -> Shown:
    """The list of one user, made at the moment of the hidden event and without knowing it."""
    data = holdout.data
    places = (holdout.user == data.users.code(user)).nonzero()[0]
    if not len(places):
        raise DataError(
            f"a user of {data.name} with three films or more", value=user, hint="for example --users 7,42"
        )
    place = int(places[0])
    seen = holdout.history(place)
    return Shown(
        user,
        tuple(data.items.titles[code] for code in seen.items),
        len(seen),
        data.items.ids[int(holdout.targets(place)[0])],
        recommender.recommend(user, n=n, locale=locale, at=holdout.at(place)),
    )


def _print_user(out: Output, one: Shown, data: Dataset, locale: str) -> None:
    out.show(
        show.heading(f"User {one.user}", f"{one.n_history} films; the last {min(N_HISTORY, one.n_history)}:")
    )
    out.show(show.titles(one.history[-N_HISTORY:]))
    marks = {one.next: "★"}
    out.show(show.recommendations(one.recommendations, locale=locale, marked=marks))
    if one.next not in {row.item for row in one.recommendations}:
        title = data.items.titles[data.items.ids.code(one.next)]
        out.show(Text(f"★  not in this list: {printable(title)}", "dim"))


def _measured(out: Output, recommender: Recommender, data: Dataset, rules: Protocol) -> Evaluation:
    """The recommender that was just shown, beside the baselines; it was fitted under these very rules."""
    from zhiyin.evaluate import evaluate

    with out.stages() as progress:
        found = evaluate({"zhiyin": recommender}, data, rules, fit=False, progress=progress)
    out.show(show.heading("How good is it?", "the hidden film of every user, among the whole catalogue"))
    out.show(Scores(found, METRICS))
    return found


def _saved(
    out: Output, place: Project, recommender: Recommender, data: Dataset, found: Evaluation | None
) -> dict[str, str]:
    from zhiyin.config import commented_toml

    with out.stages() as progress:
        progress(f"write {place.path}")
        place.path.mkdir(parents=True, exist_ok=True)
        data.save(place.data)
        recommender.save(place.artefact, created_at=now())
        place.config.write_text(commented_toml(recommender), encoding="utf-8")
        files = {"data": place.data, "artefact": place.artefact, "config": place.config}
        if found is not None:
            files["report"] = place.path / "report.html"
            found.to_html(files["report"], title="zhiyin on MovieLens 100K")
    return {name: str(file) for name, file in files.items()}


def _next_steps(place: Path, shown: Sequence[Shown]) -> list[Text]:
    user = shown[0].user
    steps = {
        f"open {place}/report.html": "the evaluation, with pictures",
        f"zhiyin recommend {place} {user} --trace": "every stage of the decision",
        f'zhiyin recommend {place} --words "a space adventure"': "a stranger, in words",
        f'zhiyin similar {place} "Star Wars (1977)"': "what goes with one film",
        "zhiyin init shop": "your own data",
    }
    wide = max(map(len, steps))
    return [
        Text.assemble("  ", (f"{command:<{wide}}", "green"), "  ", (why, "dim"))
        for command, why in steps.items()
    ]
