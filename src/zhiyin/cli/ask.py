"""Questions to a fitted recommender: recommend, similar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhiyin.cli import show
from zhiyin.cli.answering import Answering, answering
from zhiyin.cli.app import AllowImport, Json, N, ProjectPath, locale_option
from zhiyin.cli.output import Output
from zhiyin.cli.project import catalogue, item_code, suggestions

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender
    from zhiyin.types import Query, Trace

__all__ = ["recommend", "similar", "why_not"]


def recommend(
    project: ProjectPath,
    user: Annotated[str | None, typer.Argument(help="Id of the user; leave it out for a stranger.")] = None,
    n: N = 10,
    history: Annotated[
        str | None,
        typer.Option(help="Ids of items, oldest first, instead of what is stored: a,b,c"),
    ] = None,
    words: Annotated[str, typer.Option(help="What is asked for, in words.")] = "",
    locale: Annotated[str, locale_option("the reasons")] = "en",
    seen: Annotated[
        bool | None,
        typer.Option("--seen/--no-seen", help="May items of the history come back? As fitted, unless said."),
    ] = None,
    with_trace: Annotated[bool, typer.Option("--trace", help="Show every stage of the decision.")] = False,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """The best items for one user now, each with its reason.

    Example: zhiyin recommend shop alice -n 5 --words "something for rainy days" --trace
    """
    out = Output(as_json=as_json)
    with answering(project, allow_import) as known:
        recommender = known.recommender
        if history is None and user is not None:
            _note_unknown(known, user, out)
        past = None if history is None else _items(recommender, history)
        query = known.query(user, history=past, words=words, locale=locale, seen=seen)
        query = recommender.reader_.read(query, catalogue(recommender))
    told = _understood(recommender, query, n)
    if told:
        out.note(told["understood"])
    if with_trace:
        decision = recommender.worded(recommender.decide(query, n), n, checked=True)
        out.show(show.recommendations(decision.recommendations, locale=locale), show.trace(decision))
        out.result({**_trace_value(decision), **told})
    else:
        found = recommender.answer(query, n)
        out.show(show.recommendations(found, locale=locale))
        if found.degraded:
            out.note(f"answered without: {', '.join(found.degraded)}", "yellow")
        rows = found.to_dicts()
        out.result({"user": user, "version": found.version, **told, "recommendations": rows})


def similar(
    project: ProjectPath,
    item: Annotated[str, typer.Argument(help="Id or title of an item.")],
    n: N = 10,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Items that go with one item.

    Example: zhiyin similar shop "Green tea"
    """
    out = Output(as_json=as_json)
    with answering(project, allow_import) as known:
        recommender = known.recommender
    items = catalogue(recommender)
    code = item_code(items, item)
    found = recommender.similar(items.ids[code], n)
    out.show(show.heading(items.titles[code], f"item {items.ids[code]}"), show.recommendations(found))
    out.result({"item": items.ids[code], "title": items.titles[code], "similar": found.to_dicts()})


def why_not(
    project: ProjectPath,
    item: Annotated[str, typer.Argument(help="Id or title of the item that is missed.")],
    user: Annotated[str | None, typer.Argument(help="Id of the user; leave it out for a stranger.")] = None,
    n: N = 10,
    history: Annotated[
        str | None,
        typer.Option(help="Ids of items, oldest first, instead of what is stored: a,b,c"),
    ] = None,
    words: Annotated[str, typer.Option(help="What is asked for, in words.")] = "",
    where: Annotated[str, typer.Option(help="A filter on attributes: price < 30")] = "",
    locale: Annotated[str, locale_option("the answer")] = "en",
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Why an item is not in a user's list, and what would have to be different.

    Example: zhiyin why-not shop "Green tea" alice
    """
    from zhiyin.data.filters import parse_filter
    from zhiyin.why_not import absence

    out = Output(as_json=as_json)
    wanted = parse_filter(where) if where.strip() else None
    with answering(project, allow_import) as known:
        recommender = known.recommender
        items = catalogue(recommender)
        missed = items.ids[item_code(items, item)]
        past = None if history is None else _items(recommender, history)
        query = known.query(user, history=past, words=words, where=where, locale=locale)
    found = absence(recommender, query, missed, n, where=wanted)
    out.show(show.absence(found))
    out.result(found)


def _understood(recommender: Recommender, query: Query, n: int) -> dict[str, Any]:
    """What the words were taken for, in one line, and what no item meets; empty without words."""
    from zhiyin.explain.understood_words import understood_as
    from zhiyin.retrieve.understood import understood

    if query.intent is None:
        return {}
    items = catalogue(recommender)
    found = understood(query, items, n)
    sentence = understood_as(query.intent, items, locale=query.locale, relaxed=found.relaxed)
    lists = {"relaxed": list(found.relaxed), "unmet": [*query.intent.unmet, *found.unmet]}
    return {"understood": sentence, **lists} if sentence else {}


def _items(recommender: Recommender, names: str) -> list[str]:
    items = catalogue(recommender)
    return [items.ids[item_code(items, name.strip())] for name in names.split(",") if name.strip()]


def _note_unknown(known: Answering, user: str, out: Output) -> None:
    """Strangers are answered all the same, but a slip of the pen should be seen."""
    if known.knows(user):
        return
    near = suggestions(user, known.users())
    hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
    out.note(f"user {user!r} is unknown: this is what a stranger gets.{hint}", "yellow")


def _trace_value(decision: Trace) -> dict[str, Any]:
    query = decision.query
    return {
        "query": {
            "user": query.user,
            "words": query.words,
            "locale": query.locale,
            "n_history": len(query.history),
        },
        "stages": decision.stages,
        "recommendations": decision.recommendations,
        "version": decision.version,
        "degraded": decision.degraded,
    }
